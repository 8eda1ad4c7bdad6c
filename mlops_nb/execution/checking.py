"""The check at the end of a run: what ran on other inputs than the notebook's order gives it runs again, in order."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.events import RunEvent
from mlops_nb.execution.left_over import left_over
from mlops_nb.execution.pausing import StepHeld
from mlops_nb.execution.shared_kernel import around_it, blocking, shown
from mlops_nb.execution.step_run import StepFailed, StepPostponed, run_step
from mlops_nb.handover import CAME_BACK_DIFFERENT, State
from mlops_nb.pipeline import FilesLeft, components, key_of

if TYPE_CHECKING:
    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.handover import Delta
    from mlops_nb.pipeline import Plan, PlannedStep


_ROUNDS = 4


class NeverSettles(MlopsNbError):  # noqa: N818 - the name of the fact
    """Steps ran again, and each time something else had to."""

    code = "never-settles"


def check(around: Surroundings) -> tuple[str, ...]:
    """Run again what ran on other inputs than the notebook's order gives it; return those steps."""
    reran = _once(around)
    # Each round has some steps run again, and those around them: after more rounds than this it goes in circles.
    rounds = _ROUNDS * len(around.plan.steps)
    while around.progress.to_mend and not around.watch.cancelled.is_set():
        if not rounds:
            names = ", ".join(f"`{name}`" for name in sorted(around.progress.to_mend))
            message = f"{names}: run again and again, the steps do not come to one state."
            raise NeverSettles(message, hint="Put the cells that make and use what they share into one step.")
        rounds -= 1
        reran += _once(around)
    return tuple(dict.fromkeys(reran))


def _once(around: Surroundings) -> list[str]:
    progress = around.progress
    reran: list[str] = []
    mends = bool(progress.to_mend)
    state, left = State(), FilesLeft(of_steps=around.plan.files)
    previous: Delta | None = None
    for position, planned in enumerate(around.plan.steps):
        if position:
            left = progress.left_after(around.plan.steps[position - 1].name, left)
        # `progress.before`, carried along: asking it anew for each of many steps would take the square of their number.
        state = state if previous is None else state.after(previous)
        previous = progress.deltas.get(planned.name)
        if planned.name in progress.to_mend and not around.watch.cancelled.is_set():
            if _mended(planned, state, around):
                reran.append(planned.name)
                previous = progress.deltas.get(planned.name)
            continue
        if mends and planned.name not in progress.status and not _stopped(around, planned.name):
            # It was postponed, or waited for one that was.
            with suppress(StepFailed, StepPostponed, StepHeld):
                run_step(planned.name, around)
            previous = progress.deltas.get(planned.name)
            continue
        if progress.status.get(planned.name) not in {"succeeded", "cached"}:
            continue
        used = progress.parts[planned.name]
        # What lies in files is compared where it is read, a later step may rightly have written it since; but what an
        # earlier step left in them is known.
        files = {name: left.known(name) or found for name, found in used.get("files", {}).items()}
        asked = {name: left.left_as(name) or found for name, found in used.get("asked", {}).items()}
        true = {
            **components(planned.step, state, around.context, progress.evidence.get(planned.name)),
            **{part: used[part] for part in ("modules", "schemas", "imported") if part in used},
            "files": files,
            **({"asked": asked} if asked else {}),
        }
        lost = (
            progress.overwritten(around.plan, planned.name, progress.files[planned.name], around.context.folder)
            if progress.status[planned.name] == "cached"
            else []
        )
        if key_of(true) == key_of(used) and not lost:
            if _left_too_much(planned.name, around):
                # They run in the notebook's order, from the one on that empties the folder.
                return reran
            continue
        if makers := blocking(planned, state, around):
            progress.to_mend |= makers
            return reran
        _again(planned.name, "it ran on values that an earlier step changed after all", around)
        reran.append(planned.name)
        state, previous = progress.before(around.plan, planned.name), progress.deltas.get(planned.name)
    return reran


def _left_too_much(name: str, around: Surroundings) -> bool:
    """Say whether files of an earlier run of a step are left over; the steps that take them away are to mend then."""
    progress, past = around.progress, around.precedent.last.get(name)
    if past is None or progress.status[name] != "succeeded":
        return False
    again, why = left_over(name, past.outcome.get("files", {}), around)
    progress.to_mend.update(again)
    progress.reasons |= dict.fromkeys(again, why)
    return bool(again)


def _mended(planned: PlannedStep, state: State, around: Surroundings) -> bool:
    """Run a step again that is to be mended; say whether it was its turn: others may have to run again before it."""
    progress = around.progress
    progress.to_mend.discard(planned.name)
    if makers := blocking(planned, state, around) | around_it(planned, around):
        # It takes from their kernel itself: they run again, and it does in theirs.
        progress.to_mend |= makers
        return False
    if writers := progress.lost_before(around.plan, planned.name, around.context.folder):
        # A later step wrote a file that it reads: who wrote it before runs again first.
        progress.to_mend |= {planned.name, *writers}
        return False
    names = ", ".join(f"`{shown(name)}`" for name in sorted(progress.kept.get(planned.name, ())))
    why = progress.reasons.get(planned.name) or "a later step needs its kernel, or a file that it left"
    _again(planned.name, f"{names}: {CAME_BACK_DIFFERENT}" if names else why, around)
    return True


def _again(name: str, why: str, around: Surroundings) -> None:
    """Run a step once more, which had ended."""
    around.listen(RunEvent("notice", around.run, name, text=why))
    around.log.reopen_step(around.run, name, why)
    try:
        run_step(name, around, again=why)
    except StepHeld:
        around.progress.status.pop(name, None)
        around.progress.deltas.pop(name, None)
    except (StepFailed, StepPostponed):
        around.progress.deltas.pop(name, None)


def _stopped(around: Surroundings, name: str) -> bool:
    """Say whether a step cannot run any more: the run was cancelled, or what the step needs failed."""
    failed = {step for step, status in around.progress.status.items() if status in {"failed", "cancelled"}}
    return around.watch.cancelled.is_set() or not failed.isdisjoint(ancestors(around.plan, name))


def ancestors(plan: Plan, name: str) -> list[str]:
    """Return the steps that a step needs, and those that these need."""
    found: list[str] = []
    waiting = list(plan.step(name).needs)
    while waiting:
        need = waiting.pop()
        if need not in found:
            found.append(need)
            waiting += plan.step(need).needs
    return found
