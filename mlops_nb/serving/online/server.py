"""A served model's process: its port, its threads, and an end at which every request that came in is answered.

1. The model answers its sample rows once: what it imports late is imported, and one that cannot answer is not served.
2. The port is opened, and whoever waits is told where.
3. SIGTERM, SIGINT or SIGHUP closes the port; the requests that are there are answered, and the process ends.
"""

from __future__ import annotations

import errno
import gc
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.serving.online.doors import Doors, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn import Config

    from mlops_nb.serving.model import LoadedModel

PORT = 8080


class PortTaken(UsageError):  # noqa: N818 - the name of the fact
    """Another process has the port, or it may not be opened."""

    code = "port-taken"


class CannotAnswer(MlopsNbError):  # noqa: N818 - the name of the fact
    """The model does not answer its own sample rows here."""

    code = "cannot-answer"


@dataclass(frozen=True)
class Place:
    """Where and how a model is served.

    Parameters
    ----------
    host, port
        The address, a loopback one unless told; any free port when 0.
    token
        What every request must show; none is wanted when empty, which a loopback address alone may do.
    allow_hosts
        Further names by which requests may call the server.
    body_mb
        Most megabytes of a request's body.
    threads
        How many requests are worked on at once.
    grace_s
        How long requests that are there may take when the process is to end.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str = field(default="", repr=False)
    allow_hosts: tuple[str, ...] = ()
    body_mb: float = 10.0
    threads: int = 2
    grace_s: int = 30


def serve(model: LoadedModel, place: Place, on_ready: Callable[[str], None]) -> None:
    """Serve a model until a signal ends it.

    Parameters
    ----------
    model
        The version, loaded.
    place
        Where and how.
    on_ready
        Told the URL once requests are answered.

    Raises
    ------
    UsageError
        When the extra `serving` is not installed, the version has no signature or sample rows, or the address is no
        loopback one and wants no token.
    CannotAnswer
        When the model does not answer its sample rows.
    PortTaken
        When the port cannot be opened.
    """
    _require_fastapi()
    if not place.token and not is_loopback(place.host):
        message = f"Whoever reaches {place.host} could use the model: there a token is wanted."
        raise UsageError(message, hint="Leave out --no-token, or serve on 127.0.0.1.")
    import uvicorn

    from mlops_nb.serving.online.app import Desk, Routes, build

    _require_answer(model)
    hosts = frozenset(name.lower() for name in (place.host, *place.allow_hosts))
    doors = Doors(place.token, hosts, place.body_mb)
    with ThreadPoolExecutor(place.threads, "predicting") as pool:
        application: Any = build(Routes(Desk(model), doors, pool, version("mlops_nb")))
        config = uvicorn.Config(
            application,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=place.grace_s,
        )
        with _opened(place.host, place.port) as opened:
            _run(config, opened, on_ready)


def _run(config: Config, opened: socket.socket, on_ready: Callable[[str], None]) -> None:
    import uvicorn

    host, port = opened.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    class Server(uvicorn.Server):
        """Tells when it answers; from then on a signal ends it well."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Begin to answer."""
            if hasattr(signal, "SIGHUP"):
                # A closed terminal; uvicorn takes the other two.
                signal.signal(signal.SIGHUP, self.handle_exit)
            await super().startup(sockets)
            on_ready(url)

    server = Server(config)
    # What was imported and loaded stays until the end: the collector need not look at it during requests.
    gc.collect()
    gc.freeze()
    try:
        server.run(sockets=[opened])
    except KeyboardInterrupt:
        # When all is answered, uvicorn raises the signal again that ended it: this is the end that was asked for.
        if not server.should_exit:
            raise


def _opened(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        opened = socket.create_server(address[:2], family=family, backlog=2048)
    except socket.gaierror:
        message = f"There is no address {host}."
        raise UsageError(message, hint="Name one of this machine's addresses: --host 127.0.0.1") from None
    except OverflowError:
        message = f"There is no port {port}."
        raise UsageError(message, hint="Ports are 1 to 65535; 0 takes any free one.") from None
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            message = f"{host} is no address that can be served on: {error.strerror or error}."
            raise UsageError(message, hint="Name one of this machine's addresses: --host 127.0.0.1") from error
        taken = error.errno == errno.EADDRINUSE
        message = f"Port {port} of {host} {'is taken by another process' if taken else 'may not be opened'}."
        raise PortTaken(message, hint="Name another one, or 0 for any that is free: --port 0") from error
    return opened


def _require_answer(model: LoadedModel) -> None:
    served = model.version
    name = f"{served.model} version {served.version}"
    if model.columns and model.sample is None:
        message = f"{name} has no sample rows: of which types its columns are is not known."
        raise UsageError(message, hint="Name rows as the output's `sample_input`, and run the notebook.")
    try:
        model.answers(model.sample)
    except Exception as error:
        message = f"{name} does not answer its sample rows: {type(error).__name__}: {error}"
        hint = (
            f"mlops-nb probe {served.model} {served.version} tells which packages differ from those it was made with."
        )
        raise CannotAnswer(message, hint=hint) from error


def _require_fastapi() -> None:
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        message = f"Serving needs {error.name}, which is not installed."
        raise UsageError(message, hint="Install it: pip install 'mlops_nb[serving]'") from None
