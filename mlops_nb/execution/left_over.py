"""Files of an earlier run that lie where a step of this notebook takes all away: run whole, it would have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.pipeline import FileUse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.execution.step_record import Surroundings


def left_over(name: str, past: Iterable[str], around: Surroundings) -> tuple[list[str], str]:
    """Return the steps that must run again, in the notebook's order, because a step left files in an earlier run only.

    Parameters
    ----------
    name
        The step.
    past
        The files that it left in the earlier run.
    around
        The run.

    Returns
    -------
    tuple
        The step that empties their folder, and those behind it that use what it empties; and why. Nothing when no such
        file is there any more.
    """
    plan, progress = around.plan, around.progress
    with progress.lock:
        left = {path for files in progress.files.values() for path in files}
        there = [path for path in past if path not in left and (around.context.folder / path).is_file()]
        before = plan.steps[: plan.steps.index(plan.step(name))] if there else ()
        for earlier in reversed(before):
            emptied = tuple(f"{folder}/" for folder in progress.emptied.get(earlier.name, ()))
            found = next((path for path in there if path.startswith(emptied)), "") if emptied else ""
            if found:
                emptier = _use(earlier.name, around)
                behind = [step.name for step in plan.steps[plan.steps.index(earlier) + 1 :]]
                again = [step for step in behind if step in progress.files and emptier.disturbs(_use(step, around))]
                return [earlier.name, *again], f"`{found}` is left over in a folder that `{earlier.name}` empties"
    return [], ""


def _use(name: str, around: Surroundings) -> FileUse:
    seen = around.progress.evidence.get(name)
    return FileUse.of(seen.reads_files, seen.writes_files, seen.asks_files) if seen else FileUse()
