"""A plan as the front end shows it: each cell and each step, its state, and because of what."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.jupyter.values import layers
from mlops_nb.lifecycle import plan as make_plan
from mlops_nb.notebook import has_errors, read_tags
from mlops_nb.pipeline import changed_parts
from mlops_nb.pipeline.keys import code_text
from mlops_nb.steps.literals import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_nb.jupyter.paths import Root
    from mlops_nb.lifecycle import Pipeline, Stores
    from mlops_nb.metadata import StepRun
    from mlops_nb.pipeline import Plan, PlannedStep
    from mlops_nb.steps import ParameterValue, Step

_DONE = frozenset({"succeeded", "cached"})
_WORDS = {"run": "will-run", "maybe": "may-run", "left-out": "left-out"}
_UNKNOWN = "unknown"


def plan_view(pipeline: Pipeline, root: Root, opened: Stores, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run would do now, as `Plan` of the OpenAPI document. Nothing is executed, nothing written.

    Parameters
    ----------
    pipeline
        The notebook.
    root
        The server's root.
    opened
        The pipeline's stores.
    asked
        The request: `parameters`, `fresh`, `to`.
    """
    graph, project = pipeline.graph, pipeline.project
    told: dict[str, Any] = {
        "pipeline": pipeline.name,
        "notebook": root.path_of(graph.notebook.path),
        "project": root.path_of(project.root),
        "ok": not has_errors(graph.diagnostics),
        "diagnostics": [found.as_dict() for found in graph.diagnostics],
        "error": None,
    }
    values: Sequence[ParameterValue] = ()
    planned: Plan | None = None
    try:
        given = layers(pipeline.graph.parameters, asked.get("parameters"))
        values = pipeline.parameters(given)
        if told["ok"]:
            planned, _ = make_plan(pipeline, opened, given, fresh=asked.get("fresh", False), to=asked.get("to") or "")
    except MlopsNbError as error:
        told |= {"ok": False, "error": {"code": error.code, "message": error.message, "hint": error.hint}}
    steps = (
        [_unplanned(step, opened) for step in graph.steps]
        if planned is None
        else [_step(step, opened) for step in (*planned.steps, *planned.left_out)]
    )
    edges = _edges(pipeline) if planned is None else list(_proven_edges(planned, opened))
    states = {cell: step["state"] for step in steps for cell in step["cells"]}
    running = opened.log.runs(1, pipeline=pipeline.name, status="running")
    return told | {
        "cells": _cells(pipeline, opened, states),
        "steps": steps,
        "edges": edges,
        "parameters": _parameters(pipeline, values),
        "lock": {"proven": bool(steps) and all(step["proven"] for step in steps)},
        "running": running[0].id if running else None,
    }


def _cells(pipeline: Pipeline, opened: Stores, states: Mapping[str, str]) -> list[dict[str, Any]]:
    of_step = {cell.id: step for step in pipeline.graph.steps for cell in step.cells}
    ran = _Ran(pipeline, opened)
    told = []
    for cell in pipeline.graph.notebook.cells:
        step = of_step.get(cell.id)
        role = read_tags(cell)[0].role.value if cell.kind == "code" else None
        told.append(
            {
                "id": cell.id,
                "index": cell.index,
                "kind": cell.kind,
                "step": None if step is None else step.name,
                "role": role,
                "tags": list(cell.tags),
                "state": states.get(cell.id),
                "changed": step is not None and ran.differs(step, cell.id, cell.source),
            }
        )
    return told


class _Ran:
    """The code that cells had when their step last succeeded, from the notebooks that the runs kept."""

    def __init__(self, pipeline: Pipeline, opened: Stores) -> None:
        self._runs = pipeline.project.runs
        self._last = opened.precedent.last
        self._kept: dict[str, dict[str, str]] = {}

    def differs(self, step: Step, cell: str, source: str) -> bool:
        last = self._last.get(step.name)
        if last is None or last.status not in _DONE:
            return False
        return self._of(last.run).get(cell) != code_text(source)

    def _of(self, run: str) -> dict[str, str]:
        if run not in self._kept:
            cells: list[dict[str, Any]] = []
            with suppress(OSError, ValueError, KeyError):
                cells = json.loads((self._runs / run / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
            self._kept[run] = {
                str(cell.get("id", f"cell-{number}")): code_text("".join(cell["source"]))
                for number, cell in enumerate(cells, 1)
                if cell["cell_type"] == "code"
            }
        return self._kept[run]


def _unplanned(step: Step, opened: Stores) -> dict[str, Any]:
    return _told(step, opened) | {
        "state": _UNKNOWN,
        "because": [],
        "text": "",
        "expected_s": None,
        "needs": [],
        "after": [],
        "proven": False,
    }


def _step(planned: PlannedStep, opened: Stores) -> dict[str, Any]:
    last = opened.precedent.last.get(planned.name)
    state = _WORDS.get(planned.status, "")
    if planned.hit is not None:
        state = "fresh" if last is not None and planned.hit.id == last.id else "cached"
    return _told(planned.step, opened) | {
        "state": state,
        "because": _reasons(planned, last),
        "text": planned.because,
        "expected_s": planned.expected_s,
        "needs": list(planned.needs),
        "after": list(planned.after),
        "proven": planned.proven is not None,
    }


def _told(step: Step, opened: Stores) -> dict[str, Any]:
    last = opened.precedent.last.get(step.name)
    return {
        "name": step.name,
        "tag": step.tag,
        "cells": [cell.id for cell in step.cells],
        "settings": dict(step.settings.raw),
        "last_run": None
        if last is None
        else {
            "id": last.run,
            "status": last.status,
            "seconds": last.seconds,
            "at": None if last.finished is None else last.finished.isoformat(),
        },
    }


def _reasons(planned: PlannedStep, last: StepRun | None) -> list[dict[str, Any]]:
    """Return because of what a step will run, one cause each."""
    if planned.status == "maybe":
        names = [name for name in planned.needs if f"`{name}`" in planned.because]
        return [{"what": "upstream", "detail": planned.because, "names": names}]
    if planned.status != "run":
        return [{"what": "asked", "detail": planned.because}] if planned.status == "left-out" else []
    if planned.because == "it never ran":
        return [{"what": "never-ran", "detail": planned.because}]
    if planned.because == "it is run anew, as asked":
        return [{"what": "asked", "detail": planned.because}]
    found = changed_parts(last.key_components, planned.components) if last is not None else ()
    told = [
        {"what": part, "detail": words, "names": list(names)}
        for part, words, names in found
        if words in planned.because and part != "scheme"
    ]
    return told or [{"what": "other", "detail": planned.because}]


def _edges(pipeline: Pipeline) -> list[dict[str, Any]]:
    steps = {step.name: step for step in pipeline.graph.steps}
    return [
        {
            "from": edge.source,
            "to": edge.target,
            "proven": False,
            "explicit": steps[edge.source].tag in steps[edge.target].prev,
            "variables": [{"name": name, "type": "", "bytes": None} for name in edge.variables],
        }
        for edge in pipeline.graph.edges
    ]


def _proven_edges(planned: Plan, opened: Stores) -> Iterator[dict[str, Any]]:
    """Tell the edges of a plan, with the variables on each: their types and sizes as the last run left them."""
    whole = (*planned.steps, *planned.left_out)
    made = {step.name: _made(step, opened) for step in whole}
    static = {(edge.source, edge.target): edge.variables for edge in planned.graph.edges}
    for position, step in enumerate(whole):
        waiting = set(step.proven.reads) if step.proven is not None else set(step.step.reads)
        for earlier in reversed(whole[:position]):
            if earlier.name not in step.needs:
                continue
            names = waiting & earlier.writes
            waiting -= names
            shown = [name for name in sorted(names) if not name.startswith("@")]
            if not shown:
                shown = list(static.get((earlier.name, step.name), ()))
            yield {
                "from": earlier.name,
                "to": step.name,
                "proven": step.proven is not None and earlier.proven is not None,
                "explicit": earlier.step.tag in step.step.prev,
                "variables": [
                    {
                        "name": name,
                        "type": made[earlier.name].get(name, ("", None))[0],
                        "bytes": made[earlier.name].get(name, ("", None))[1],
                    }
                    for name in shown
                ],
            }


def _made(step: PlannedStep, opened: Stores) -> dict[str, tuple[str, int | None]]:
    """Return the type and the stored bytes of each variable that a step left when it last succeeded."""
    last = step.hit or opened.precedent.last.get(step.name)
    if last is None or last.status not in _DONE or not last.outcome.get("delta"):
        return {}
    with suppress(MlopsNbError):
        delta = opened.precedent.delta(last)
        return {name: (item.types.get(name, ""), item.bytes) for item in delta.changed for name in item.names}
    return {}


def _parameters(pipeline: Pipeline, values: Sequence[ParameterValue]) -> list[dict[str, Any]]:
    now = {value.name: value for value in values}
    told = []
    for parameter in pipeline.graph.parameters:
        value = now.get(parameter.name)
        told.append(
            {
                **parameter.as_dict(),
                "value": as_json(parameter.default if value is None else value.value),
                "source": "default" if value is None else value.source,
            }
        )
    return told
