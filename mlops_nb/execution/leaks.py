"""A step that publishes a model is refused when the model is judged on what it learned from.

Two ways to see it: the kernel compared rows with the training rows that the settings name; and here it is known which
steps had a part in the model and what they read, by content. A step that trains may read what its model is judged on
only to publish it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.validation import Verdict
from mlops_nb.validation.leak import judge_same_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.pipeline import PlannedStep
    from mlops_nb.scraps import Scrap


class LeakFound(MlopsNbError):  # noqa: N818 - the name of the fact
    """A model is judged on data that it learned from."""

    code = "leak"


def refuse_leaks(planned: PlannedStep, scraps: Iterable[Scrap], seen: Mapping[str, Any], around: Surroundings) -> None:
    """Record and refuse what a step published of a model that is judged on what it learned from.

    Parameters
    ----------
    planned
        The step, which has run.
    scraps
        What it published.
    seen
        The parts of its key: the content of what it read.
    around
        The run.

    Raises
    ------
    LeakFound
        When it is so; the verdict is in the record.
    """
    for scrap in scraps:
        told = scrap.reference.evaluation if scrap.reference is not None else None
        if told is None:
            continue
        variable = str(told["variable"])
        readers = _readers(planned, variable, seen["inputs"], around)
        for verdict in (judge_same_data(scrap.name, variable, readers), Verdict.from_json(told["leak"])):
            if verdict.decision == "stop":
                around.log.add_verdict(verdict.to_json(), run=around.run, step=planned.name)
                message = f"Output `{scrap.name}` is judged on what it learned from: {verdict.findings[0].message}"
                raise LeakFound(message, hint="Judge it on rows, and in a step, that had no part in its training.")


def _readers(planned: PlannedStep, variable: str, inputs: Mapping[str, str], around: Surroundings) -> dict[str, str]:
    """Return the steps that had a part in the model and computed with the content of `variable`, by which name."""
    content = inputs.get(variable)
    if content is None:
        return {}
    # Variables that share memory have one fingerprint together, which then says nothing of either.
    shared = {name for name, fingerprint in inputs.items() if fingerprint == content and name != variable}
    before = around.plan.steps[: around.plan.steps.index(planned)]
    found: dict[str, str] = {}
    wanted: set[str] = set()
    for step in (planned, *reversed(before)):
        with around.progress.lock:
            parts = inputs if step is planned else around.progress.parts.get(step.name, {}).get("inputs", {})
            evidence = around.progress.evidence.get(step.name)
        wrote = set(evidence.writes) if evidence is not None else set(step.step.writes)
        if step is not planned and not wrote & wanted:
            continue
        computed = parts.keys() & step.step.computes_with
        for name in sorted(computed):
            if parts[name] == content and name not in shared:
                found[step.name] = name
        wanted |= computed - {variable}
    return found
