"""The log: every run, step run, parameter, scrap, artifact, model version and alias move, with who, when and why.

`MetadataStore.open(url)` opens it; `records` and `model_records` are what goes in and comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.metadata.comparison import Change, Comparison, compare, facts_of
from mlops_nb.metadata.errors import (
    AliasMoved,
    AlreadyDecided,
    AlreadyEnded,
    StoreFailed,
    StoreFromNewerVersion,
    StoreUnusable,
    UnknownRecord,
)
from mlops_nb.metadata.found import FoundRun
from mlops_nb.metadata.lineage_records import LineageEdge, LineageGraph, LineageNode, NodeId
from mlops_nb.metadata.liveness import this_process
from mlops_nb.metadata.model_records import AliasMove, Candidate, Model, ModelVersion, Reproduction
from mlops_nb.metadata.record_json import NotARecord, record_from_json, record_to_json
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
from mlops_nb.metadata.verdict_records import RecordedVerdict

if TYPE_CHECKING:
    from mlops_nb.metadata.overview import PublishedTable, RunFacts
    from mlops_nb.metadata.search import better
    from mlops_nb.metadata.store import MetadataStore

__all__ = [
    "AliasMove",
    "AliasMoved",
    "AlreadyDecided",
    "AlreadyEnded",
    "Artifact",
    "BestRun",
    "Candidate",
    "Change",
    "Comparison",
    "FoundRun",
    "GitState",
    "LineageEdge",
    "LineageGraph",
    "LineageNode",
    "Link",
    "MetadataStore",
    "Model",
    "ModelVersion",
    "NodeId",
    "NotARecord",
    "Origin",
    "Parameter",
    "PipelineVersion",
    "PlannedStep",
    "PublishedTable",
    "RecordedScrap",
    "RecordedVerdict",
    "Reproduction",
    "Run",
    "RunFacts",
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
    "better",
    "compare",
    "facts_of",
    "record_from_json",
    "record_to_json",
    "this_process",
]


def __getattr__(name: str) -> Any:
    # The values alone are cheap to import; SQLAlchemy comes only with the store.
    if name == "MetadataStore":
        from mlops_nb.metadata.store import MetadataStore

        return MetadataStore
    if name in {"PublishedTable", "RunFacts"}:
        from mlops_nb.metadata import overview

        return getattr(overview, name)
    if name == "better":
        from mlops_nb.metadata.search import better

        return better
    raise AttributeError(name)
