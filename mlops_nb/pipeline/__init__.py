"""From steps to a pipeline: a notebook per step, their keys, the plan, the Ploomber DAG, the compiled form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.pipeline.file_order import FileUse
from mlops_nb.pipeline.files_left import FilesLeft, changed, file_hashes, written_hashes
from mlops_nb.pipeline.keys import (
    KeyContext,
    changed_parts,
    components,
    data_folders,
    differences,
    key_of,
    modules_of,
    needed,
    relative,
    source_hash,
)
from mlops_nb.pipeline.lock import DataflowLock, StepEvidence, evidence_from, keep_lock, read_lock, write_lock
from mlops_nb.pipeline.plan import Plan, PlannedStep, last_part, make_plan, reads_of
from mlops_nb.pipeline.precedent import Precedent
from mlops_nb.pipeline.schema_files import FOLDER as SCHEMAS
from mlops_nb.pipeline.schema_files import SchemaFiles, put_gates
from mlops_nb.pipeline.staying import of_process, staying, uses, without
from mlops_nb.pipeline.step_notebook import ADDED, ADDED_TAGS, step_document

if TYPE_CHECKING:
    from mlops_nb.pipeline.dag import StepExecutor, build, build_dag

__all__ = [
    "ADDED",
    "ADDED_TAGS",
    "SCHEMAS",
    "DataflowLock",
    "FileUse",
    "FilesLeft",
    "KeyContext",
    "Plan",
    "PlannedStep",
    "Precedent",
    "SchemaFiles",
    "StepEvidence",
    "StepExecutor",
    "build",
    "build_dag",
    "changed",
    "changed_parts",
    "components",
    "data_folders",
    "differences",
    "evidence_from",
    "file_hashes",
    "keep_lock",
    "key_of",
    "last_part",
    "make_plan",
    "modules_of",
    "needed",
    "of_process",
    "put_gates",
    "read_lock",
    "reads_of",
    "relative",
    "source_hash",
    "staying",
    "step_document",
    "uses",
    "without",
    "write_lock",
    "written_hashes",
]


def __getattr__(name: str) -> Any:
    # Ploomber takes a second to import; planning does not need it.
    if name in {"StepExecutor", "build", "build_dag"}:
        from mlops_nb.pipeline import dag

        return getattr(dag, name)
    raise AttributeError(name)
