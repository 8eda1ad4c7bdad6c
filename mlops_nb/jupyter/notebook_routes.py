"""Routes about a notebook as it is written: its plan, proposed tags, its compiled form, a step's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_nb.jupyter.contract import document
from mlops_nb.jupyter.handler import Handler
from mlops_nb.jupyter.plan_view import plan_view
from mlops_nb.jupyter.values import layers
from mlops_nb.lifecycle import compile_pipeline
from mlops_nb.notebook.settings import schema
from mlops_nb.steps.suggest import suggest

if TYPE_CHECKING:
    from mlops_nb.lifecycle import Pipeline


class DocumentRoute(Handler):
    """The OpenAPI document."""

    route = "/openapi.json"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the document."""
        self.answer(document())


class SettingsSchemaRoute(Handler):
    """The JSON Schema of a step's settings."""

    route = "/settings-schema"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the schema."""
        self.answer(schema())


class PlanRoute(Handler):
    """What a run would do."""

    route = "/plan"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with the plan; nothing is executed or written."""
        asked = self.body("PlanRequest")
        found, pipeline = await self.ask(self._plan, asked)
        if found["running"] is not None:
            self.follower.follow(pipeline.project, found["running"], str(pipeline.graph.notebook.path))
        self.answer(found)

    def _plan(self, asked: dict[str, Any]) -> tuple[dict[str, Any], Pipeline]:
        pipeline = self.served.pipeline(asked["path"], asked.get("content"))
        with self.served.stores(pipeline) as opened:
            return plan_view(pipeline, self.served.root, opened, asked), pipeline


class SuggestRoute(Handler):
    """Proposed tags."""

    route = "/suggest"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with the tags that `mlops-nb suggest` proposes."""
        self.answer(await self.ask(self._suggest, self.body("NotebookRequest")))

    def _suggest(self, asked: dict[str, Any]) -> dict[str, Any]:
        notebook = self.served.pipeline(asked["path"], asked.get("content")).graph.notebook
        found = suggest(notebook)
        return {"changes": found.as_dict()["changes"], "diff": found.as_diff()}


class CompileRoute(Handler):
    """The pipeline as a plain Ploomber project."""

    route = "/compile"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Write it, and answer with what was written."""
        self.answer(await self.ask(self._compile, self.body("CompileRequest")))

    def _compile(self, asked: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.served.pipeline(asked["path"])
        made = compile_pipeline(pipeline, layers(pipeline.graph.parameters, asked.get("parameters")))
        shown = self.served.root.path_of
        files = {
            kind: [shown(path) or str(path) for path in getattr(made, kind)]
            for kind in ("written", "unchanged", "removed")
        }
        return {"folder": shown(pipeline.folder) or str(pipeline.folder), **files}
