"""What a run stood on, kept in the artifact store: enough to run it again where only the store is.

A snapshot is a small JSON document in the store; the files it names are there too, by their content. It is linked to
its run as the input `snapshot`. Secrets are not in it: of environment variables it has none, of parameters the record
keeps references.

Format 1. How it may change: a reader refuses a format it does not know, and keeps reading the old ones.
"""

from __future__ import annotations

import json
import os.path
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.metadata import Artifact
from mlops_nb.snapshot.environment import requirements
from mlops_nb.snapshot.files import file_hash
from mlops_nb.snapshot.git import SECRETS, patch
from mlops_nb.snapshot.modules import module_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import GitState, RunRecord
    from mlops_nb.snapshot.environment import Environment

FORMAT = 1
KIND = "snapshot"
# A larger patch is data, and data is kept as files.
_PATCH_BYTES = 32 << 20


class NoSnapshot(MlopsNbError):  # noqa: N818 - the name of the fact
    """A run has no snapshot, or what it names is gone."""

    code = "no-snapshot"


@dataclass(frozen=True)
class KeptFile:
    """A file as the run found it; `kept` says whether the store has its content."""

    digest: str
    bytes: int
    kept: bool = True


@dataclass(frozen=True)
class Snapshot:
    """What a run stood on.

    Attributes
    ----------
    notebook
        Path of the notebook, relative to the project's root.
    folder
        The project's root as it was; files outside of it are named absolutely.
    seed
        Where the global random streams of the run's kernels started.
    files
        Source by path: the notebook as it was, the project's modules it imports, settings and dataflow lock.
    inputs
        Data that steps read and that was there before the run, by path.
    commit, patch
        The commit, and the digest of what differed from it; empty where there is none.
    requirements
        Digest of the packages as a requirements file.
    """

    notebook: str
    folder: str
    seed: int
    files: Mapping[str, KeptFile] = field(default_factory=dict, hash=False)
    inputs: Mapping[str, KeptFile] = field(default_factory=dict, hash=False)
    commit: str = ""
    patch: str = ""
    requirements: str = ""

    def to_json(self) -> str:
        """Return the stored form."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, indent=1) + "\n"

    @staticmethod
    def from_json(text: str | bytes) -> Snapshot:
        """Return the snapshot that `to_json` wrote.

        Raises
        ------
        NoSnapshot
            When it is in a format of a newer version.
        """
        given: dict[str, Any] = json.loads(text)
        if given.pop("format", None) != FORMAT:
            message = f"The snapshot is in a format that this version of mlops_nb does not read; it reads {FORMAT}."
            raise NoSnapshot(message, hint="Install the mlops_nb that wrote it.")
        kept = {part: {path: KeptFile(**item) for path, item in given[part].items()} for part in ("files", "inputs")}
        return Snapshot(**{**given, **kept})

    @property
    def lost(self) -> tuple[str, ...]:
        """Inputs whose content was not kept."""
        return tuple(path for path, item in self.inputs.items() if not item.kept)


@dataclass(frozen=True)
class Sources:
    """Where a snapshot finds what it keeps.

    `imports` are the modules that the notebook's steps import, `beside` further source files (settings, lock). Data
    larger than `largest_bytes` is known by its hash alone.
    """

    root: Path
    notebook: Path
    imports: Iterable[str] = ()
    beside: Iterable[Path] = ()
    largest_bytes: int | None = None


def take(  # noqa: PLR0913 - what a run stands on
    sources: Sources,
    data: Iterable[str],
    store: ArtifactStore,
    *,
    seed: int,
    git: GitState | None,
    environment: Environment,
) -> Snapshot:
    """Keep what a run is about to stand on.

    Parameters
    ----------
    sources
        Where that is.
    data
        Files that the steps are known to read, relative to the notebook's folder.
    store
        What keeps it.
    seed
        Where the random streams of the run's kernels start.
    git, environment
        The commit and the packages.

    Raises
    ------
    StoreUnwritable
        When the store cannot take it.
    """
    root, folder = sources.root, sources.notebook.parent
    modules = module_files(sources.imports, [folder, root]).values()
    files = [path for path in (sources.notebook, *modules, *sources.beside) if path.is_file()]
    found = Snapshot(
        notebook=_name(sources.notebook, root),
        folder=str(root),
        seed=seed,
        files={_name(path, root): _keep(path, store, None) for path in files},
        commit=git.commit if git else "",
        patch=_kept_patch(root, store) if git and git.dirty else "",
        requirements=store.put(requirements(environment).encode())[0],
    )
    return with_inputs(found, sources, dict.fromkeys(data, ""), store)


def with_inputs(snapshot: Snapshot, sources: Sources, seen: Mapping[str, str], store: ArtifactStore) -> Snapshot:
    """Return the snapshot with files that steps were seen to read, kept where they still have that content.

    Parameters
    ----------
    seen
        Content hash by path, relative to the notebook's folder as `pipeline` names files; empty for what there is.
    """
    inputs = dict(snapshot.inputs)
    for name, digest in seen.items():
        path = sources.notebook.parent / name
        told = _name(path, sources.root)
        # Known from the start, it may have been written by somebody before the step that reads it got there.
        known = told in inputs and digest in {"", inputs[told].digest}
        if known or told in snapshot.files or not path.is_file():
            continue
        inputs[told] = _keep(path, store, sources.largest_bytes, digest)
    return replace(snapshot, inputs=dict(sorted(inputs.items())))


def keep(snapshot: Snapshot, store: ArtifactStore) -> Artifact:
    """Store a snapshot, and return the artifact that the record links to its run."""
    digest, length = store.put(snapshot.to_json().encode())
    return Artifact(digest, KIND, f"artifact:{digest}", length, "application/json")


def snapshot_of(record: RunRecord, store: ArtifactStore) -> Snapshot:
    """Return the snapshot of a run.

    Raises
    ------
    NoSnapshot
        When the run has none: it was recorded before there were snapshots, or by another program.
    ArtifactMissing, CorruptArtifact
        When the store does not have it as it was.
    """
    digests = [link.artifact.hash for link in record.artifacts if link.step is None and link.name == KIND]
    if not digests:
        message = f"Run {record.run.id} has no snapshot of what it stood on."
        raise NoSnapshot(message, hint="Run its notebook again: each run keeps one.")
    return Snapshot.from_json(store.get(digests[-1]))


def restore(snapshot: Snapshot, store: ArtifactStore, target: Path) -> tuple[str, ...]:
    """Write a snapshot's files into an empty folder as the run found them; return the inputs that cannot be.

    A file outside of the project cannot be written where it was: it counts as restored when it still has its content.

    Raises
    ------
    NoSnapshot
        When a name leads out of the folder.
    ArtifactMissing, CorruptArtifact
        When the store does not have a file as it was.
    """
    absent: list[str] = []
    for path, item in {**snapshot.files, **snapshot.inputs}.items():
        if PurePosixPath(path).is_absolute():
            if file_hash(Path(path)) != item.digest:
                absent.append(path)
            continue
        place = inside(target, path)
        original = Path(snapshot.folder) / path
        if item.kept:
            place.parent.mkdir(parents=True, exist_ok=True)
            store.copy(item.digest, place)
        elif file_hash(original) == item.digest:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(original.read_bytes())
        else:
            absent.append(path)
    return tuple(absent)


def inside(target: Path, path: str) -> Path:
    """Return a path below a folder.

    Raises
    ------
    NoSnapshot
        When it would not be.
    """
    place = (target / path).resolve()
    if not place.is_relative_to(target.resolve()):
        message = f"The snapshot names `{path}`, which leads out of its folder."
        raise NoSnapshot(message, hint="Do not use it: no version of mlops_nb wrote that.")
    return place


def _name(path: Path, root: Path) -> str:
    whole = path.absolute()
    try:
        return Path(_resolved(whole)).relative_to(_resolved(root.absolute())).as_posix()
    except ValueError:
        return whole.as_posix()


def _resolved(path: Path) -> str:
    """Return a path without `..`, following no link: a linked data folder is part of the project all the same."""
    return os.path.normpath(path)


def _keep(path: Path, store: ArtifactStore, largest: int | None, seen: str = "") -> KeptFile:
    size = path.stat().st_size
    digest = file_hash(path)
    if seen and digest != seen:
        # The run itself, or somebody else, has written it since; what was read is gone.
        return KeptFile(seen, size, kept=False)
    if _may_be_secret(path):
        return KeptFile(digest, size, kept=False)
    if largest is not None and size > largest:
        return KeptFile(digest, size, kept=False)
    if not store.touch(digest):
        stored, size = store.put_file(path)
        if stored != digest:
            return KeptFile(digest, size, kept=False)
    return KeptFile(digest, size)


def _may_be_secret(path: Path) -> bool:
    return any(fnmatch(path.name.lower(), pattern) for pattern in SECRETS)


def _kept_patch(root: Path, store: ArtifactStore) -> str:
    text = patch(root)
    return store.put(text)[0] if 0 < len(text) <= _PATCH_BYTES else ""
