"""What a person means by an id: a run, a step of one, an artifact, a file of the project, a model version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.metadata import NodeId, UnknownRecord
from mlops_nb.registry import LATEST, Registry
from mlops_nb.snapshot import file_hash

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.metadata import MetadataStore

_HASH = re.compile(r"[0-9a-f]{4,64}")
_WAYS = "Give a run, RUN/STEP, a model as NAME@VERSION, an artifact's hash or a file of the project."


@dataclass(frozen=True)
class Origin:
    """Where lineage begins: the nodes, what they are in a few words, and what has to be said of them."""

    starts: tuple[NodeId, ...]
    told: str
    notice: str = ""


def find_origin(log: MetadataStore, name: str, folder: Path) -> Origin:
    """Return the nodes that a name stands for.

    Parameters
    ----------
    log
        The project's log.
    name
        `last` or a run's id or its beginning, `RUN/STEP`, `NAME@3` or `NAME@alias`, a file's path, or an artifact's
        hash or its beginning.
    folder
        What a relative path is relative to.

    Raises
    ------
    UsageError
        When it is none of them, or several.
    """
    if "@" in name and not (folder / name).exists():
        model, _, which = name.rpartition("@")
        version = Registry(log).get(model, which or LATEST)
        known = f"{version.model}@{version.version}"
        aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
        return Origin((NodeId("model", known),), f"model version {known}{aliases}")
    path = folder / name
    if path.is_file():
        return _of_file(log, path)
    found = _of_run(log, name) or _of_hash(log, name)
    if found is not None:
        return found
    recorded = log.artifacts_like(uri=path.resolve().as_uri())
    if recorded:
        return Origin(recorded, f"file {name}", "The file is not there any more.")
    try:
        log.run(name.partition("/")[0])
    except UnknownRecord as error:
        message = f"`{name}` is nothing that the record knows: {error.message}"
        raise UsageError(message, hint=_WAYS) from error
    message = f"`{name}` is nothing that the record knows."
    raise UsageError(message, hint=_WAYS)


def _of_file(log: MetadataStore, path: Path) -> Origin:
    now = file_hash(path)
    recorded = log.artifacts_like(uri=path.resolve().as_uri())
    as_it_is = log.artifacts_like(now)
    starts = tuple(dict.fromkeys((*as_it_is, *recorded)))
    if not starts:
        message = f"No run has read or written {path}."
        raise UsageError(message, hint="`mlops-nb show RUN STEP` lists the files that a step read and wrote.")
    notice = "" if as_it_is else "No run has seen the file as it is now; what follows is of earlier contents."
    if as_it_is and len(starts) > 1:
        notice = f"Runs have seen {len(starts)} contents of the file; what follows is of all of them."
    return Origin(starts, f"file {path.name}", notice)


def _of_run(log: MetadataStore, name: str) -> Origin | None:
    run, _, step = name.partition("/")
    try:
        record = log.run_asked_for(run)
    except UnknownRecord:
        return None
    if not step:
        return Origin(log.origin_steps(record.run.id), f"run {record.run.id} of {record.run.pipeline}")
    names = [item.step for item in record.steps]
    if step not in names:
        message = f"Run {record.run.id} has no step `{step}`.{did_you_mean(step, names)}"
        raise UsageError(message, hint=f"Its steps are {', '.join(names)}.")
    work = log.origin_steps(record.run.id, step)
    return Origin(work, f"step {step} of run {record.run.id}")


def _of_hash(log: MetadataStore, name: str) -> Origin | None:
    if not _HASH.fullmatch(name):
        return None
    found = log.artifacts_like(name)
    if len(found) > 1:
        shown = ", ".join(f"`{node.key[:16]}`" for node in found[:5])
        message = f"Several artifacts start with `{name}`: {shown}."
        raise UsageError(message, hint="Give more of the hash.")
    return Origin(found, f"artifact {found[0].key[:12]}") if found else None
