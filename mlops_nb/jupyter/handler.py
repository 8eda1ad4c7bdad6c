"""What all routes have in common: who may ask, what may be asked, how it is answered, and how it is refused."""

from __future__ import annotations

import asyncio
import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.base.handlers import APIHandler
from tornado import web

from mlops_nb.artifacts import ArtifactMissing
from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.execution.deciding import NotWaiting
from mlops_nb.execution.resuming import CannotResume
from mlops_nb.jupyter.contract import BadRequest, check_body, check_query
from mlops_nb.jupyter.jobs import CannotStop
from mlops_nb.jupyter.paths import NoSuchPath
from mlops_nb.metadata import AliasMoved, AlreadyDecided, AlreadyEnded, UnknownRecord
from mlops_nb.registry import NotProven

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.jupyter.following import Follower
    from mlops_nb.jupyter.jobs import Jobs
    from mlops_nb.jupyter.served import Served

SETTING = "mlops_nb"
# The kind of an error decides; the first that fits counts.
_STATUS: tuple[tuple[type[MlopsNbError], int], ...] = (
    (BadRequest, 400),
    (NoSuchPath, 404),
    (UnknownRecord, 404),
    (ArtifactMissing, 404),
    (AliasMoved, 409),
    (NotProven, 409),
    (AlreadyEnded, 409),
    (AlreadyDecided, 409),
    (NotWaiting, 409),
    (CannotResume, 409),
    (CannotStop, 409),
    (UsageError, 422),
    (MlopsNbError, 500),
)
_CODES = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "not-allowed"}


class Handler(APIHandler):
    """A route; its class has the path as the OpenAPI document writes it.

    Every verb wants `@web.authenticated` and `@authorized`, which asks the server's authorizer about the resource
    `mlops_nb`: `read` for GET, `write` for POST. JupyterHandler has checked Host, Origin and XSRF before.
    """

    auth_resource = "mlops_nb"
    route: ClassVar[str]

    @property
    def served(self) -> Served:
        """What this server serves."""
        found: Served = self.settings[SETTING]["served"]
        return found

    @property
    def jobs(self) -> Jobs:
        """The processes of this server."""
        found: Jobs = self.settings[SETTING]["jobs"]
        return found

    @property
    def follower(self) -> Follower:
        """Who passes events on."""
        found: Follower = self.settings[SETTING]["follower"]
        return found

    def body(self, schema: str) -> dict[str, Any]:
        """Return the request's body, which fits the schema of that name."""
        try:
            given = json.loads(self.request.body) if self.request.body.strip() else {}
        except ValueError as error:
            message = "The request is no JSON."
            raise BadRequest(message, hint="See openapi.json of this API.") from error
        return check_body(schema, given)

    def query(self) -> dict[str, Any]:
        """Return the request's query, typed."""
        return check_query(self.route, lambda name: self.get_query_argument(name, None))

    async def ask(self, question: Callable[..., Any], *given: Any, **more: Any) -> Any:
        """Ask something that takes a while, on a thread, and return the answer."""
        return await asyncio.get_running_loop().run_in_executor(None, partial(question, *given, **more))

    def answer(self, found: Any, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.finish(json.dumps(_finite(found), default=str, allow_nan=False))

    def content(self, found: bytes | str, media_type: str, policy: str) -> None:
        """Answer with content that a run made: nothing in it may act, whatever it is.

        Parameters
        ----------
        found
            The content.
        media_type
            What it is.
        policy
            Its Content-Security-Policy.
        """
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", policy)
        self.set_header("Content-Disposition", "inline")
        self.finish(found, set_content_type=media_type)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the fact and the next act, in the one form of all refusals."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        told: dict[str, Any]
        if isinstance(error, MlopsNbError):
            status_code = next(status for kind, status in _STATUS if isinstance(error, kind))
            told = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
            found = getattr(error, "diagnostics", ())
            if found:
                told["diagnostics"] = [item.as_dict() for item in found]
        else:
            said = error.log_message if isinstance(error, web.HTTPError) else None
            fallback = "The request was refused." if status_code < 500 else "The server failed; its log says why."  # noqa: PLR2004 - HTTP
            told = {"error": {"code": _CODES.get(status_code, "error"), "message": said or fallback, "hint": ""}}
        self.set_status(status_code)
        # JupyterLab's own client shows `message`.
        self.finish(json.dumps({**told, "message": told["error"]["message"]}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is the server's fault; what was asked wrongly is told to whoever asked."""
        if isinstance(value, MlopsNbError):
            self.log.debug("mlops_nb refused %s: %s", self.request.uri, value.message)
        else:
            super().log_exception(typ, value, tb)


def _finite(value: Any) -> Any:
    """Return a value as JSON that a browser reads: it knows no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
