"""One step in one run: find out whether it must run, run it, read the evidence, record all of it."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.events import RunEvent
from mlops_nb.execution.notebook_run import Limits, Outcome, run_notebook
from mlops_nb.handover import STREAMS, Delta, State
from mlops_nb.metadata import Artifact, Scrap, StepEnd, StepStart
from mlops_nb.pipeline import (
    StepEvidence,
    components,
    file_hashes,
    key_of,
    needed,
    reads_of,
    relative,
    step_document,
)
from mlops_nb.scraps import Scrap as GluedScrap
from mlops_nb.scraps import read_scraps
from mlops_nb.snapshot import file_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.kernels import Watch
    from mlops_nb.metadata import MetadataStore, StepRun
    from mlops_nb.pipeline import KeyContext, Plan, PlannedStep, Precedent

_ADDED_IDS = ("mlops-nb-", "replay-")


class StepFailed(MlopsNbError):  # noqa: N818 - the name of the fact
    """A step did not succeed; the record has the cell and the traceback."""

    code = "step-failed"


@dataclass(frozen=True)
class Surroundings:
    """What every step of a run is given."""

    run: str
    folder: Path
    plan: Plan
    context: KeyContext
    injected: Mapping[str, Any]
    store: ArtifactStore
    log: MetadataStore
    precedent: Precedent
    watch: Watch
    listen: Callable[[RunEvent], None]
    fresh: bool = False


@dataclass
class Progress:
    """What is known of the steps so far; steps run on threads, so it is taken and changed under its lock."""

    deltas: dict[str, Delta] = field(default_factory=dict)
    parts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    evidence: dict[str, StepEvidence] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, plan: Plan, name: str) -> State:
        """Return the state before a step: the steps done so far that the notebook has before it, in its order."""
        state = State()
        with self.lock:
            for planned in plan.steps:
                if planned.name == name:
                    break
                if planned.name in self.deltas:
                    state = state.after(self.deltas[planned.name])
        return state


def run_step(name: str, around: Surroundings, progress: Progress, *, again: str = "") -> None:
    """Bring one step to its end: cached when its key turns out to be known, run otherwise.

    Parameters
    ----------
    name
        The step.
    around
        The run.
    progress
        Where its result goes.
    again
        Why it runs a second time in this run, when it does.

    Raises
    ------
    StepFailed
        When it did not succeed.
    """
    planned = around.plan.step(name)
    if progress.status.get(name) == "cached" and not again:
        # Ploomber builds whatever lies downstream of a task that ran; the check at the end of the run has the say.
        return
    state = progress.before(around.plan, name)
    parts = components(planned.step, state, around.context, planned.proven)
    key = key_of(parts)
    # A first look at the plan may have found its inputs unknown; now they are there.
    hit = None if around.fresh or (planned.status == "run" and not again) else _hit(planned, parts, key, around)
    if hit is not None:
        _reuse(planned, hit, parts, around, progress)
        return
    because = again or (planned.because if planned.status == "run" else _reason(planned, parts, around))
    around.log.start_step(around.run, name, StepStart(key=key, key_components=parts, reason=because))
    _execute(planned, state, parts, around, progress)


def reuse_cached(around: Surroundings, progress: Progress) -> None:
    """Record every step that the plan found cached, in one go."""
    hits = {planned.name: planned.hit.id for planned in around.plan.steps if planned.hit is not None}
    around.log.reuse_steps(around.run, hits, "nothing it depends on changed")
    for planned in around.plan.steps:
        if planned.hit is not None:
            _take_over(planned, planned.hit, planned.components, around, progress)


def _hit(planned: PlannedStep, parts: Mapping[str, Any], key: str, around: Surroundings) -> StepRun | None:
    return around.precedent.hit(planned.step, parts, key)


def _reuse(
    planned: PlannedStep, hit: StepRun, parts: Mapping[str, Any], around: Surroundings, progress: Progress
) -> None:
    around.log.reuse_steps(around.run, {planned.name: hit.id}, "its inputs came out unchanged")
    _take_over(planned, hit, parts, around, progress)


def _take_over(
    planned: PlannedStep, hit: StepRun, parts: Mapping[str, Any], around: Surroundings, progress: Progress
) -> None:
    delta = around.precedent.delta(hit)
    seen = hit.outcome.get("evidence")
    with progress.lock:
        progress.deltas[planned.name] = delta
        progress.parts[planned.name] = parts
        progress.status[planned.name] = "cached"
        if seen:
            progress.evidence[planned.name] = _evidence_from(seen, planned.source)
    around.listen(RunEvent("step-done", around.run, planned.name, "cached", planned.because, seconds=0.0))


def _evidence_from(seen: Mapping[str, Any], source: str) -> StepEvidence:
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in seen.items()}
    return StepEvidence(**{**given, "source": source})


def _reason(planned: PlannedStep, parts: Mapping[str, Any], around: Surroundings) -> str:
    from mlops_nb.pipeline import differences

    last = around.precedent.last.get(planned.name)
    if last is None:
        return "it never ran"
    if last.status == "failed":
        return "it failed last time"
    return " and ".join(differences(last.key_components, parts)) or planned.because


def _execute(
    planned: PlannedStep, state: State, parts: Mapping[str, Any], around: Surroundings, progress: Progress
) -> None:
    step, name = planned.step, planned.name
    started = time.monotonic()
    place = around.folder / "steps" / f"{name}.ipynb"
    own = {cell.id: position for position, cell in enumerate(step.cells, 1)}
    around.listen(RunEvent("step-started", around.run, name, "running", cells=len(own), expected_s=planned.expected_s))

    def on_cell(what: str, cell_id: str) -> None:
        if cell_id in own:
            around.listen(RunEvent(f"cell-{what}", around.run, name, cell=own[cell_id], cells=len(own)))

    outcome = _blocked(planned, state)
    if outcome is None:
        outcome = _tries(planned, state, place, around, on_cell)
    seconds = time.monotonic() - started
    if outcome.succeeded:
        try:
            end = _succeeded(planned, state, outcome, place, around, progress, parts)
        except MlopsNbError as error:
            outcome = Outcome(ended=error.message)
    if not outcome.succeeded:
        status = "cancelled" if outcome.cancelled else "failed"
        why = outcome.ended or (f"{outcome.error.ename}: {outcome.error.evalue}" if outcome.error else "")
        end = StepEnd(
            status=status,
            reason=why,
            notebook=str(place) if place.exists() else "",
            error=outcome.error,
            seconds=seconds,
        )
    around.log.finish_step(around.run, name, _timed(end, seconds))
    with progress.lock:
        progress.status[name] = end.status
    around.listen(RunEvent("step-done", around.run, name, end.status, end.reason, cells=len(own), seconds=seconds))
    if not outcome.succeeded:
        message = f"Step `{name}` {end.status}: {end.reason}."
        raise StepFailed(message, hint=f"`mlops-nb show {around.run} {name}` shows the cell and the traceback.")


def _timed(end: StepEnd, seconds: float) -> StepEnd:
    return StepEnd(**{**vars(end), "seconds": seconds})


def _blocked(planned: PlannedStep, state: State) -> Outcome | None:
    """Return the refusal of a step that needs what could not leave an earlier step's process."""
    for item in needed(planned.step, state).covariables:
        used = sorted(set(item.names) & planned.step.reads)
        if item.problem and used:
            kind = item.types.get(used[0], "value")
            return Outcome(
                ended=f"[MN306] it uses `{used[0]}` ({kind}) of an earlier step, which cannot leave its process "
                f"({item.problem}); put the cells that make and use `{used[0]}` into one step"
            )
    return None


def _tries(
    planned: PlannedStep, state: State, place: Path, around: Surroundings, on_cell: Callable[[str, str], None]
) -> Outcome:
    """Run the step's notebook, again after a pause when it failed and its settings allow."""
    step, settings = planned.step, planned.step.settings
    digest = around.store.put(state.to_json().encode())[0]
    # A proven step gets what it needs; any other the whole namespace, which is always right.
    names = None
    if planned.proven is not None and not step.flow.barrier:
        names = {name for item in needed(step, state).covariables for name in item.names}
    document = step_document(around.plan.graph.notebook, step, store_url=around.store.url, state=digest, names=names)
    wait_s = settings.retry_wait_s
    for attempt in range(settings.retries + 1):
        outcome = run_notebook(
            document,
            place,
            parameters=around.injected if step.has_parameters else {},
            kernel_name=around.plan.graph.notebook.kernel_name,
            cwd=around.context.folder,
            limits=Limits(settings.timeout_s, settings.memory_mb),
            watch=around.watch,
            on_cell=on_cell,
        )
        if outcome.succeeded or outcome.cancelled or attempt == settings.retries:
            break
        why = outcome.ended or (outcome.error.ename if outcome.error else "")
        text = f"try {attempt + 1} of {settings.retries + 1} failed ({why}); the next in {wait_s:g} s"
        around.listen(RunEvent("notice", around.run, step.name, text=text))
        # The failed try's notebook is kept beside the next one's.
        place.replace(place.with_name(f"{place.stem}.try{attempt + 1}.ipynb"))
        around.watch.cancelled.wait(wait_s)
        wait_s *= 2
    return outcome


def _succeeded(  # noqa: PLR0913 - all that a finished step consists of
    planned: PlannedStep,
    state: State,
    outcome: Outcome,
    place: Path,
    around: Surroundings,
    progress: Progress,
    parts: Mapping[str, Any],
) -> StepEnd:
    context = around.context
    delta = Delta.from_json(around.store.get(outcome.evidence["delta"]))
    files = {
        kind: sorted({relative(path, context.folder, context.root) for path in outcome.evidence[f"{kind}_files"]})
        for kind in ("read", "written")
    }
    written = {
        path: found for path, found in file_hashes(files["written"], context.folder).items() if found != "missing"
    }
    evidence = StepEvidence(
        source=planned.source,
        reads=tuple(
            sorted({*reads_of(planned.step, state), *(f"@{kind}" for kind in delta.ambient if kind in STREAMS)})
        ),
        writes=tuple(sorted(delta.written)),
        streams=tuple(sorted(kind for kind in delta.ambient if kind in STREAMS)),
        reads_files=tuple(files["read"]),
        writes_files=tuple(sorted(written)),
        stays={name: item.problem for item in delta.changed if item.problem for name in item.names},
    )
    scraps = read_scraps(place)
    with progress.lock:
        progress.deltas[planned.name] = delta
        progress.parts[planned.name] = parts
        progress.evidence[planned.name] = evidence
    return StepEnd(
        status="succeeded",
        notebook=str(place),
        scraps=tuple(map(_recorded, scraps)),
        inputs={
            f"file:{path}": _file_artifact(context.folder / path)
            for path in evidence.reads_files
            if (context.folder / path).is_file()
        },
        outputs=_artifacts(scraps, around)
        | {
            f"file:{path}": _file_artifact(context.folder / path)
            for path in written
            if (context.folder / path).is_file()
        },
        outcome={
            "delta": outcome.evidence["delta"],
            "evidence": {key: value for key, value in asdict(evidence).items() if key != "source"},
            "files": written,
            "handover_seconds": outcome.evidence["seconds"],
            "peak_memory_bytes": outcome.evidence["peak_memory_bytes"],
        },
    )


def _file_artifact(path: Path) -> Artifact:
    return Artifact(hash=file_hash(path), kind="file", uri=path.resolve().as_uri(), bytes=path.stat().st_size)


def _recorded(scrap: GluedScrap) -> Scrap:
    """Return what the log keeps of a scrap: its value, or where its content is."""
    if scrap.reference is None:
        return Scrap(scrap.name, scrap.value, scrap.kind)
    told = {name: value for name, value in asdict(scrap.reference).items() if value not in (None, ())}
    return Scrap(scrap.name, told, scrap.kind)


def _artifacts(scraps: tuple[GluedScrap, ...], around: Surroundings) -> dict[str, Artifact]:
    """Return the artifacts that the scraps refer to, by name; a figure's second form and a model's sample among them."""
    found: dict[str, Artifact] = {}

    def add(
        name: str, kind: str, digest: str | None, media_type: str | None, size: int | None, rows: int | None
    ) -> None:
        if digest:
            uri = f"{around.store.url}/{digest[:2]}/{digest[2:]}"
            found[name] = Artifact(digest, kind, uri, size or 0, media_type or "", rows)

    for scrap in scraps:
        held = scrap.reference
        if held is not None:
            add(scrap.name, scrap.kind, held.artifact, held.media_type, held.bytes, held.rows)
            add(f"{scrap.name}.svg", scrap.kind, held.svg, held.svg_media_type, held.svg_bytes, None)
            sample = (held.sample_input, held.sample_input_media_type, held.sample_input_bytes, held.sample_input_rows)
            add(f"{scrap.name}.sample_input", "dataset", *sample)
    return found
