"""The route about a person's live kernel, in which this server runs nothing."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_nb.handover.probe import probe_call
from mlops_nb.jupyter.handler import Handler
from mlops_nb.jupyter.kernel_view import kernel_view, tokens


class ProbeRoute(Handler):
    """What a live kernel holds."""

    route = "/probe"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the line that the person may run in their kernel."""
        self.answer(await self.ask(self._code, self.query()["path"]))

    def _code(self, path: str) -> dict[str, Any]:
        pipeline = self.served.pipeline(path)
        with self.served.stores(pipeline) as opened:
            return {"code": probe_call(tokens(pipeline, opened)), "pipeline": pipeline.name}

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with what of it is not what the pipeline computed."""
        self.answer(await self.ask(self._compared, self.body("ProbeRequest")))

    def _compared(self, asked: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.served.pipeline(asked["path"], asked.get("content"))
        with self.served.stores(pipeline) as opened:
            return kernel_view(pipeline, opened, asked["probe"])
