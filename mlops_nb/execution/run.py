"""A run: the plan becomes a Ploomber DAG, its steps run, and every fact is recorded as it happens.

1. The run is recorded, with its plan, parameters, commit and environment; the notebook is copied beside it.
2. What the plan found cached is taken over.
3. The DAG runs the rest: each step when what it needs is there, several at once where the lock proves it harmless.
   Below a step that a person is to decide about, none begins.
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
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.alive import signs_of_life
from mlops_nb.execution.capacity import at_once, default_workers, threads_each
from mlops_nb.execution.checking import ancestors, check
from mlops_nb.execution.events import EventLog, RunEvent, silent
from mlops_nb.execution.inputs import known_inputs, seen_inputs
from mlops_nb.execution.kernels.kernel import Watch
from mlops_nb.execution.kernels.known import require_kernel
from mlops_nb.execution.notebook_run import Kernels
from mlops_nb.execution.pausing import StepHeld, held_by, paused_as, pausing_before
from mlops_nb.execution.run_request import RunRequest, RunResult, new_run_id
from mlops_nb.execution.step_record import Surroundings
from mlops_nb.execution.step_run import StepFailed, StepPostponed, reuse_cached, run_step
from mlops_nb.handover import State
from mlops_nb.metadata import PipelineVersion, RunStart
from mlops_nb.metadata import PlannedStep as RecordedStep
from mlops_nb.metadata.records import RESUMES
from mlops_nb.pipeline import DataflowLock, key_of
from mlops_nb.snapshot import KIND, keep, take, with_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.progress import Progress
    from mlops_nb.metadata import MetadataStore
    from mlops_nb.pipeline import Plan, PlannedStep, Precedent
    from mlops_nb.snapshot import Snapshot

# What NumPy takes as a seed.
_SEED_BITS = 32


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
    if plan.left_out:
        execution["to"] = plan.steps[-1].name
    if isinstance(open_session, Kernels):
        if open_session.threads == "share":
            open_session = replace(open_session, threads=threads_each(together))
        execution |= {"isolation": open_session.isolation, "threads": open_session.threads}
    run = request.run or new_run_id()
    watch = watch or Watch()
    folder = request.runs_folder / run
    (folder / "steps").mkdir(parents=True)
    shutil.copyfile(plan.graph.notebook.path, folder / "notebook.ipynb")
    seed = secrets.randbits(_SEED_BITS) if request.seed is None else request.seed
    snapshot = _snapshot(plan, request, seed, store)
    with log.transaction():
        log.start_run(_start(run, plan, request, execution))
        _link_snapshot(snapshot, run, store, log)
        if request.resumes:
            log.note(run, None, RESUMES, request.resumes)
    started = time.monotonic()
    listen = EventLog(folder, listen)
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
        request.pauses,
        open_session,
        seed,
        request.seeds,
    )
    progress = around.progress
    try:
        with signs_of_life(folder / "notebook.ipynb"):
            reran = _bring_to_its_end(around, workers)
        seen = with_inputs(snapshot, request.sources, seen_inputs(plan, progress), store)
        _link_snapshot(seen, run, store, log, snapshot)
    except BaseException as error:
        _end(request, around, "failed", f"{type(error).__name__}: {error}")
        raise
    status, reason = _verdict(plan, progress, watch)
    _end(request, around, status, reason)
    listen(RunEvent("run-done", run, status=status, text=reason, seconds=time.monotonic() - started))
    names = [step.name for step in plan.graph.steps]
    evidence = {**lock.steps, **progress.evidence}
    new_lock = DataflowLock({name: evidence[name] for name in names if name in evidence})
    return RunResult(run, status, reason, log.run(run), new_lock, reran, tuple(progress.pauses.values()))


def _bring_to_its_end(around: Surroundings, workers: int) -> tuple[str, ...]:
    """Take over what is cached and run the rest; return the steps that ran again. An interrupt cancels the watch."""
    reran: tuple[str, ...] = ()
    try:
        reuse_cached(around)
        if around.plan.to_run:
            # Where everything is cached Ploomber would skip every task, after a second of imports, and the check would
            # find the states and keys that the plan has just found.
            _build(around, workers)
            reran = check(around)
        _skip_the_rest(around)
    except KeyboardInterrupt:
        # The executor has ended the kernels and waited for them.
        around.watch.cancel("interrupted")
        return ()
    return reran


def _end(request: RunRequest, around: Surroundings, status: Any, reason: str) -> None:
    """Record how the run ended, and notify whoever is to be told."""
    around.log.finish_run(around.run, status, reason)
    if request.notifications.channels:
        # Mail and web take a while to import.
        from mlops_nb.execution.notifying.notify import notify

        notify(request.notifications, around.run, around.log, around.listen, request.context.root)


def _snapshot(plan: Plan, request: RunRequest, seed: int, store: ArtifactStore) -> Snapshot:
    data = known_inputs(plan, request.sources.notebook.parent)
    return take(request.sources, data, store, seed=seed, git=request.git, environment=request.environment)


def _link_snapshot(
    snapshot: Snapshot, run: str, store: ArtifactStore, log: MetadataStore, known: Snapshot | None = None
) -> None:
    if snapshot != known:
        log.link(run, None, "input", {KIND: keep(snapshot, store)})


def _start(run: str, plan: Plan, request: RunRequest, execution: Mapping[str, Any]) -> RunStart:
    # The steps that are left out belong to the pipeline all the same: a run of a part of it is no other version.
    whole = (*plan.steps, *plan.left_out)
    steps = tuple(RecordedStep(planned.name, planned.source) for planned in whole)
    dag = {
        "steps": [{"name": planned.name, "version": planned.source} for planned in whole],
        "edges": [[need, planned.name] for planned in whole for need in planned.needs],
    }
    # The code is all there is to a pipeline. Which edges are known grows with the evidence, and makes no new version.
    code = {"steps": dag["steps"], "prev": {planned.name: planned.step.prev for planned in whole}}
    version = PipelineVersion(plan.graph.notebook.name, key_of(code)[:32], dag)
    return RunStart(
        id=run,
        version=version,
        notebook=str(plan.graph.notebook.path.absolute()),
        origin=request.origin,
        steps=steps,
        parameters=request.parameters,
        executor="local",
        git=request.git,
        environment={**request.environment.as_dict(), "execution": execution},
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
            except (StepFailed, StepPostponed, StepHeld):
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
        [(need, planned.name) for planned in plan.steps for need in _upstream(planned, around)],
        executor,
    )
    build(dag)
    if unforeseen:
        raise unforeseen[0]


def _upstream(planned: PlannedStep, around: Surroundings) -> list[str]:
    """Return what must have succeeded before a step: what it needs, and what people are to decide about first."""
    above = pausing_before(around.plan, planned.name) if around.pauses else []
    return list(dict.fromkeys((*planned.needs, *above)))


def _skip_the_rest(around: Surroundings) -> None:
    """Record the steps that never ran, and why."""
    plan, progress = around.plan, around.progress
    if len(progress.status) < len(plan.steps):
        failed = [name for name, status in progress.status.items() if status in {"failed", "cancelled"}]
        left = [planned.name for planned in plan.steps if planned.name not in progress.status]
        for name in left:
            cause = next((need for need in ancestors(plan, name) if need in failed), "")
            held = held_by(name, around)
            if around.watch.cancelled.is_set():
                why = "the run was cancelled"
            elif held and not cause:
                stopped = around.progress.pauses[held].stopped
                why = f"{stopped} (`{held}`)" if stopped else f"it waits for a decision about `{held}`"
            else:
                why = f"it needs `{cause or next(iter(failed), '')}`, which failed"
            around.log.skip_steps(around.run, [name], why)
            progress.status[name] = "skipped"
            around.listen(RunEvent("step-done", around.run, name, "skipped", why))
    for planned in plan.left_out:
        around.log.skip_steps(around.run, [planned.name], planned.because)
        around.listen(RunEvent("step-done", around.run, planned.name, "skipped", planned.because))


def _verdict(plan: Plan, progress: Progress, watch: Watch) -> tuple[Any, str]:
    bad = [
        planned.name
        for planned in plan.steps
        if progress.status.get(planned.name, "skipped") not in {"succeeded", "cached"}
    ]
    failed = [name for name in bad if progress.status.get(name) == "failed"]
    if bad and watch.cancelled.is_set():
        return "cancelled", watch.why_cancelled
    if progress.pauses and not failed:
        return paused_as(progress.pauses)
    if not bad:
        return "succeeded", ""
    return "failed", f"step {', '.join(f'`{name}`' for name in failed or bad)} failed"
