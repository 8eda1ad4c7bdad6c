"""Which steps run in one kernel, because something that they use cannot leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.execution.notebook_run import Outcome
from mlops_nb.pipeline import needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.handover import Covariable, State
    from mlops_nb.pipeline import PlannedStep
    from mlops_nb.steps import Step

# So many places are named where a notice gives its reason.
_FEW = 2


def stays(planned: PlannedStep, around: Surroundings) -> set[str]:
    """Return the names that a step left in its kernel and that nothing can take out of it."""
    changed = around.progress.deltas[planned.name].changed
    return {name for item in changed if item.problem for name in item.names}


def tie(planned: PlannedStep, following: list[PlannedStep]) -> str:
    """Return what ties these steps to one process, and where the code does."""
    steps = [step.step for step in (planned, *following)]
    numbers = {cell.id: cell.index + 1 for step in steps for cell in step.cells}
    ties = [(place, "changes the process for good") for step in steps for place in step.binds]
    ties += [(place, "asks which object is which") for step in steps for place in step.asks]
    told = [
        f"`{place.what}` in cell {numbers.get(place.cell, '?')}, line {place.line} {does}"
        for place, does in ties[:_FEW]
    ]
    return " and ".join(told) or "a value cannot leave its process"


def of_process(name: str) -> bool:
    """Say whether a name stands for state of the process, which any step may meet without naming it."""
    return name.startswith("@")


def shown(name: str) -> str:
    """Return a name as a person knows it: of what a module's code holds, the module's."""
    return name.rpartition(":")[2] if of_process(name) else name


def why_they_stay(names: set[str], around: Surroundings) -> str:
    """Return in words which names cannot leave their process, and of the modules among them what does not."""
    items = [item for delta in around.progress.deltas.values() for item in delta.changed if item.problem]
    problems = {name: item.problem for item in items for name in item.names if of_process(name)}
    told = {f"`{shown(name)}`{f' ({problems[name]})' if name in problems else ''}" for name in names}
    return f"{', '.join(sorted(told))} cannot leave its process"


def uses(step: Step, between: list[PlannedStep], stays: set[str]) -> bool:
    """Say whether a step may use one of these names as they were before the steps between."""
    bound = {name for earlier in between for name in earlier.step.flow.surely}
    if any(map(of_process, stays)):
        return True
    return bool((stays - bound) & step.reads) or (step.flow.barrier != () and bool(stays - bound))


def _stuck(planned: PlannedStep, state: State) -> Iterator[tuple[Covariable, list[str]]]:
    """Yield what could not leave its process and this step uses, each with the names that it reads of it."""
    for item in needed(planned.step, state).covariables:
        used = sorted(name for name in item.names if name in planned.step.reads or of_process(name))
        if item.problem and used:
            yield item, used


def blocked(planned: PlannedStep, state: State) -> Outcome | None:
    """Return the refusal of a step that needs what could not leave an earlier step's process."""
    for item, used in _stuck(planned, state):
        name = shown(used[0])
        kind = item.types.get(used[0], "state of the process")
        return Outcome(
            ended=f"[MN306] it uses `{name}` ({kind}) of an earlier step, which cannot leave its process "
            f"({item.problem}); put the cells that make and use `{name}` into one step"
        )
    return None


def blocking(planned: PlannedStep, state: State, around: Surroundings) -> set[str]:
    """Return the steps before this one in whose kernel something stayed that it uses."""
    return {
        next(
            earlier.name
            for earlier in reversed(around.plan.steps[: around.plan.steps.index(planned)])
            if earlier.name in around.progress.deltas and name in around.progress.deltas[earlier.name].written
        )
        for _, used in _stuck(planned, state)
        for name in used
    }
