"""Which steps run in one kernel, because something that they use cannot leave it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from mlops_nb.execution.notebook_run import Outcome
from mlops_nb.pipeline import needed, of_process, staying, uses, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.handover import Covariable, State
    from mlops_nb.pipeline import PlannedStep

# So many places are named where a notice gives its reason.
_FEW = 2
_KNOWN_AS = {"@patches": "what was put into a library", "@mock": "unittest.mock"}
NOTHING: Mapping[str, str] = MappingProxyType({})


def stays(planned: PlannedStep, around: Surroundings, before: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Return the names in a step's kernel that nothing can take out of it, each with the reason.

    `before` are those that steps before it have left there.
    """
    return without(before, planned.step) | staying(around.progress.deltas[planned.name])


def tie(planned: PlannedStep, following: list[PlannedStep], held: Mapping[str, str]) -> str:
    """Return what ties these steps to one process and why, or where the code does."""
    if held:
        named: dict[str, list[str]] = {}
        for name in sorted(held):
            named.setdefault(held[name], []).append(f"`{shown(name)}`")
        told = [f"{', '.join(dict.fromkeys(names))} ({why})" for why, names in named.items()]
        return f"{', '.join(told)} cannot leave its process"
    steps = [step.step for step in (planned, *following)]
    numbers = {cell.id: cell.index + 1 for step in steps for cell in step.cells}
    ties = [(place, "changes the process for good") for step in steps for place in step.binds]
    ties += [(place, "asks what only its own process knows") for step in steps for place in step.asks]
    told = [
        f"`{place.what}` in cell {numbers.get(place.cell, '?')}, line {place.line} {does}"
        for place, does in ties[:_FEW]
    ]
    return " and ".join(told) or "a value cannot leave its process"


def shown(name: str) -> str:
    """Return a name as a person knows it: of what a module's code holds, the module's."""
    return _KNOWN_AS.get(name, name.rpartition(":")[2]) if of_process(name) else name


def last_using(following: list[PlannedStep], stays: Mapping[str, str], kernel: str, shared: Mapping[str, str]) -> int:
    """Return how many of the steps that follow go on in a kernel: up to the last that uses what stays in it.

    Parameters
    ----------
    following
        The steps after the one that ran last.
    stays
        What cannot leave the kernel, with the reason.
    kernel
        The name of the kernel's first step.
    shared
        Which steps share a kernel by what their text says, by the first of them.
    """
    last = 0
    for number, step in enumerate(following, start=1):
        if shared.get(step.name) == kernel or uses(step.step, stays):
            last = number
        stays = without(stays, step.step)
    return last


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


def around_it(planned: PlannedStep, around: Surroundings) -> set[str]:
    """Return the steps before one whose kernel is needed by steps that go on in its own: it has to run in theirs."""
    steps, shared = list(around.plan.steps), around.plan.graph.kernels()
    position = steps.index(planned)
    following = steps[position + 1 :]
    own = dict.fromkeys(around.progress.kept.get(planned.name, ()), "")
    following = following[: last_using(following, own, planned.name, shared)]
    held: dict[str, dict[str, str]] = {}
    for earlier in steps[:position]:
        held = {name: without(names, earlier.step) for name, names in held.items()}
        if earlier.name in around.progress.deltas:
            held[earlier.name] = stays(earlier, around)
    return {name for name, names in held.items() if names and last_using(following, names, name, {})}
