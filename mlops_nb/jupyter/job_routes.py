"""Routes about verifications: a notebook is run whole and as a pipeline, in copies, by a process of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_nb.jupyter.jobs import interrupt
from mlops_nb.jupyter.run_routes import RunHandler
from mlops_nb.jupyter.values import layers

if TYPE_CHECKING:
    from mlops_nb.project import Project


class VerifyRoute(RunHandler):
    """A verification, started."""

    route = "/verify"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start it, and answer with its id."""
        project, notebook, job = await self.ask(self._start, self.body("VerifyRequest"))
        self.follower.follow_job(project, job, notebook)
        self.answer({"job": job}, 202)

    def _start(self, asked: dict[str, Any]) -> tuple[Project, str, str]:
        pipeline = self.served.pipeline(asked["path"])
        pipeline.parameters(layers(pipeline.graph.parameters, asked.get("parameters")))
        notebook = str(pipeline.graph.notebook.path)
        given = {name: value for name, value in asked.items() if name != "path"}
        at = datetime.now(UTC).isoformat(timespec="seconds")
        whole = {**given, "kind": "verify", "notebook": notebook, "origin": self.by(), "at": at}
        return pipeline.project, notebook, self.jobs.start(pipeline.project, whole)


class JobRoute(RunHandler):
    """How a verification goes."""

    route = "/jobs/{job}"

    @web.authenticated
    @authorized
    async def get(self, job: str) -> None:
        """Answer with its phase, and with its answer once there is one."""
        project, found, notebook = await self.ask(self._job, job, self.query()["path"])
        if found["status"] == "running":
            self.follower.follow_job(project, job, notebook)
        self.answer(found)

    def _job(self, job: str, path: str | None) -> tuple[Project, dict[str, Any], str]:
        project = self.served.project(path)
        found = self.jobs.get(project, job)
        events = found.events()
        told = {
            "job": found.id,
            "kind": found.asked["kind"],
            "status": found.status,
            "phase": events[-1]["phase"] if events else None,
            "result": None if found.answer is None else found.answer.get("result"),
            "error": found.error(),
        }
        return project, told, str(found.asked["notebook"])


class JobStopRoute(RunHandler):
    """The end of a verification, asked for."""

    route = "/jobs/{job}/stop"

    @web.authenticated
    @authorized
    async def post(self, job: str) -> None:
        """Interrupt its process."""
        await self.ask(self._stop, job, self.query()["path"])
        self.answer({"job": job}, 202)

    def _stop(self, job: str, path: str | None) -> None:
        found = self.jobs.get(self.served.project(path), job)
        interrupt(found.who if found.status == "running" else None, f"Job {job}")
