"""What a run knows of its steps, and what the log is told of one that succeeded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import PARQUET
from mlops_nb.execution.data_verdicts import judged
from mlops_nb.execution.events import RunEvent
from mlops_nb.execution.file_times import with_times_of_their_own
from mlops_nb.execution.kernels.kernel import Watch
from mlops_nb.execution.leaks import refuse_leaks
from mlops_nb.execution.notebook_run import Outcome, Session, kernel_session
from mlops_nb.handover import STREAMS, Covariable, Delta, State
from mlops_nb.metadata import Artifact, Scrap, StepEnd
from mlops_nb.pipeline import (
    FilesLeft,
    FileUse,
    StepEvidence,
    changed,
    components,
    key_of,
    modules_of,
    reads_of,
    relative,
    staying,
    written_hashes,
)
from mlops_nb.scraps import Scrap as GluedScrap
from mlops_nb.scraps import read_scraps
from mlops_nb.snapshot import file_hash, module_files
from mlops_nb.steps import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.pausing import Pause
    from mlops_nb.metadata import MetadataStore
    from mlops_nb.pipeline import KeyContext, Plan, PlannedStep, Precedent
    from mlops_nb.steps import Step


OpenSession = Callable[[str, Path, Watch], AbstractContextManager[Session]]


@dataclass
class Progress:
    """What is known of the steps so far; steps run on threads, so it is taken and changed under its lock.

    `checked` are the co-variables that a step has found to come back as what they were, `kept` those variables of a
    step that did not, and `to_mend` the steps that are therefore to run again, in a kernel that the next ones share.
    `reasons` says why where it is another one, and no earlier result will do. `emptied` are folders that a step took
    away and made anew. `pauses` are the steps about which a person is to decide.
    """

    deltas: dict[str, Delta] = field(default_factory=dict)
    parts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    evidence: dict[str, StepEvidence] = field(default_factory=dict)
    files: dict[str, Mapping[str, str]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    checked: set[tuple[tuple[str, ...], str]] = field(default_factory=set)
    kept: dict[str, set[str]] = field(default_factory=dict)
    to_mend: set[str] = field(default_factory=set)
    reasons: dict[str, str] = field(default_factory=dict)
    emptied: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pauses: dict[str, Pause] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def took(
        self,
        name: str,
        delta: Delta,
        parts: Mapping[str, Any],
        evidence: StepEvidence | None,
        files: Mapping[str, str],
    ) -> None:
        """Take in what a step did, ran on, was seen to depend on, and left in files."""
        with self.lock:
            self.deltas[name] = delta
            self.parts[name] = parts
            self.files[name] = files
            if evidence is not None:
                self.evidence[name] = evidence

    def unchecked(self, items: Iterable[Covariable]) -> set[str]:
        """Return the names of those that no step of this run has found to come back as what they were."""
        with self.lock:
            new = [item for item in items if (item.names, item.fingerprint) not in self.checked]
        return {name for item in new for name in item.names if not item.problem}

    def found_same(self, items: Iterable[Covariable]) -> None:
        """Take note that these came back as what they were."""
        with self.lock:
            self.checked |= {(item.names, item.fingerprint) for item in items}

    def found_different(self, plan: Plan, name: str, different: Iterable[str]) -> None:
        """Take note that a step got other values than the ones that earlier steps made."""
        with self.lock:
            for variable in different:
                writers = [
                    step
                    for step in _before(plan, name)
                    if step in self.deltas and variable in self.deltas[step].written
                ]
                self.kept.setdefault(writers[-1], set()).add(variable)
                self.to_mend.add(writers[-1])

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

    def left_before(self, plan: Plan, name: str) -> FilesLeft:
        """Return what the steps done so far that the notebook has before it left in files, in its order."""
        left = FilesLeft()
        with self.lock:
            for planned in plan.steps:
                if planned.name == name:
                    break
                left = self.left_after(planned.name, left)
        return left

    def left_after(self, name: str, left: FilesLeft) -> FilesLeft:
        """Return what is left in files after a step, if it is done, that found these."""
        evidence = self.evidence.get(name)
        return left.after(evidence.writes_files if evidence else (), self.files.get(name, {}))

    def overwritten(self, plan: Plan, name: str, recorded: Mapping[str, str], folder: Path) -> list[str]:
        """Return the files that a step left in an earlier run and that a step before it has changed in this one."""
        found = changed(recorded, folder)
        with self.lock:
            ran = [self.evidence[step] for step in _before(plan, name) if self.status.get(step) == "succeeded"]
        uses = [FileUse.of((), evidence.writes_files) for evidence in ran]
        return [path for path in found if any(use.disturbs(FileUse.of((), (path,))) for use in uses)]

    def writers(self, plan: Plan, name: str) -> dict[str, str]:
        """Return the files that the steps before one left, each with the last step that wrote it."""
        with self.lock:
            return self._writers(plan, name)

    def _writers(self, plan: Plan, name: str) -> dict[str, str]:
        return {path: step for step in _before(plan, name) for path in self.files.get(step, {})}

    def of_several_steps(self, plan: Plan, name: str, files: Iterable[str]) -> tuple[str, ...]:
        """Return those of the files that steps before one left, unless one step left them all."""
        writers = self.writers(plan, name)
        found = sorted(path for path in files if path in writers)
        return tuple(found) if len({writers[path] for path in found}) > 1 else ()

    def lost_before(self, plan: Plan, name: str, folder: Path) -> set[str]:
        """Return the steps before one that left a file which it reads and which a later step has written since."""
        with self.lock:
            reads = self.evidence[name].reads_files if name in self.evidence else ()
            left = {path: step for path, step in self._writers(plan, name).items() if path in reads}
            hashes = {path: self.files[step][path] for path, step in left.items()}
        return {left[path] for path in changed(hashes, folder)}


def _before(plan: Plan, name: str) -> list[str]:
    """Return the steps that the notebook has before one."""
    return [planned.name for planned in plan.steps[: plan.steps.index(plan.step(name))]]


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
    pauses: bool = True
    open_session: OpenSession = kernel_session
    seed: int | None = None
    seeds: Mapping[str, int] = field(default_factory=dict, hash=False)
    progress: Progress = field(default_factory=Progress)


_KINDS_OF_FILES = ("read", "written", "asked", "emptied", "timed", "dated")


def succeeded(  # noqa: PLR0913, PLR0917 - what a result consists of
    planned: PlannedStep, state: State, outcome: Outcome, place: Path, around: Surroundings, began: float
) -> StepEnd:
    """Take a step's result in, and return what the log keeps of it.

    Parameters
    ----------
    planned
        The step.
    state
        The state it ran on.
    outcome
        How its notebook ended, with the evidence.
    place
        The executed notebook.
    around
        The run.
    began
        When it began, in seconds since the epoch.

    Raises
    ------
    DataRefused
        When a dataset of it may not be used.
    """
    context = around.context
    scraps = read_scraps(place)
    rests_on = judged(planned.step, scraps, around)
    scraps = tuple(scrap for scrap in scraps if scrap.kind != "verdict")
    delta = Delta.from_json(around.store.get(outcome.evidence["delta"]))
    files = {
        kind: sorted(
            # A folder that a step makes unless it is there keeps its last slash.
            {relative(path, context.folder, context.root) + "/" * path.endswith("/") for path in found}
        )
        for kind, found in ((kind, outcome.evidence[f"{kind}_files"]) for kind in _KINDS_OF_FILES)
    }
    left = around.progress.left_before(around.plan, planned.name)
    files["read"] = sorted({*files["read"], *_modules_by_file(planned.step, state, outcome, context, left)})
    for path, is_new in _named(planned.step, context.folder, began):
        # Opened by a library in C, perhaps, where nobody sees it.
        files["read"] = sorted({*files["read"], path})
        files["written"] = sorted({*files["written"], *((path,) if is_new else ())})
    written = written_hashes(files["written"], context.folder)
    evidence = StepEvidence(source=planned.source, unpickles=_unpickled(planned.step, state, outcome))
    reads = {*reads_of(planned.step, state, evidence), *(f"@{kind}" for kind in delta.ambient if kind in STREAMS)}
    evidence = replace(
        evidence,
        reads=tuple(sorted(reads)),
        writes=tuple(sorted(delta.written)),
        streams=tuple(sorted(kind for kind in delta.ambient if kind in STREAMS)),
        reads_files=tuple(files["read"]),
        writes_files=tuple(files["written"]),
        # What it opened as well, it has not only asked for.
        asks_files=tuple(sorted(set(files["asked"]) - set(files["read"]) - set(files["written"]))),
        asks_times=around.progress.of_several_steps(around.plan, planned.name, files["timed"]),
        sets_times=tuple(sorted({*files["dated"], *with_times_of_their_own(written, context.folder, began)})),
        variables=tuple(sorted(set(outcome.evidence["variables"]) - set(planned.step.variables))),
        stays=staying(delta),
        outside=(*outcome.evidence.get("outside", ()), *_unseen(planned.step, state, outcome)),
    )
    published = _artifacts(scraps, around) | rests_on
    # Now it is known which files it reads and which random streams it draws from: the key for next time.
    seen = components(planned.step, state, context, evidence, left)
    refuse_leaks(planned, scraps, seen, around)
    around.progress.took(planned.name, delta, seen, evidence, written)
    around.progress.emptied[planned.name] = tuple(files["emptied"])
    return StepEnd(
        status="succeeded",
        notebook=str(place),
        scraps=tuple(map(_recorded, scraps)),
        inputs={
            f"file:{path}": _file_artifact(context.folder / path)
            for path in evidence.reads_files
            if (context.folder / path).is_file()
        },
        outputs=published
        | {
            f"file:{path}": _file_artifact(context.folder / path)
            for path in written
            if (context.folder / path).is_file()
        },
        key=key_of(seen),
        key_components=seen,
        outcome={
            "delta": outcome.evidence["delta"],
            "evidence": {key: value for key, value in asdict(evidence).items() if key != "source"},
            "files": written,
            "emptied": files["emptied"],
            "published": {name: artifact.hash for name, artifact in published.items()},
            "handover_seconds": outcome.evidence["seconds"],
            "peak_memory_bytes": outcome.evidence["peak_memory_bytes"],
            "kernel": asdict(outcome.kernel),
            "undeclared": _undeclared(planned.step, scraps, around),
        },
    )


def _modules_by_file(step: Step, state: State, outcome: Outcome, context: KeyContext, left: FilesLeft) -> Iterator[str]:
    """Yield the files of modules that the step depends on and that its text does not lead to.

    That are those that it imported by a computed name, from a folder put on `sys.path` or from a file; and those of the
    last two kinds that were there before it. Those that an earlier step wrote are its files in any case: it comes after
    that step.
    """
    places = [context.folder, context.root]
    known = set(module_files(modules_of(step, state), places).values())
    loaded = {Path(path): name for name, path in outcome.evidence.get("loaded_modules", {}).items()}
    imported = {Path(path) for path in outcome.evidence.get("imported_files", ())}
    elsewhere = {
        path
        for path, name in loaded.items()
        if path.is_relative_to(context.root) and path not in module_files([name], places).values()
    }
    for path in imported | elsewhere | known:
        name = relative(str(path), context.folder, context.root)
        if path not in known or left.known(name):
            yield name


def _unpickled(step: Step, state: State, outcome: Outcome) -> tuple[str, ...]:
    """Return the variables that a pickle in the step refers to by name, and that its text does not have."""
    held = state.by_name()
    names = {str(name).partition(".")[0] for name in outcome.evidence["unpickled"]}
    return tuple(sorted(name for name in names if name in held and name not in step.reads))


def _unseen(step: Step, state: State, outcome: Outcome) -> Iterator[str]:
    """Yield what the step did of which its evidence does not tell what it depends on."""
    own = {*step.reads, *step.flow.defines, *reads_of(step, state)}
    if own.intersection(outcome.evidence["in_workers"]):
        yield "runs functions in joblib's workers"


def _undeclared(step: Step, scraps: tuple[GluedScrap, ...], around: Surroundings) -> list[str]:
    """Return what a step published beside its declared outputs, and tell; one that declares none may publish any."""
    declared = {output.name for output in step.settings.outputs} | set(step.metrics)
    names = [scrap.name for scrap in scraps if scrap.output is None and scrap.name not in declared]
    if not names or not step.settings.outputs:
        return []
    text = f"it published `{'`, `'.join(names)}`, which its outputs do not declare"
    around.listen(RunEvent("notice", around.run, step.name, text=text))
    return names


def _named(step: Step, folder: Path, began: float) -> Iterator[tuple[str, bool]]:
    """Yield the files that a step's text names as they are, and whether they have been written since it began."""
    for text in texts(step.cells):
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            path = folder / Path(text).expanduser()
            if path.is_file():
                yield text, path.stat().st_mtime >= began


def _file_artifact(path: Path) -> Artifact:
    return Artifact(hash=file_hash(path), kind="file", uri=path.resolve().as_uri(), bytes=path.stat().st_size)


def _recorded(scrap: GluedScrap) -> Scrap:
    """Return what the log keeps of a scrap: its value, or where its content is."""
    if scrap.reference is None:
        return Scrap(scrap.name, scrap.value, scrap.kind)
    told = {name: value for name, value in asdict(scrap.reference).items() if value not in (None, ())}
    return Scrap(scrap.name, told, scrap.kind)


def _artifacts(scraps: tuple[GluedScrap, ...], around: Surroundings) -> dict[str, Artifact]:
    """Return the artifacts that the scraps refer to, by name; with a figure's second form and a model's sample."""
    found: dict[str, Artifact] = {}

    def add(  # noqa: PLR0913, PLR0917 - the columns of an artifact
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
            for part in ("evaluation", "training"):
                table = (held.evaluation or {}).get(part)
                if table is not None:
                    add(f"{scrap.name}.{part}", "dataset", table["artifact"], PARQUET, table["bytes"], table["rows"])
    return found
