"""Routes about runs: listed, started, followed, ended, gone on with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_nb.execution.deciding import decide, waiting_at
from mlops_nb.execution.resuming import execution_of
from mlops_nb.jupyter.following import events_of
from mlops_nb.jupyter.handler import Handler
from mlops_nb.jupyter.jobs import interrupt
from mlops_nb.jupyter.run_view import job_summary, run_detail, run_summary, unrecorded
from mlops_nb.jupyter.values import layers
from mlops_nb.lifecycle import find_resumption
from mlops_nb.lifecycle.planning import refuse_errors
from mlops_nb.metadata import UnknownRecord
from mlops_nb.pipeline import last_part
from mlops_nb.report import models_of

if TYPE_CHECKING:
    from mlops_nb.execution.deciding import Decided
    from mlops_nb.metadata import Run, RunRecord
    from mlops_nb.project import Project


class RunHandler(Handler):
    """A route about one run."""

    def find(self, run: str, path: str | None) -> tuple[Project, str]:
        """Return the project, and the whole id of the run in it; one that has not begun is known by its whole id."""
        project = self.served.project(path)
        if self.jobs.find(project, run) is not None:
            return project, run
        with self.served.log(project) as log:
            return project, self.served.run_id(log, run)

    def record(self, run: str, path: str | None) -> tuple[Project, RunRecord]:
        """Return the project and the record of a run."""
        project = self.served.project(path)
        with self.served.log(project) as log:
            return project, log.run(self.served.run_id(log, run))

    def by(self) -> str:
        """Return who asks, for the record: the name under which JupyterLab knows the person."""
        user = self.current_user
        return str(getattr(user, "username", "") if not getattr(user, "name", "") else user.name)

    def go_on(self, run: str, path: str | None, asked: dict[str, Any]) -> tuple[Project, str, str]:
        """Start the run that goes on with a run; return the project, the notebook and the new run's id."""
        project = self.served.project(path)
        with self.served.log(project) as log:
            run = self.served.run_id(log, run)
        past = find_resumption(run, project)
        refuse_errors(past.pipeline)
        given = layers(past.pipeline.graph.parameters, asked.get("parameters"))
        past.pipeline.parameters([*past.parameters.layers, *given])
        to = execution_of(past.record).get("to", "")
        if to:
            last_part(past.pipeline.graph, to)
        notebook = str(past.pipeline.graph.notebook.path.absolute())
        whole = {**asked, "kind": "resume", "of": run, "notebook": notebook, "origin": self.by(), "at": _now()}
        return project, notebook, self.jobs.start(project, whole)


class RunsRoute(RunHandler):
    """Runs, listed and started."""

    route = "/runs"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a page of runs."""
        page, running = await self.ask(self._page, self.query())
        for project, run, notebook in running:
            self.follower.follow(project, run, notebook)
        self.answer(page)

    def _page(self, asked: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[Project, str, str]]]:
        project, root = self.served.project(asked["path"]), self.served.root
        limit, offset = asked["limit"], asked["offset"]
        if not project.has_log:
            return {"runs": [], "next": None}, []
        narrowed = {"pipeline": asked["pipeline"], "status": asked["status"]}
        with project.log() as log:
            if asked["where"] or asked["by"]:
                found = log.find_runs(asked["where"] or "", by=asked["by"], limit=limit + 1, offset=offset, **narrowed)
                listed: list[tuple[Run, Any]] = [(item.run, item.values) for item in found]
            else:
                listed = [(run, {}) for run in log.runs(limit + 1, offset, **narrowed)]
        told = [run_summary(run, root, values) for run, values in listed[:limit]]
        if not offset and not asked["where"] and not asked["by"] and asked["status"] in {None, "running"}:
            known = {item["id"] for item in told}
            told = [*(item for item in self._starting(project, asked["pipeline"]) if item["id"] not in known), *told]
        running = [(project, run.id, run.notebook) for run, _ in listed if run.status == "running"]
        return {"runs": told, "next": offset + limit if len(listed) > limit else None}, running

    def _starting(self, project: Project, pipeline: str | None) -> list[dict[str, Any]]:
        jobs = [job for job in self.jobs.starting(project) if job.asked["kind"] != "verify"]
        told = [job_summary(job, self.served.root, Path(job.asked["notebook"]).stem) for job in jobs]
        return [item for item in told if pipeline in {None, item["pipeline"]}]

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start a run, and answer with its id; what refuses it before it begins is answered at once."""
        asked = self.body("RunRequest")
        project, notebook, run = await self.ask(self._start, asked)
        self.follower.follow(project, run, notebook)
        self.answer({"run": run}, 202)

    def _start(self, asked: dict[str, Any]) -> tuple[Project, str, str]:
        pipeline = self.served.pipeline(asked["path"])
        refuse_errors(pipeline)
        pipeline.parameters(layers(pipeline.graph.parameters, asked.get("parameters")))
        if asked.get("to"):
            last_part(pipeline.graph, asked["to"])
        notebook = str(pipeline.graph.notebook.path)
        given = {name: value for name, value in asked.items() if name != "path"}
        whole = {**given, "kind": "run", "notebook": notebook, "origin": self.by(), "at": _now()}
        return pipeline.project, notebook, self.jobs.start(pipeline.project, whole)


class RunRoute(RunHandler):
    """All that is known of a run."""

    route = "/runs/{run}"

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """Answer with the run, and follow it while it goes on."""
        path = self.query()["path"]
        project, found, notebook = await self.ask(self._detail, run, path)
        if found["run"]["status"] in {"running", "starting"}:
            self.follower.follow(project, found["run"]["id"], notebook)
        self.answer(found)

    def _detail(self, run: str, path: str | None) -> tuple[Project, dict[str, Any], str]:
        project, run = self.find(run, path)
        # Before the record: what happens between the two looks is then told by an event after `events`.
        events, status = events_of(project, self.jobs, run)
        if status in {"starting", "refused"}:
            job = self.jobs.get(project, run)
            notebook = str(job.asked["notebook"])
            return project, unrecorded(job, self.served.root, Path(notebook).stem, len(events)), notebook
        with self.served.log(project) as log:
            record = log.run(run)
            models = models_of(log, record)
            told = run_detail(
                record,
                self.served.root,
                path or "",
                events=events,
                verdicts=log.verdicts(run=run),
                waits=waiting_at(log, record),
                models=models,
            )
        return project, told, record.run.notebook


class RunEventsRoute(RunHandler):
    """What happened in a run."""

    route = "/runs/{run}/events"

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """Answer with the events after one, and the run's status."""
        self.answer(await self.ask(self._events, run, self.query()))

    def _events(self, run: str, asked: dict[str, Any]) -> dict[str, Any]:
        project, run = self.find(run, asked["path"])
        events, status = events_of(project, self.jobs, run, asked["after"])
        return {"events": events, "status": status}


class StopRoute(RunHandler):
    """The end of a run, asked for."""

    route = "/runs/{run}/stop"

    @web.authenticated
    @authorized
    async def post(self, run: str) -> None:
        """Interrupt the run's process, wherever it was started on this machine."""
        self.answer({"run": await self.ask(self._stop, run, self.query()["path"])}, 202)

    def _stop(self, run: str, path: str | None) -> str:
        project, run = self.find(run, path)
        job = self.jobs.find(project, run)
        try:
            record = self.record(run, path)[1].run
        except UnknownRecord:
            interrupt(None if job is None else job.who, f"Run {run}")
            return run
        interrupt(record.who if record.status == "running" else None, f"Run {run}")
        return run


class ResumeRoute(RunHandler):
    """A run that did not succeed is gone on with."""

    route = "/runs/{run}/resume"

    @web.authenticated
    @authorized
    async def post(self, run: str) -> None:
        """Start the run that goes on with it, and answer with its id."""
        asked = self.body("ResumeRequest")
        project, notebook, new = await self.ask(self.go_on, run, self.query()["path"], asked)
        self.follower.follow(project, new, notebook)
        self.answer({"run": new}, 202)


class DecisionRoute(RunHandler):
    """A person's decision about a run that waits for one."""

    route = "/runs/{run}/decision"

    @web.authenticated
    @authorized
    async def post(self, run: str) -> None:
        """Record it, and go on with the run where it is to go on."""
        asked, path = self.body("DecisionRequest"), self.query()["path"]
        decided = await self.ask(self._decide, run, path, asked)
        new = None
        if decided.decision == "continue":
            project, notebook, new = await self.ask(self.go_on, decided.run, path, {})
            self.follower.follow(project, new, notebook)
        told = {"decided": decided.run, "step": decided.step, "decision": decided.decision, "run": new}
        self.answer(told, 200 if new is None else 202)

    def _decide(self, run: str, path: str | None, asked: dict[str, Any]) -> Decided:
        with self.served.log(self.served.project(path)) as log:
            return decide(log, self.served.run_id(log, run), by=self.by(), **asked)


class LogRoute(RunHandler):
    """What a run's process printed."""

    route = "/runs/{run}/log"

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """Answer with the text; a run that was started elsewhere has its log there."""
        text = await self.ask(self._printed, run, self.query()["path"])
        self.content(text, "text/plain; charset=utf-8", "default-src 'none'; sandbox")

    def _printed(self, run: str, path: str | None) -> str:
        project, run = self.find(run, path)
        job = self.jobs.find(project, run)
        if job is None:
            message = f"There is no log of run {run} here."
            raise UnknownRecord(message, hint="What JupyterLab did not start has its output where it was started.")
        return job.log()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
