"""A project with a registered model: real rows, a real estimator, real stores, and no notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb import Registry, find_project
from mlops_nb.artifacts import PARQUET, PICKLE, SKOPS, dump_model, dump_table
from mlops_nb.metadata import Artifact, Candidate

if TYPE_CHECKING:
    from mlops_nb.metadata import ModelVersion

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data" / "taxis.csv"


def register(
    folder: Path, name: str, estimator: Any, sample: Any, kind: Literal["skops", "pickle"] = "skops"
) -> ModelVersion:
    """Register a fitted estimator in the folder's project, as a run does with a declared output."""
    (folder / "pyproject.toml").touch()
    project = find_project(folder)
    store = project.artifact_store()
    model = dump_model(estimator, sample_input=sample, format=kind)
    assert model.signature is not None
    with project.log() as log:
        digests = []
        for data, media in (
            (model.data, SKOPS if kind == "skops" else PICKLE),
            (dump_table(model.sample).data, PARQUET),
        ):
            digest, length = store.put(data)
            log.record_artifact(Artifact(digest, "model", f"{store.url}/{digest}", length, media))
            digests.append(digest)
        candidate = Candidate(digests[0], format=kind, signature=model.signature.to_json(), sample_input=digests[1])
        return Registry(log).register(name, candidate)
