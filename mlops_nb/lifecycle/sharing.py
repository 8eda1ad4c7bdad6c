"""A run leaves its project in one file, and comes into another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.snapshot import snapshot_of
from mlops_nb.snapshot.crate import Packed
from mlops_nb.snapshot.crate import pack as write_crate
from mlops_nb.snapshot.crate import unpack as read_crate

if TYPE_CHECKING:
    from mlops_nb.metadata import RunRecord
    from mlops_nb.project import Project


def pack(record: RunRecord, project: Project, target: Path | None = None, *, state: bool = False) -> Path:
    """Write a run into one file, an RO-Crate, and return its path.

    Parameters
    ----------
    record
        The run.
    project
        The project whose stores have it.
    target
        The file; `RUN.crate.zip` in the working directory when `None`.
    state
        Pack the values too that steps handed to each other, so that a reproduction elsewhere can say how far numbers
        are apart, and not only that they are.

    Raises
    ------
    UsageError
        When the run has not ended.
    NoSnapshot, ArtifactMissing, CorruptArtifact
        When something of it is gone.
    """
    from mlops_nb.handover import Delta

    store = project.artifact_store()
    notebooks = {step.step: Path(step.notebook) for step in record.steps if step.notebook}
    run = Packed(
        # Where the executed notebooks lie is the affair of whoever takes the run in.
        replace(record, steps=tuple(replace(step, notebook="") for step in record.steps)),
        snapshot_of(record, store),
        {step: path for step, path in notebooks.items() if path.is_file()},
    )
    digests = [step.outcome["delta"] for step in record.steps if state and step.outcome.get("delta")]
    deltas = [Delta.from_json(store.get(digest)) for digest in digests]
    blobs = {item.blob for delta in deltas for item in (*delta.changed, *delta.ambient.values()) if item.blob}
    return write_crate(run, store, target or Path(f"{record.run.id}.crate.zip"), blobs)


def unpack(file: Path, project: Project) -> tuple[RunRecord, bool]:
    """Take a packed run into a project's stores; return it, and whether it was not there yet.

    Raises
    ------
    NotACrate, NotARecord, NoSnapshot
        When the file is no packed run, is damaged, or of a newer version; nothing is recorded then.
    """
    with project.log() as log:
        run = read_crate(file, project.artifact_store(), project.runs)
        return run.record, log.adopt(run.record)
