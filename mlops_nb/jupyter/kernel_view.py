"""Hidden state: what a person's live kernel holds, held against what the pipeline computed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.handover import Covariable, State
from mlops_nb.steps.names import read_flow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.lifecycle import Pipeline, Stores

_DONE = frozenset({"succeeded", "cached"})


def tokens(pipeline: Pipeline, opened: Stores) -> dict[str, str]:
    """Return what identifies the object of each variable, as the pipeline's last results have it."""
    found: dict[str, str] = {}
    for _, state in _states(pipeline, opened):
        for item in state.covariables:
            found |= item.oids
    return {name: token for name, token in found.items() if not name.startswith("@")}


def kernel_view(pipeline: Pipeline, opened: Stores, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return which live variables are what the pipeline computed, as `KernelState` of the OpenAPI document.

    A variable may rightly be what an earlier step left, where the person has not run the later one yet. So it is the
    same when any step left it so; where none did, it differs.

    Parameters
    ----------
    pipeline, opened
        The notebook and its stores.
    told
        What `mlops_nb.handover.probe` published.
    """
    left: dict[tuple[tuple[str, ...], str], str] = {}
    newest: dict[str, tuple[str, Covariable]] = {}
    for step, state in _states(pipeline, opened):
        for item in state.covariables:
            left[item.names, item.fingerprint] = left.get((item.names, item.fingerprint), step)
            for name in item.names:
                if name not in newest or newest[name][1] != item:
                    newest[name] = (step, item)
    live = {name: group for group in told.get("groups", ()) for name in group["names"]}
    variables = []
    for name, (step, item) in sorted(newest.items()):
        if name.startswith("@") or name in _modules(item):
            continue
        variables.append({"name": name, **_compared(name, step, item, live.get(name), left)})
    apart = {item["name"] for item in variables if item["state"] in {"differs", "missing"}}
    return {"variables": variables, "cells": list(_cells(pipeline, apart))}


def _modules(item: Covariable) -> set[str]:
    return {name for name, kind in item.types.items() if kind.startswith("module")}


def _compared(
    name: str,
    step: str,
    item: Covariable,
    group: Mapping[str, Any] | None,
    left: Mapping[tuple[tuple[str, ...], str], str],
) -> dict[str, Any]:
    kind = item.types.get(name, "")
    if group is None:
        return {"state": "missing", "step": step, "detail": f"{kind}, which the kernel does not have".lstrip(", ")}
    same_as = left.get((tuple(group["names"]), group["fingerprint"]))
    if same_as is not None:
        earlier = same_as != step and group["fingerprint"] != item.fingerprint
        detail = f"as `{same_as}` left it; `{step}` changes it" if earlier else ""
        return {"state": "same", "step": same_as, "detail": detail}
    if not group["fingerprint"] or item.problem:
        return {"state": "unknown", "step": step, "detail": item.problem or "what it holds cannot be told"}
    if tuple(group["names"]) != item.names:
        together = ", ".join(f"`{other}`" for other in group["names"] if other != name)
        told = f"it shares an object with {together}" if together else "it shares no object with others any more"
        return {"state": "differs", "step": step, "detail": f"{told}, unlike in the pipeline"}
    was, now = kind, str(group.get("is", {}).get(name, ""))
    return {"state": "differs", "step": step, "detail": f"{was} in the pipeline, {now} here" if was != now else was}


def _states(pipeline: Pipeline, opened: Stores) -> Iterator[tuple[str, State]]:
    """Return the state after each step, in the notebook's order, as the last results make it."""
    state = State()
    for step in pipeline.graph.steps:
        last = opened.precedent.last.get(step.name)
        if last is None or last.status not in _DONE or not last.outcome.get("delta"):
            return
        with suppress(MlopsNbError):
            state = state.after(opened.precedent.delta(last))
            yield step.name, state


def _cells(pipeline: Pipeline, apart: set[str]) -> Iterator[dict[str, Any]]:
    for step in pipeline.graph.steps:
        for cell in step.cells:
            flow = read_flow(cell)[0]
            named = apart & {*flow.uses, *flow.deferred, *flow.defines, *flow.may_change}
            if named:
                yield {"id": cell.id, "variables": sorted(named)}
