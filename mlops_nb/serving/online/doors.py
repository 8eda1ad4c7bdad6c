"""Who may come in: a check of every request before any route, also of routes that are not there.

1. The Host must be this server's, so that a page whose name was rebound to it gets nothing (DNS rebinding).
2. An Origin, which browsers alone send, must be this server's too.
3. The token must be there: `Authorization: Bearer TOKEN` (RFC 6750), compared in constant time.
4. A body must be said to be JSON and no larger than is allowed, whatever its Content-Length says.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_nb.serving.online.json_text import write_json
from mlops_nb.serving.online.refusals import HostRefused, NoToken, OtherType, Refused, TooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
JSON = "application/json"
_MB = 1_000_000


def is_loopback(host: str) -> bool:
    """Say whether a name or address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


@dataclass(frozen=True)
class Doors:
    """What a request must have.

    Parameters
    ----------
    token
        What it must show; nothing when empty.
    hosts
        The names, without port and in small letters, that it may call this server by, beside `localhost` and the
        address that it came to.
    body_mb
        Most megabytes of a body.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()
    body_mb: float = 10.0

    def check(self, scope: MutableMapping[str, Any]) -> None:
        """Refuse a request that may not come in.

        Parameters
        ----------
        scope
            As ASGI describes a request.

        Raises
        ------
        HostRefused, NoToken
            When it may not.
        """
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        # The address of the connection itself: a name that was rebound to it would be told as the name.
        known = LOOPBACK | self.hosts | {str((scope.get("server") or ("",))[0])}
        _require_known(f"//{headers.get('host', '')}", "Host", known)
        if "origin" in headers:
            _require_known(headers["origin"], "Origin", known)
        if not self.token:
            return
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(shown.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not right:
            message = "The request has no token." if not shown else "The request's token is not this server's."
            raise NoToken(message, hint="Send it as a header: Authorization: Bearer TOKEN")

    def guard(self, application: Application) -> Application:
        """Return an ASGI application that lets in only what may come in."""

        async def guarded(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                try:
                    self.check(scope)
                except Refused as refused:
                    await _answer(refused, send)
                    return
            elif scope["type"] != "lifespan":
                # There are no websockets here.
                await send({"type": "websocket.close", "code": 1008})
                return
            await application(scope, receive, send)

        return guarded

    async def body(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes:
        """Return the body of a request.

        Raises
        ------
        OtherType
            When it is not said to be JSON.
        TooLarge
            When it is too large; then no more of it was read than is allowed.
        """
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if kind != JSON:
            message = f"The body is said to be `{kind}`." if kind else "The request does not say what its body is."
            raise OtherType(message, hint=f"Send JSON, and say so: Content-Type: {JSON}")
        most = int(self.body_mb * _MB)
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told) > most:
            raise self._too_large()
        pieces: list[bytes] = []
        length = 0
        more = True
        while more:
            came = await receive()
            if came["type"] == "http.disconnect":
                # Nobody is there any more to be answered.
                break
            piece = came.get("body", b"")
            more = came.get("more_body", False)
            length += len(piece)
            if length > most:
                raise self._too_large()
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _too_large(self) -> TooLarge:
        message = f"The body is larger than {self.body_mb:g} MB."
        return TooLarge(message, hint="Send fewer rows at a time, or `mlops-nb predict` a file of them.")


def _require_known(address: str, header: str, known: frozenset[str]) -> None:
    try:
        name = urlsplit(address).hostname or ""
    except ValueError:
        name = ""
    if name not in known:
        message = f"The {header} of the request, `{address.removeprefix('//')}`, is not this server's."
        raise HostRefused(message, hint="A name that this server is called by is told with --allow-host.")


async def _answer(refused: Refused, send: Send) -> None:
    body = write_json(refused.to_json())
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": int(refused.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
