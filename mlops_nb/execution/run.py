"""A run: the plan becomes a Ploomber DAG, its steps run, and every fact is recorded as it happens.

1. The run is recorded, with its plan, parameters, commit and environment; the notebook is copied beside it.
2. What the plan found cached is taken over.
3. The DAG runs the rest: each step when what it needs is there, several at once where the lock proves it harmless.
4. Every step's inputs are checked against what the notebook's order says they were. A step that ran on others,
   because the lock was wrong about an earlier one, runs again. So does a step of whose variables a later one got
   something else than what was made: in a kernel that the two then share.
5. The lock is brought up to date, the run is closed.

An interrupt ends the kernels, records the run as cancelled and leaves nothing behind.
"""

from __future__ import annotations

import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.capacity import at_once, default_workers, threads_each
from mlops_nb.execution.events import RunEvent, silent
from mlops_nb.execution.kernels import Watch, require_kernel
from mlops_nb.execution.notebook_run import Kernels, kernel_session
from mlops_nb.execution.shared_kernel import blocking
from mlops_nb.execution.step_record import OpenSession, Progress, Surroundings
from mlops_nb.execution.step_run import StepFailed, StepPostponed, reuse_cached, run_step
from mlops_nb.handover import CAME_BACK_DIFFERENT, State
from mlops_nb.metadata import Origin, Parameter, PipelineVersion, RunStart
from mlops_nb.metadata import PlannedStep as RecordedStep
from mlops_nb.pipeline import DataflowLock, components, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.handover import Delta
    from mlops_nb.metadata import GitState, MetadataStore, RunRecord
    from mlops_nb.pipeline import KeyContext, Plan, Precedent


@dataclass(frozen=True)
class RunRequest:
    """All that a run is asked to be, beside its plan."""

    context: KeyContext
    runs_folder: Path
    injected: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parameters: tuple[Parameter, ...] = ()
    origin: Origin = field(default_factory=lambda: Origin("api"))
    git: GitState | None = None
    environment: Mapping[str, Any] = field(default_factory=dict, hash=False)
    workers: int | None = None
    fresh: bool = False
    why: str = ""
    open_session: OpenSession = kernel_session


@dataclass(frozen=True)
class RunResult:
    """How a run ended, and the lock it leaves."""

    run: str
    status: str
    reason: str
    record: RunRecord
    lock: DataflowLock
    reran: tuple[str, ...] = ()


def new_run_id(now: datetime | None = None) -> str:
    """Return an id that sorts by time and no other run has: `20261123-164501-7f3a9c`, in UTC."""
    at = now or datetime.now(UTC)
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def run_plan(  # noqa: PLR0913 - the stores are the caller's
    plan: Plan,
    request: RunRequest,
    *,
    lock: DataflowLock,
    store: ArtifactStore,
    log: MetadataStore,
    precedent: Precedent,
    listen: Callable[[RunEvent], None] = silent,
    watch: Watch | None = None,
) -> RunResult:
    """Run a plan; how it ended is in the result, whatever its steps did. An interrupt ends it as cancelled.

    Raises
    ------
    UsageError
        When a step is to run in a kernel that this machine does not have, or the artifact store cannot be written;
        nothing is recorded then.
    """
    if plan.to_run:
        if isinstance(request.open_session, Kernels):
            require_kernel(plan.graph.notebook.kernel_name)
        # The first thing that a run stores; a store that takes nothing refuses it here and not in the middle.
        store.put(State().to_json().encode())
    workers = request.workers or default_workers()
    together = at_once(plan, workers)
    open_session = request.open_session
    execution: dict[str, Any] = {"workers": workers, "at_once": together}
    if isinstance(open_session, Kernels):
        if open_session.threads == "share":
            open_session = replace(open_session, threads=threads_each(together))
        execution |= {"isolation": open_session.isolation, "threads": open_session.threads}
    run = new_run_id()
    watch = watch or Watch()
    folder = request.runs_folder / run
    (folder / "steps").mkdir(parents=True)
    shutil.copyfile(plan.graph.notebook.path, folder / "notebook.ipynb")
    log.start_run(_start(run, plan, request, execution))
    started = time.monotonic()
    listen(RunEvent("run-started", run, text=plan.graph.notebook.name))
    around = Surroundings(
        run,
        folder,
        plan,
        request.context,
        request.injected,
        store,
        log,
        precedent,
        watch,
        listen,
        request.fresh,
        open_session,
    )
    progress = around.progress
    reran: tuple[str, ...] = ()
    try:
        reuse_cached(around)
        if plan.to_run:
            # Where everything is cached Ploomber would skip every task, after a second of imports.
            _build(around, workers)
        reran = _check(around)
        _skip_the_rest(around)
    except KeyboardInterrupt:
        # The executor has ended the kernels and waited for them.
        watch.cancel("interrupted")
    except BaseException as error:
        log.finish_run(run, "failed", f"{type(error).__name__}: {error}")
        raise
    status, reason = _verdict(plan, progress, watch)
    log.finish_run(run, status, reason)
    listen(RunEvent("run-done", run, status=status, text=reason, seconds=time.monotonic() - started))
    names = [step.name for step in plan.graph.steps]
    evidence = {**lock.steps, **progress.evidence}
    new_lock = DataflowLock({name: evidence[name] for name in names if name in evidence})
    return RunResult(run, status, reason, log.run(run), new_lock, reran)


def _start(run: str, plan: Plan, request: RunRequest, execution: Mapping[str, Any]) -> RunStart:
    steps = tuple(RecordedStep(planned.name, planned.source) for planned in plan.steps)
    dag = {
        "steps": [{"name": planned.name, "version": planned.source} for planned in plan.steps],
        "edges": [[need, planned.name] for planned in plan.steps for need in planned.needs],
    }
    # The code is all there is to a pipeline. Which edges are known grows with the evidence, and makes no new version.
    code = {"steps": dag["steps"], "prev": {planned.name: planned.step.prev for planned in plan.steps}}
    version = PipelineVersion(plan.graph.notebook.name, key_of(code)[:32], dag)
    return RunStart(
        id=run,
        version=version,
        notebook=str(plan.graph.notebook.path),
        origin=request.origin,
        steps=steps,
        parameters=request.parameters,
        executor="local",
        git=request.git,
        environment={**request.environment, "execution": execution},
        why=request.why,
    )


def _build(around: Surroundings, workers: int) -> None:
    """Let Ploomber run what is not cached; a failed step is in the record, not an exception here."""
    from mlops_nb.pipeline import StepExecutor, build, build_dag

    plan = around.plan
    executor = StepExecutor(
        workers,
        {planned.name: planned.after for planned in plan.steps},
        on_interrupt=lambda: around.watch.cancel("interrupted"),
    )

    unforeseen: list[BaseException] = []

    def act(name: str) -> Callable[[], None]:
        def run_it() -> None:
            try:
                run_step(name, around)
            except (StepFailed, StepPostponed):
                raise
            except BaseException as error:
                # Not the step's failure but ours, or the store's: the run must not go on as if it were recorded.
                unforeseen.append(error)
                around.watch.cancel(f"{type(error).__name__}: {error}")
                raise

        return run_it

    dag = build_dag(
        plan.graph.notebook.name,
        [
            (
                planned.name,
                planned.key or planned.source,
                planned.hit is not None,
                str(around.folder / "steps" / f"{planned.name}.ipynb"),
                act(planned.name),
            )
            for planned in plan.steps
        ],
        [(need, planned.name) for planned in plan.steps for need in planned.needs],
        executor,
    )
    build(dag)
    if unforeseen:
        raise unforeseen[0]


def _skip_the_rest(around: Surroundings) -> None:
    """Record the steps that never ran, and why."""
    plan, progress = around.plan, around.progress
    if len(progress.status) < len(plan.steps):
        failed = [name for name, status in progress.status.items() if status in {"failed", "cancelled"}]
        left = [planned.name for planned in plan.steps if planned.name not in progress.status]
        for name in left:
            cause = next((need for need in _ancestors(plan, name) if need in failed), failed[0] if failed else "")
            why = "the run was cancelled" if around.watch.cancelled.is_set() else f"it needs `{cause}`, which failed"
            around.log.skip_steps(around.run, [name], why)
            progress.status[name] = "skipped"
            around.listen(RunEvent("step-done", around.run, name, "skipped", why))


def _ancestors(plan: Plan, name: str) -> list[str]:
    found: list[str] = []
    waiting = list(plan.step(name).needs)
    while waiting:
        need = waiting.pop()
        if need not in found:
            found.append(need)
            waiting += plan.step(need).needs
    return found


def _check(around: Surroundings) -> tuple[str, ...]:
    """Run again what ran on other inputs than the notebook's order gives it; return those steps."""
    reran = _check_once(around)
    while around.progress.to_mend and not around.watch.cancelled.is_set():
        reran += _check_once(around)
    return tuple(dict.fromkeys(reran))


def _check_once(around: Surroundings) -> list[str]:
    progress = around.progress
    reran: list[str] = []
    mends = bool(progress.to_mend)
    state = State()
    previous: Delta | None = None
    for planned in around.plan.steps:
        # `progress.before`, carried along: asking it anew for each of many steps would take the square of their number.
        state = state if previous is None else state.after(previous)
        previous = progress.deltas.get(planned.name)
        if planned.name in progress.to_mend and not around.watch.cancelled.is_set():
            progress.to_mend.discard(planned.name)
            makers = blocking(planned, state, around)
            if makers:
                # It takes from their kernel itself: they run again, and it does in theirs.
                progress.to_mend |= makers
                continue
            names = ", ".join(f"`{name}`" for name in sorted(progress.kept.get(planned.name, ())))
            why = f"{names}: {CAME_BACK_DIFFERENT}" if names else "a later step needs its kernel"
            _again(planned.name, why, around)
            reran.append(planned.name)
            previous = progress.deltas.get(planned.name)
            continue
        if mends and planned.name not in progress.status and not _stopped(around, planned.name):
            # It was postponed, or waited for one that was.
            with suppress(StepFailed, StepPostponed):
                run_step(planned.name, around)
            previous = progress.deltas.get(planned.name)
            continue
        if progress.status.get(planned.name) not in {"succeeded", "cached"}:
            continue
        used = progress.parts[planned.name]
        # Files and modules are compared where they are read: a later step may rightly have written them since.
        true = {
            **components(planned.step, state, around.context, progress.evidence.get(planned.name)),
            "files": used["files"],
            "modules": used["modules"],
        }
        if key_of(true) == key_of(used):
            continue
        _again(planned.name, "it ran on values that an earlier step changed after all", around)
        reran.append(planned.name)
        state, previous = progress.before(around.plan, planned.name), progress.deltas.get(planned.name)
    return reran


def _again(name: str, why: str, around: Surroundings) -> None:
    """Run a step once more, which had ended."""
    around.listen(RunEvent("notice", around.run, name, text=why))
    around.log.reopen_step(around.run, name, why)
    try:
        run_step(name, around, again=why)
    except (StepFailed, StepPostponed):
        around.progress.deltas.pop(name, None)


def _stopped(around: Surroundings, name: str) -> bool:
    """Say whether a step cannot run any more: the run was cancelled, or what the step needs failed."""
    failed = {step for step, status in around.progress.status.items() if status in {"failed", "cancelled"}}
    return around.watch.cancelled.is_set() or not failed.isdisjoint(_ancestors(around.plan, name))


def _verdict(plan: Plan, progress: Progress, watch: Watch) -> tuple[Any, str]:
    bad = [
        planned.name
        for planned in plan.steps
        if progress.status.get(planned.name, "skipped") not in {"succeeded", "cached"}
    ]
    if not bad:
        return "succeeded", ""
    if watch.cancelled.is_set():
        return "cancelled", watch.why_cancelled
    failed = [name for name in bad if progress.status.get(name) == "failed"]
    return "failed", f"step {', '.join(f'`{name}`' for name in failed or bad)} failed"
