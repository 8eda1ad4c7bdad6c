"""The routes of a served model, and which model a request means.

A body is read on the event loop; all else that a request takes, parsing, predicting and writing, happens in a thread of
the pool, so that a long request stops no short one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from mlops_nb.serving.online import document, records
from mlops_nb.serving.online.doors import JSON, Doors
from mlops_nb.serving.online.json_text import read_json, write_json
from mlops_nb.serving.online.refusals import Failed, MethodRefused, NotFound, Refused
from mlops_nb.serving.online.tensors import TRANSFORM, Tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from mlops_nb.serving.model import LoadedModel
    from mlops_nb.serving.online.doors import Application


@dataclass(frozen=True)
class Desk:
    """Says which model version a request means; with one version that is easy."""

    model: LoadedModel

    def of(self, name: str, version: str = "") -> LoadedModel:
        """Return the model that a path names.

        Raises
        ------
        NotFound
            When it is not served here.
        """
        served = self.model.version
        if name != served.model or version not in {"", str(served.version)}:
            asked = f"{name} {version}".strip()
            message = f"There is no model `{asked}` here."
            raise NotFound(message, hint=f"This server answers for {served.model}, version {served.version}.")
        return self.model


@dataclass(frozen=True)
class Routes:
    """What each route does.

    Parameters
    ----------
    desk
        Which model a request means.
    doors
        How a body is read.
    pool
        The threads in which requests are worked on.
    server_version
        Of this package, for the server's metadata.
    """

    desk: Desk
    doors: Doors
    pool: Executor
    server_version: str

    async def predict(self, request: Request) -> Response:
        """Predict rows: JSON objects with the model's columns."""
        return await self._worked(request, partial(records.predict, self.desk.model))

    async def transform(self, request: Request) -> Response:
        """Tell the features that the model's last step is given for rows."""
        return await self._worked(request, partial(records.transform, self.desk.model))

    async def infer(self, request: Request, name: str, version: str = "") -> Response:
        """Answer an inference request of the Open Inference Protocol."""
        self.desk.of(name, version)
        return await self._worked(request, self._tensors.infer)

    async def server(self) -> Response:
        """Tell what this server is."""
        # An output beside those of the metadata, told when it is asked for by name.
        extensions = [] if self.desk.model.transforms is None else [f"output_{TRANSFORM}"]
        return _told({"name": "mlops_nb", "version": self.server_version, "extensions": extensions})

    async def live(self) -> Response:
        """Tell that the server answers."""
        return _told({"live": True})

    async def ready(self) -> Response:
        """Tell that the model answers: before it has answered its sample rows, the port is not open."""
        # The protocol's text calls the field `live` here too.
        return _told({"live": True, "ready": True})

    async def model_ready(self, name: str, version: str = "") -> Response:
        """Tell that a model answers."""
        return _told({"name": self.desk.of(name, version).version.model, "ready": True})

    async def model_metadata(self, name: str, version: str = "") -> Response:
        """Tell the tensors that a model takes and gives."""
        self.desk.of(name, version)
        return _told(self._metadata)

    @cached_property
    def _tensors(self) -> Tensors:
        return Tensors(self.desk.model)

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        return self._tensors.metadata()

    async def _worked(self, request: Request, act: Callable[[Any], Any]) -> Response:
        body = await self.doors.body(request.scope, request.receive)
        loop = asyncio.get_running_loop()
        return Response(await loop.run_in_executor(self.pool, _work, act, body), media_type=JSON)


def build(routes: Routes) -> Application:
    """Return the ASGI application of a served model."""
    model = routes.desk.model
    served = model.version
    # No pages of its own: those of FastAPI load their scripts from the network.
    app = FastAPI(
        title=f"{served.model} {served.version}",
        version=str(served.version),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    one, of_version = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    tensors = document.tensors_route()
    for path, post, told in (
        ("/predict", routes.predict, document.rows_route(model, "predictions")),
        ("/transform", routes.transform, document.rows_route(model, "features")),
        (f"{one}/infer", routes.infer, tensors),
        (f"{of_version}/infer", routes.infer, tensors),
    ):
        app.add_api_route(path, post, methods=["POST"], response_class=Response, openapi_extra=told)
    for path, get in (
        ("/v2", routes.server),
        ("/v2/health/live", routes.live),
        ("/v2/health/ready", routes.ready),
        (one, routes.model_metadata),
        (of_version, routes.model_metadata),
        (f"{one}/ready", routes.model_ready),
        (f"{of_version}/ready", routes.model_ready),
    ):
        app.add_api_route(path, get, methods=["GET"], response_class=Response, openapi_extra=document.plain_route())
    app.openapi()["components"] = document.SECURITY
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _no_method)
    app.add_exception_handler(Exception, _failed)
    return routes.doors.guard(app)


def _work(act: Callable[[Any], Any], body: bytes) -> bytes:
    return write_json(act(read_json(body)))


def _told(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(write_json(value), status_code=status, headers=headers, media_type=JSON)


async def _refused(request: Request, error: Any) -> Response:
    del request
    return _told(error.to_json(), int(error.status))


async def _not_found(request: Request, error: Any) -> Response:
    del error
    message = f"There is no route {request.url.path}."
    return await _refused(request, NotFound(message, hint="GET /openapi.json tells the routes."))


async def _no_method(request: Request, error: Any) -> Response:
    allowed = dict(error.headers or {})
    message = f"{request.method} is not for {request.url.path}."
    refused = MethodRefused(message, hint=f"It takes {allowed.get('Allow', 'another method')}.")
    return _told(refused.to_json(), int(refused.status), allowed)


async def _failed(request: Request, error: Any) -> Response:
    message = f"The service failed: {type(error).__name__}."
    return await _refused(request, Failed(message, hint="The traceback is where the server was started."))
