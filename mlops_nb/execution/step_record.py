"""What every step of a run is given, and what the log is told of one that succeeded."""

from __future__ import annotations

import contextlib
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
from mlops_nb.execution.progress import Progress
from mlops_nb.handover import STREAMS, Delta, State
from mlops_nb.metadata import Artifact, Scrap, StepEnd
from mlops_nb.pipeline import (
    FilesLeft,
    StepEvidence,
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
    from collections.abc import Iterator, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import MetadataStore
    from mlops_nb.pipeline import KeyContext, Plan, PlannedStep, Precedent
    from mlops_nb.steps import Step


OpenSession = Callable[[str, Path, Watch], AbstractContextManager[Session]]


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

    def left_before(self, name: str) -> FilesLeft:
        """Return what the steps before one left in files, and what it found itself, in a run that is gone on with."""
        return self.precedent.as_found(name, self.progress.left_before(self.plan, name))


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
    found = {
        name: digest
        for path, digest in outcome.evidence.get("found_files", {}).items()
        # Not what lies in caches and temporary folders of the machine.
        if (name := relative(path, context.folder, context.root)) in files["written"]
    }
    left = replace(around.progress.left_before(around.plan, planned.name), found=found)
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
        asks_files=tuple(sorted(set(files["asked"]) - set(files["read"]) - (set(files["written"]) - found.keys()))),
        changes_files=tuple(sorted(found)),
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
