"""One step in one run: find out whether it must run, run it, read the evidence, record all of it."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.data_verdicts import unapproved
from mlops_nb.execution.events import RunEvent
from mlops_nb.execution.file_times import put_in_order
from mlops_nb.execution.notebook_run import Kernels, Limits, Outcome, Session, run_notebook
from mlops_nb.execution.pausing import StepHeld, held_by, settle
from mlops_nb.execution.resources import lacking
from mlops_nb.execution.shared_kernel import blocked, last_using, shown, stays, tie
from mlops_nb.execution.step_record import Surroundings, succeeded
from mlops_nb.handover import CAME_BACK_DIFFERENT, CameBackDifferent
from mlops_nb.metadata import StepEnd, StepStart
from mlops_nb.metadata.records import TRY_FAILED
from mlops_nb.pipeline import ADDED, components, data_folders, evidence_from, key_of, needed, put_gates, step_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops_nb.handover import State
    from mlops_nb.metadata import StepRun
    from mlops_nb.pipeline import PlannedStep
    from mlops_nb.steps import Step


class StepPostponed(MlopsNbError):  # noqa: N818 - the name of the fact
    """A step got values that are not what an earlier step made: that one must run again first, and share its kernel."""

    code = "step-postponed"


class FolderUnwritable(MlopsNbError):  # noqa: N818 - the name of the fact
    """The folder of a run's executed notebooks takes nothing: a full disk, a missing right."""

    code = "folder-unwritable"


class StepFailed(MlopsNbError):  # noqa: N818 - the name of the fact
    """A step did not succeed; the record has the cell and the traceback."""

    code = "step-failed"


def run_step(name: str, around: Surroundings, *, again: str = "") -> None:
    """Bring one step to its end: cached when its key turns out to be known, run otherwise.

    Parameters
    ----------
    name
        The step.
    around
        The run.
    again
        Why it runs a second time in this run, when it does.

    Raises
    ------
    StepFailed
        When it did not succeed.
    StepPostponed
        When it cannot run before an earlier step has run again.
    StepHeld
        When a person is to decide about an earlier step first.
    """
    planned = around.plan.step(name)
    ended = around.progress.status.get(name)
    if ended is not None and not again:
        # It ran in another step's kernel, or was cached: Ploomber builds whatever lies downstream of a task that ran,
        # and the check at the end of the run has the say.
        if ended not in {"cached", "succeeded"}:
            message = f"Step `{name}` {ended}."
            raise StepFailed(message)
        return
    if held := held_by(name, around):
        message = f"Step `{name}` waits for a decision about `{held}`."
        raise StepHeld(message)
    state = around.progress.before(around.plan, name)
    proven = planned.proven or around.precedent.evidence(name, planned.source)
    left = around.left_before(name)
    parts = components(planned.step, state, around.context, proven, left)
    key = key_of(parts)
    # A first look at the plan may have found its inputs unknown; now they are there.
    asked = name in around.progress.reasons or name in around.progress.kept
    anew = around.fresh or asked or (planned.status == "run" and not again)
    hit = None if anew else around.precedent.hit(planned.step, key)
    lost = _overwritten(planned, hit, around) if hit is not None else ""
    if hit is not None and not lost:
        _reuse(planned, hit, parts, around)
        return
    because = again or lost or (planned.because if planned.status == "run" else _reason(planned, parts, around))
    around.log.start_step(around.run, name, StepStart(key=key, key_components=parts, reason=because))
    started = time.monotonic()
    with _Kernel(around) as kernel:
        _execute(planned, state, around, kernel, started)
        _go_on_in(kernel, planned, around)


class _Kernel:
    """The kernel that a step, and perhaps the next ones, run in; a further try gets a new one."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._open = ExitStack()
        self._cold = False
        self.session: Session

    def __enter__(self) -> Self:
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def renew(self, *, cold: bool = False) -> None:
        """End the kernel, if there is one, and start another; from a first cold one on, none is forked."""
        self._open.close()
        around = self._around
        self._cold = self._cold or cold
        open_session = around.open_session
        if self._cold and isinstance(open_session, Kernels):
            open_session = replace(open_session, isolation="cold")
        opened = open_session(around.plan.graph.notebook.kernel_name, around.context.folder, around.watch)
        self.session = self._open.enter_context(opened)


def _go_on_in(kernel: _Kernel, planned: PlannedStep, around: Surroundings) -> None:
    """Run the next steps in the same kernel, up to the last one that uses what cannot leave it."""
    steps = list(around.plan.steps)
    position = steps.index(planned)
    shared = around.plan.graph.kernels()
    held = stays(planned, around)
    told = False
    while True:
        following = steps[position + 1 :]
        following = following[: last_using(following, held, planned.name, shared)]
        if not following:
            return
        text = f"[MN305] {tie(planned, following, held)}; the steps from `{planned.name}` on share one kernel"
        if not told:
            around.listen(RunEvent("notice", around.run, planned.name, text=text))
            told = True
        position += 1
        step = steps[position]
        if held_by(step.name, around):
            return
        state = around.progress.before(around.plan, step.name)
        if around.progress.status.get(step.name) is not None:
            around.log.reopen_step(around.run, step.name, text)
        left = around.left_before(step.name)
        parts = components(step.step, state, around.context, step.proven, left)
        why = f"it shares the kernel of `{planned.name}`"
        around.log.start_step(around.run, step.name, StepStart(key=key_of(parts), key_components=parts, reason=why))
        # Whatever it was to be run again for, here it does, and alone it would lack this kernel.
        around.progress.to_mend.discard(step.name)
        try:
            _execute(step, state, around, kernel, live=True)
        except StepFailed:
            return
        held = stays(step, around, held)


def reuse_cached(around: Surroundings) -> None:
    """Record every step that the plan found cached, in one go."""
    hits = {planned.name: planned.hit.id for planned in around.plan.steps if planned.hit is not None}
    around.log.reuse_steps(around.run, hits, "nothing it depends on changed")
    for planned in around.plan.steps:
        if planned.hit is not None:
            _take_over(planned, planned.hit, planned.components, around, planned.because)


def _reuse(planned: PlannedStep, hit: StepRun, parts: Mapping[str, Any], around: Surroundings) -> None:
    why = "its inputs came out unchanged"
    around.log.reuse_steps(around.run, {planned.name: hit.id}, why)
    _take_over(planned, hit, parts, around, why)


def _take_over(planned: PlannedStep, hit: StepRun, parts: Mapping[str, Any], around: Surroundings, why: str) -> None:
    delta = around.precedent.delta(hit)
    seen = hit.outcome.get("evidence")
    evidence = evidence_from(seen, planned.source) if seen else None
    around.progress.took(planned.name, delta, parts, evidence, hit.outcome.get("files", {}))
    around.progress.emptied[planned.name] = tuple(hit.outcome.get("emptied", ()))
    around.progress.status[planned.name] = "cached"
    around.listen(RunEvent("step-done", around.run, planned.name, "cached", why, seconds=0.0))
    settle(planned, around)


def _overwritten(planned: PlannedStep, hit: StepRun, around: Surroundings) -> str:
    """Return why a step has to write its files again although its inputs are what they were, or nothing."""
    files: Mapping[str, str] = hit.outcome.get("files", {})
    lost = around.progress.overwritten(around.plan, planned.name, files, around.context.folder)
    return f"an earlier step wrote the file `{lost[0]}` again" if lost else ""


def _reason(planned: PlannedStep, parts: Mapping[str, Any], around: Surroundings) -> str:
    return around.precedent.because(planned.step, parts) or planned.because


def _execute(  # noqa: PLR0913 - what a step's execution takes
    planned: PlannedStep,
    state: State,
    around: Surroundings,
    kernel: _Kernel,
    started: float | None = None,
    *,
    live: bool = False,
) -> None:
    step, name = planned.step, planned.name
    # The start of its kernel is the step's time as well.
    started, began = started or time.monotonic(), time.time()
    place = around.folder / "steps" / f"{name}.ipynb"
    own = {cell.id: position for position, cell in enumerate(step.cells, 1)}
    around.listen(RunEvent("step-started", around.run, name, "running", cells=len(own), expected_s=planned.expected_s))

    def on_cell(what: str, cell_id: str) -> None:
        if cell_id in own:
            around.listen(RunEvent(f"cell-{what}", around.run, name, cell=own[cell_id], cells=len(own)))

    refused = lacking(step.settings) or unapproved(step, around)
    outcome = Outcome(ended=refused) if refused else None if live else blocked(planned, state)
    if outcome is None:
        put_in_order(planned, around)
        try:
            outcome = _tries(planned, state, place, around, kernel, on_cell, live=live)
        except OSError as error:
            message = f"The run's folder {around.folder} cannot be written: {error.strerror or error}."
            hint = "Free space or rights there, then go on: mlops-nb resume last"
            raise FolderUnwritable(message, hint=hint) from error
    different = _different(outcome)
    if different:
        _postpone(planned, different, around)
    try:
        end = (
            succeeded(planned, state, outcome, place, around, began)
            if outcome.succeeded
            else _unsuccessful(step, outcome, place)
        )
    except MlopsNbError as error:
        outcome = Outcome(ended=error.message)
        end = _unsuccessful(step, outcome, place)
    seconds = time.monotonic() - started
    around.log.finish_step(around.run, name, replace(end, seconds=seconds))
    around.progress.status[name] = end.status
    around.listen(RunEvent("step-done", around.run, name, end.status, end.reason, cells=len(own), seconds=seconds))
    if not outcome.succeeded:
        message = f"Step `{name}` {end.status}: {end.reason}."
        raise StepFailed(message, hint=f"`mlops-nb show {around.run} {name}` shows the cell and the traceback.")
    settle(planned, around)


def _different(outcome: Outcome) -> list[str]:
    """Return the names whose values came back as something else, if that is what the step ended of."""
    error = outcome.error
    if error is None or error.ename != CameBackDifferent.__name__ or not error.cell_id.startswith(ADDED):
        return []
    return [str(name) for name in json.loads(error.evalue)]


def _postpone(planned: PlannedStep, different: list[str], around: Surroundings) -> None:
    """Withdraw a step that has not begun to compute, and note what must run again before it.

    Raises
    ------
    StepPostponed
        Always.
    """
    names = ", ".join(f"`{shown(name)}`" for name in different)
    why = f"{names} came back as something else than what was made"
    around.progress.found_different(around.plan, planned.name, different)
    around.log.finish_step(around.run, planned.name, StepEnd(status="failed", reason=why))
    around.log.reopen_step(around.run, planned.name, why)
    around.progress.status.pop(planned.name, None)
    raise StepPostponed(f"Step `{planned.name}` waits: {why}.")  # noqa: EM102, TRY003


def _unsuccessful(step: Step, outcome: Outcome, place: Path) -> StepEnd:
    error = outcome.error
    if error:
        # The number that the cell has in the user's notebook, which diagnostics tell too. What fails in a cell that we
        # added fails before the step's first cell has run, or after its last.
        own = {cell.id: cell for cell in step.cells} | {f"replay-{cell.id}"[:64]: cell for cell in step.replay}
        at_end = error.cell_id in {f"{ADDED}-publish", f"{ADDED}-end"}
        cell = own.get(error.cell_id) or step.cells[-1 if at_end else 0]
        error = replace(error, cell_id=cell.id, cell_number=cell.index + 1)
    return StepEnd(
        status="cancelled" if outcome.cancelled else "failed",
        reason=_cause(outcome),
        notebook=str(place) if place.exists() else "",
        error=error,
        outcome={"kernel": asdict(outcome.kernel)} if outcome.kernel.isolation else {},
    )


def _cause(outcome: Outcome) -> str:
    """Return why a try did not succeed: why it was ended, or the exception."""
    error = outcome.error
    return outcome.ended or (f"{error.ename}: {error.evalue}" if error else "")


def _tell_try(step: Step, text: str, around: Surroundings) -> None:
    """Tell, and record, that a try failed and that another follows."""
    around.log.note(around.run, step.name, TRY_FAILED, text)
    around.listen(RunEvent("notice", around.run, step.name, text=text))


def _tries(  # noqa: PLR0913, PLR0917 - what a try consists of
    planned: PlannedStep,
    state: State,
    place: Path,
    around: Surroundings,
    kernel: _Kernel,
    on_cell: Callable[[str, str], None],
    *,
    live: bool,
) -> Outcome:
    """Run the step's notebook, again after a pause when it failed and its settings allow; each try has a new kernel."""
    step, settings = planned.step, planned.step.settings
    digest = around.store.put(state.to_json().encode())[0]
    # A proven step gets what it needs; any other the whole namespace, which is always right. What follows in the same
    # kernel may need anything.
    names = None
    items = state.covariables
    alone = not live and step.name not in around.plan.graph.kernels()
    if planned.proven is not None and alone and not planned.proven.stays and not step.flow.barrier:
        items = needed(step, state, planned.proven).covariables
        names = {name for item in items for name in item.names}
    seen = planned.proven.stays if planned.proven is not None else {}
    write = partial(
        step_document,
        around.plan.graph.notebook,
        step,
        store_url=around.store.url,
        state=digest,
        unchecked=around.progress.unchecked(items),
        kept={
            *around.progress.kept.get(step.name, ()),
            *(name for name, why in seen.items() if why == CAME_BACK_DIFFERENT),
        },
        live=live,
        seed=around.seeds.get(step.name, around.seed),
        gates=put_gates(step, around.context.schemas, around.store),
        folders=data_folders(around.plan.texts, around.context),
    )
    document = write(names=names)
    given = around.injected if step.has_parameters else {}
    limits = Limits(settings.timeout_s, settings.memory_mb, settings.cpus)

    def run() -> Outcome:
        return run_notebook(
            document, place, kernel.session, parameters=given, limits=limits, watch=around.watch, on_cell=on_cell
        )

    outcome = run()
    if outcome.kernel.notice:
        text = f"its kernel was started, not forked: {outcome.kernel.notice}"
        around.listen(RunEvent("notice", around.run, step.name, text=text))
    if outcome.fork_died and not live and not around.watch.cancelled.is_set():
        # It may be the fork's fault, and may be the code's: a kernel that was never forked tells.
        _tell_try(step, "a signal ended its forked kernel; again in a cold one", around)
        place.replace(place.with_name(f"{place.stem}.forked.ipynb"))
        kernel.renew(cold=True)
        outcome = run()
        outcome = replace(outcome, kernel=replace(outcome.kernel, because="a signal ended its forked kernel"))
    if _different(outcome):
        return outcome
    if not live:
        around.progress.found_same(items)
    if outcome.error is not None and names is not None and not outcome.cancelled:
        # It had a part of the namespace, and may have asked for more than its text says.
        text = f"it raised {outcome.error.ename} on the part of the namespace it is known to read; again on the whole"
        _tell_try(step, text, around)
        document = write(names=None)
        kernel.renew()
        outcome = run()
    wait_s = settings.retry_wait_s
    for attempt in range(settings.retries if not live else 0):
        if outcome.succeeded or outcome.cancelled:
            break
        text = f"try {attempt + 1} of {settings.retries + 1} failed ({_cause(outcome)}); the next in {wait_s:g} s"
        _tell_try(step, text, around)
        # The failed try's notebook is kept beside the next one's.
        place.replace(place.with_name(f"{place.stem}.try{attempt + 1}.ipynb"))
        around.watch.cancelled.wait(wait_s)
        wait_s *= 2
        kernel.renew()
        outcome = run()
    return outcome
