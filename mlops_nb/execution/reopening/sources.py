"""Where a past run's notebooks are: the one it came from, and what each step executed."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.notebook import parse_notebook, read_notebook
from mlops_nb.pipeline import source_hash, step_document
from mlops_nb.snapshot import snapshot_of
from mlops_nb.steps import read_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import RunRecord, StepRun
    from mlops_nb.notebook import Notebook
    from mlops_nb.project import Project


class CannotReopen(MlopsNbError):  # noqa: N818 - the name of the fact
    """What a step of a past run was is no longer known."""

    code = "cannot-reopen"


def source_of(record: RunRecord, place: Project, store: ArtifactStore) -> Path:
    """Return the notebook that a run came from, in this checkout of the project when it ran in another."""
    recorded = place.root / record.run.notebook
    if not recorded.is_file():
        with suppress(MlopsNbError):
            here = place.root / snapshot_of(record, store).notebook
            if here.is_file():
                return here
    return recorded


def executed_document(
    step: StepRun, record: RunRecord, place: Project, store: ArtifactStore, source: Path
) -> tuple[Mapping[str, Any], bool]:
    """Return a step's executed notebook, or how it would have been executed; and whether it is the executed one.

    Raises
    ------
    CannotReopen
        When neither it nor the notebook as it was can be found.
    """
    kept = place.runs / record.run.id
    # A run that was killed has not recorded where it is.
    for path in (Path(step.notebook) if step.notebook else None, kept / "steps" / f"{step.step}.ipynb"):
        if path is not None and path.is_file():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found, True
    for notebook in _as_it_was(record, kept / "notebook.ipynb", source, store):
        for item in read_steps(notebook).steps:
            if item.name == step.step and source_hash(item) == step.version:
                return step_document(notebook, item, store_url="", state="", names=None), False
    message = f"What step `{step.step}` of run {record.run.id} was is no longer known: its notebook is gone."
    raise CannotReopen(message, hint=f"`mlops-nb show {record.run.id} {step.step}` shows what the record has.")


def _as_it_was(record: RunRecord, copy: Path, source: Path, store: ArtifactStore) -> Iterator[Notebook]:
    """Yield the notebooks that may be what the run had: its copy, its snapshot's, the source as it is now."""
    with suppress(MlopsNbError):
        yield read_notebook(copy)
    with suppress(MlopsNbError):
        snapshot = snapshot_of(record, store)
        yield parse_notebook(store.get(snapshot.files[snapshot.notebook].digest).decode(), source)
    with suppress(MlopsNbError):
        yield read_notebook(source)
