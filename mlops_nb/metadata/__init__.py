"""The log: every run, step run, parameter, scrap, artifact, model version and alias move, with who, when and why.

`MetadataStore.open(url)` opens it; `records` and `model_records` are what goes in and comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.metadata.comparison import Change, Comparison, compare
from mlops_nb.metadata.errors import (
    AlreadyEnded,
    StoreFailed,
    StoreFromNewerVersion,
    StoreUnusable,
    UnknownRecord,
)
from mlops_nb.metadata.liveness import this_process
from mlops_nb.metadata.model_records import AliasMove, Candidate, Model, ModelVersion, Reproduction
from mlops_nb.metadata.records import (
    Artifact,
    BestRun,
    GitState,
    Link,
    Origin,
    Parameter,
    PipelineVersion,
    PlannedStep,
    RecordedScrap,
    Run,
    RunRecord,
    RunStart,
    Scrap,
    StatusChange,
    StepEnd,
    StepError,
    StepRun,
    StepStart,
    Who,
)

if TYPE_CHECKING:
    from mlops_nb.metadata.store import MetadataStore

__all__ = [
    "AliasMove",
    "AlreadyEnded",
    "Artifact",
    "BestRun",
    "Candidate",
    "Change",
    "Comparison",
    "GitState",
    "Link",
    "MetadataStore",
    "Model",
    "ModelVersion",
    "Origin",
    "Parameter",
    "PipelineVersion",
    "PlannedStep",
    "RecordedScrap",
    "Reproduction",
    "Run",
    "RunRecord",
    "RunStart",
    "Scrap",
    "StatusChange",
    "StepEnd",
    "StepError",
    "StepRun",
    "StepStart",
    "StoreFailed",
    "StoreFromNewerVersion",
    "StoreUnusable",
    "UnknownRecord",
    "Who",
    "compare",
    "this_process",
]


def __getattr__(name: str) -> Any:
    # The values alone are cheap to import; SQLAlchemy comes only with the store.
    if name == "MetadataStore":
        from mlops_nb.metadata.store import MetadataStore

        return MetadataStore
    raise AttributeError(name)
