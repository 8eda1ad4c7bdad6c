"""Routes that give out what a run left: executed notebooks, its page, figures and tables; and a step opened again."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_nb.execution.reopening.reopen import reopen
from mlops_nb.jupyter.run_routes import RunHandler
from mlops_nb.jupyter.run_view import PICTURES, run_summary, shown_artifacts
from mlops_nb.metadata import UnknownRecord, better, facts_of
from mlops_nb.report import models_of, render
from mlops_nb.report.tables import head_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.metadata import RunRecord

_ROWS = 100
# What a run made may hold anything: it may load nothing, run nothing and talk to nobody.
_PICTURE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_PAGE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


class StepNotebookRoute(RunHandler):
    """The executed notebook of a step."""

    route = "/runs/{run}/steps/{step}/notebook"

    @web.authenticated
    @authorized
    async def get(self, run: str, step: str) -> None:
        """Answer with the notebook, outputs as they are."""
        self.answer(await self.ask(self._notebook, run, step, self.query()["path"]))

    def _notebook(self, run: str, step: str, path: str | None) -> Any:
        _, record = self.record(run, path)
        found = next((item for item in record.steps if item.step == step), None)
        if found is not None and found.notebook:
            with suppress(OSError, ValueError):
                # Where it is, the record says, and nothing of the request does.
                return json.loads(Path(found.notebook).read_text(encoding="utf-8"))
        message = f"Run {record.run.id} has no executed notebook of a step `{step}`."
        raise UnknownRecord(message, hint="It did not run, or what the run left was removed since.")


class ReportRoute(RunHandler):
    """A run as a page."""

    route = "/runs/{run}/report"

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """Answer with the page."""
        self.content(await self.ask(self._page, run, self.query()["path"]), "text/html; charset=utf-8", _PAGE)

    def _page(self, run: str, path: str | None) -> str:
        project, record = self.record(run, path)
        with project.log() as log:
            models = models_of(log, record)
        return render(record, project.artifact_store(), models=models).encode("utf-8", "backslashreplace").decode()


class ArtifactRoute(RunHandler):
    """A figure or a table of a run."""

    route = "/runs/{run}/artifacts/{hash}"

    @web.authenticated
    @authorized
    async def get(self, run: str, hash: str) -> None:  # noqa: A002 - as the document names it
        """Answer with the figure, or with the first rows of the table."""
        content, media_type = await self.ask(self._content, run, hash, self.query()["path"])
        if isinstance(content, bytes):
            self.content(content, media_type, _PICTURE)
        else:
            self.answer(content)

    def _content(self, run: str, digest: str, path: str | None) -> tuple[Any, str]:
        project, record = self.record(run, path)
        link = next((item for item in shown_artifacts(record) if item.artifact.hash == digest), None)
        if link is None:
            message = f"Run {record.run.id} published no figure and no table {digest[:12]}."
            raise UnknownRecord(message)
        store, artifact = project.artifact_store(), link.artifact
        if artifact.media_type in PICTURES:
            return store.get(digest), artifact.media_type
        head = head_of(artifact, store, _ROWS)
        if head is None:
            message = f"The table `{link.name}` cannot be read."
            raise UnknownRecord(message, hint="What the run left was removed since, or it is too large.")
        return {"columns": head.columns, "rows": head.rows, "of": artifact.rows}, ""


class OpenRoute(RunHandler):
    """A step of a past run, opened again."""

    route = "/open"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Write the step's notebook where JupyterLab shows it, and answer with its path."""
        self.answer(await self.ask(self._open, self.body("OpenRequest"), self.query()["path"]))

    def _open(self, asked: dict[str, Any], path: str | None) -> dict[str, Any]:
        project, record = self.record(asked["run"], path)
        root = self.served.root
        # Beside the notebook; where JupyterLab does not show that, below its root.
        beside = Path(record.run.notebook).parent
        folder = beside if root.path_of(beside) is not None and beside.is_dir() else root.folder
        to = folder / "reopened" / record.run.id
        made = reopen(record.run.id, asked.get("step"), project=project.root, to=to, anew=asked.get("anew", False))
        inputs = [{"name": name, "what": told["what"], "bytes": told["bytes"]} for name, told in made.inputs.items()]
        return {
            "path": root.path_of(made.notebook),
            "run": made.run,
            "step": made.step,
            "status": made.status,
            "failed_cell": made.failed_cell,
            "failure": made.failure,
            "inputs": inputs,
            "missing": dict(made.missing),
            "notices": list(made.notices),
            "kept": made.kept,
        }


class CompareRoute(RunHandler):
    """Runs held against each other."""

    route = "/compare"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with the values of all, side by side."""
        self.answer(await self.ask(self._compare, self.body("CompareRequest"), self.query()["path"]))

    def _compare(self, asked: dict[str, Any], path: str | None) -> dict[str, Any]:
        project = self.served.project(path)
        with self.served.log(project) as log:
            records = [log.run(self.served.run_id(log, run)) for run in asked["runs"]]
        return {
            "runs": [run_summary(record.run, self.served.root) for record in records],
            **side_by_side(records),
        }


def side_by_side(records: Sequence[RunRecord]) -> dict[str, list[dict[str, Any]]]:
    """Return what runs have, name by name: all metrics and parameters, and of the rest what differs."""
    facts = [facts_of(record) for record in records]
    return {
        kind: [
            row
            for row in _rows([of_run[kind] for of_run in facts], metric=kind == "metrics")
            if kind in {"metrics", "parameters"} or any(value != row["values"][0] for value in row["values"])
        ]
        for kind in ("metrics", "parameters", "steps", "data", "outputs")
    }


def _rows(of_runs: Sequence[Mapping[str, Any]], *, metric: bool) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(name for of_run in of_runs for name in of_run):
        values = [of_run.get(name) for of_run in of_runs]
        first = values[0]
        apart = [value - first if _is_number(value) and _is_number(first) else None for value in values]
        row: dict[str, Any] = {"name": name, "values": values, "differences": apart, "best": None}
        numbers = [value for value in values if _is_number(value) and value == value]  # noqa: PLR0124 - NaN is no best
        if metric and numbers and min(numbers) != max(numbers):
            row["best"] = values.index(max(numbers) if better(name) == "max" else min(numbers))
        rows.append(row)
    return rows


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
