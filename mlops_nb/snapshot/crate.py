"""A run in one file: a Workflow Run RO-Crate, a zip archive that other tools read and another machine takes in.

==========================  ============================================================================
`ro-crate-metadata.json`    what there is, as the RO-Crate profile of workflow runs says (wfrun, version 0.5)
`run.json`                  the record
`snapshot.json`             the snapshot: names and digests
`project/PATH`              notebook, modules, settings, lock, data, by their place in the project
`steps/STEP.ipynb`          the executed notebooks
`artifacts/DIGEST`          what steps published and, when asked for, the state between them
==========================  ============================================================================

Packing a run twice gives equal bytes: names are sorted, and all times are the same. Taking one in believes nothing:
every content must have its digest, no name may lead out, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactMissing
from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.metadata import record_from_json, record_to_json
from mlops_nb.snapshot.content import KIND, NoSnapshot, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import RunRecord

_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
_RECORD, _SNAPSHOT, _METADATA = "run.json", "snapshot.json", "ro-crate-metadata.json"
# The first time that a zip archive can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 22
# What ids of runs and names of steps are made of, whoever wrote them.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TYPES = {"number": "Float", "int": "Integer", "bool": "Boolean", "str": "Text"}


class NotACrate(MlopsNbError):  # noqa: N818 - the name of the fact
    """A file is no packed run, or not as it was packed."""

    code = "not-a-crate"


@dataclass(frozen=True)
class Packed:
    """A run as it is packed or taken in: its record, its snapshot, and its executed notebooks by step."""

    record: RunRecord
    snapshot: Snapshot
    notebooks: Mapping[str, Path]


@dataclass(frozen=True)
class _Content:
    """One file of a crate: its bytes, the digest of what the store has, or a file."""

    data: bytes = b""
    digest: str = ""
    path: Path | None = None


def pack(run: Packed, store: ArtifactStore, target: Path, state: Iterable[str] = ()) -> Path:
    """Write a run into a crate, and return its path.

    Parameters
    ----------
    run
        The run.
    store
        The store that has its content.
    target
        The file; one that is there is replaced when the new one is whole.
    state
        Digests of what steps handed to each other, to be packed too.

    Raises
    ------
    UsageError
        When the run has not ended.
    ArtifactMissing, CorruptArtifact
        When the store lacks something of it.
    OSError
        When the file cannot be written.
    """
    if run.record.run.status == "running":
        message = f"Run {run.record.run.id} has not ended."
        raise UsageError(message, hint="Wait for its end, or interrupt it.")
    contents = _contents(run, store, state)
    contents[_METADATA] = _Content(_described(run, contents).encode())
    aside = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name in sorted(contents):
                _add(archive, name, contents[name], store)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return target


def _contents(run: Packed, store: ArtifactStore, state: Iterable[str]) -> dict[str, _Content]:
    snapshot = run.snapshot
    found = {
        _RECORD: _Content(record_to_json(run.record).encode()),
        _SNAPSHOT: _Content(snapshot.to_json().encode()),
    }
    for path, item in {**snapshot.files, **snapshot.inputs}.items():
        if item.kept:
            inside = not PurePosixPath(path).is_absolute()
            found[f"project/{path}" if inside else f"artifacts/{item.digest}"] = _Content(digest=item.digest)
    found |= {f"steps/{step}.ipynb": _Content(path=path) for step, path in run.notebooks.items()}
    deltas = [step.outcome["delta"] for step in run.record.steps if step.outcome.get("delta")]
    published = [link.artifact.hash for link in run.record.artifacts if link.name != KIND]
    further = [digest for digest in (snapshot.patch, snapshot.requirements) if digest]
    # Files that steps wrote are known by their hash alone, and the store need not have them.
    # A data file that a step read is there already, under its name in the project.
    packed = {content.digest for content in found.values()}
    wanted = {*deltas, *further, *state, *(digest for digest in published if store.has(digest))} - packed
    return found | {f"artifacts/{digest}": _Content(digest=digest) for digest in wanted}


def _add(archive: zipfile.ZipFile, name: str, content: _Content, store: ArtifactStore) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = 0o644 << 16
    # A fixed kind of system, so that every system writes equal bytes.
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_DEFLATED
    path = content.path
    if content.digest:
        try:
            path = store.path(content.digest)
        except ArtifactMissing:
            # Not a local store.
            content = _Content(store.get(content.digest))
    if path is None:
        archive.writestr(entry, content.data)
        return
    sha = hashlib.sha256()
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as out:
        while chunk := source.read(_CHUNK):
            sha.update(chunk)
            out.write(chunk)
    if content.digest and sha.hexdigest() != content.digest:
        store.get(content.digest)  # raises: it is corrupt


def _described(run: Packed, contents: Mapping[str, _Content]) -> str:
    """Return the metadata document: the notebook is the workflow, the run an action with what it took and gave."""
    from rocrate.model import ContextEntity
    from rocrate.model.computationalworkflow import ComputationalWorkflow
    from rocrate.model.file import File
    from rocrate.rocrate import ROCrate

    record, snapshot = run.record, run.snapshot
    crate = ROCrate()
    crate.name = f"Run {record.run.id} of {record.run.pipeline}"
    crate.description = f"What a run of {snapshot.notebook} stood on, did and left."
    ended = record.run.finished or record.run.started
    crate.root_dataset["datePublished"] = ended.isoformat()
    crate.root_dataset["conformsTo"] = [
        crate.add(ContextEntity(crate, profile, properties={"@type": "CreativeWork"})) for profile in _PROFILES
    ]
    main = f"project/{snapshot.notebook}"
    workflow = crate.add(ComputationalWorkflow(crate, None, dest_path=main))
    files = {name: crate.add(File(crate, None, dest_path=name)) for name in sorted(contents.keys() - {main})}
    workflow["name"] = record.run.pipeline
    workflow["encodingFormat"] = "application/x-ipynb+json"
    language = {"@type": "ComputerLanguage", "name": "Jupyter notebook", "url": "https://jupyter.org"}
    workflow["programmingLanguage"] = crate.add(ContextEntity(crate, "#jupyter", properties=language))
    crate.root_dataset["mainEntity"] = workflow
    action = crate.add(ContextEntity(crate, f"#{record.run.id}", properties=_action(record)))
    action["instrument"] = workflow
    action["agent"] = crate.add(
        ContextEntity(crate, "#agent", properties={"@type": "Person", "name": record.run.who.user})
    )
    inputs = [files[f"project/{path}"] for path, item in snapshot.inputs.items() if f"project/{path}" in files]
    action["object"] = [*inputs, *(_value(crate, workflow, item) for item in record.parameters if item.step is None)]
    digests = {link.artifact.hash: link for link in record.artifacts if link.direction == "output"}
    results = []
    for digest, link in sorted(digests.items()):
        file = files.get(f"artifacts/{digest}")
        if file is not None:
            file["name"] = link.name
            file["encodingFormat"] = link.artifact.media_type or "application/octet-stream"
            results.append(file)
    action["result"] = results
    crate.root_dataset["mentions"] = action
    document: dict[str, Any] = crate.metadata.generate()
    document["@graph"] = sorted(document["@graph"], key=lambda item: (item["@id"] != _METADATA, item["@id"]))
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _action(record: RunRecord) -> dict[str, Any]:
    done = record.run.status == "succeeded"
    found = {
        "@type": "CreateAction",
        "name": f"Run {record.run.id}",
        "startTime": record.run.started.isoformat(),
        "actionStatus": f"http://schema.org/{'Completed' if done else 'Failed'}ActionStatus",
    }
    if record.run.finished is not None:
        found["endTime"] = record.run.finished.isoformat()
    return found if done else {**found, "error": record.run.reason}


def _value(crate: Any, workflow: Any, parameter: Any) -> Any:
    from rocrate.model import ContextEntity

    formal = {"@type": "FormalParameter", "name": parameter.name, "additionalType": _TYPES.get(parameter.type, "Text")}
    declared = crate.add(ContextEntity(crate, f"#parameter-{parameter.name}", properties=formal))
    workflow.append_to("input", declared)
    value = parameter.value if isinstance(parameter.value, str) else json.dumps(parameter.value)
    properties = {"@type": "PropertyValue", "name": parameter.name, "value": value}
    given = crate.add(ContextEntity(crate, f"#value-{parameter.name}", properties=properties))
    given["exampleOfWork"] = declared
    return given


@contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a crate.

    Raises
    ------
    NotACrate
        When it is none, or damaged, or a name in it leads out.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                parts = PurePosixPath(entry.filename).parts
                kind = entry.external_attr >> 28
                if entry.filename.startswith("/") or ".." in parts or kind not in {0, 8}:
                    message = f"{file} holds `{entry.filename}`, which a packed run cannot hold."
                    raise NotACrate(message, hint="Do not use it: no version of mlops_nb wrote that.")
            yield archive
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        message = f"{file} is no packed run, or is damaged: {error}."
        raise NotACrate(message, hint="Pack the run again where it was made, and copy the file anew.") from error


def unpack(file: Path, store: ArtifactStore, runs: Path) -> Packed:
    """Take a packed run's content into a store, and return it; its executed notebooks go below `runs`.

    Raises
    ------
    NotACrate
        When the file is none, or a content is not what its name says, or a run or step in it has a name that is no
        file's name; nothing is recorded then.
    NotARecord, NoSnapshot
        When a newer version packed it.
    """
    with opened(file) as archive:
        record = record_from_json(archive.read(_RECORD))
        _require_plain_names(record, file)
        snapshot = Snapshot.from_json(archive.read(_SNAPSHOT))
        names = set(archive.namelist())
        digests = {f"artifacts/{name.removeprefix('artifacts/')}" for name in names if name.startswith("artifacts/")}
        known = {name: name.removeprefix("artifacts/") for name in digests}
        for path, item in {**snapshot.files, **snapshot.inputs}.items():
            if f"project/{path}" in names:
                known[f"project/{path}"] = item.digest
        for name, digest in sorted(known.items()):
            _take_in(archive, name, digest, file, store)
        store.put(archive.read(_SNAPSHOT))
        folder = runs / record.run.id
        notebooks = {}
        for step in record.steps:
            if f"steps/{step.step}.ipynb" in names:
                place = folder / "steps" / f"{step.step}.ipynb"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.read(f"steps/{step.step}.ipynb"))
                notebooks[step.step] = place
        notebook = snapshot.files.get(snapshot.notebook)
        if notebook is None:
            message = f"{file} lacks the notebook {snapshot.notebook}."
            raise NoSnapshot(message, hint="Pack the run again where it was made.")
        folder.mkdir(parents=True, exist_ok=True)
        store.copy(notebook.digest, folder / "notebook.ipynb")
    here = tuple(replace(step, notebook=str(notebooks.get(step.step, ""))) for step in record.steps)
    return Packed(replace(record, steps=here), snapshot, notebooks)


def _require_plain_names(record: RunRecord, file: Path) -> None:
    """Refuse names of the run and its steps that are more than the name of one file: they become places on disk."""
    for name in (record.run.id, *(step.step for step in record.steps)):
        if _PLAIN.fullmatch(name) is None:
            message = f"{file} names a run or a step `{name}`, which no run or step can be called."
            raise NotACrate(message, hint="Do not use it: no version of mlops_nb wrote that.")


def _take_in(archive: zipfile.ZipFile, name: str, digest: str, file: Path, store: ArtifactStore) -> None:
    with archive.open(name) as source:
        stored, _ = store.put(iter(lambda: source.read(_CHUNK), b""))
    if stored != digest:
        message = f"{file} is damaged: `{name}` is not what was packed."
        raise NotACrate(message, hint="Pack the run again where it was made, and copy the file anew.")
