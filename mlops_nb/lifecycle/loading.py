"""A registered version is loaded, the one way for every use: verified by its hash, of trusted types alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.artifacts import UntrustedModel, load_model, load_table
from mlops_nb.serving.model import LoadedModel

if TYPE_CHECKING:
    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import ModelVersion
    from mlops_nb.registry import Registry


def load_version(
    registry: Registry, version: ModelVersion, store: ArtifactStore, *, allow_pickle: bool = False
) -> LoadedModel:
    """Return a version with its estimator and its sample rows.

    Parameters
    ----------
    registry, version
        The version, and where the run that made it says which types are trusted.
    store
        Where its content is.
    allow_pickle
        Whether a version that is a pickle may be read.

    Raises
    ------
    ArtifactMissing, CorruptArtifact
        When the store does not have the version's content, or not as it was.
    UntrustedModel
        When it needs types that nobody named as trusted, or is a pickle that may not be read.
    CannotStore
        When it cannot be loaded with the packages that are installed.
    """
    data = store.get(version.artifact)
    try:
        estimator = load_model(data, registry.trusted(version), allow_pickle=allow_pickle, store=store)
    except UntrustedModel as error:
        if version.format == "skops":
            raise
        message = f"{version.model} version {version.version} is a {version.format}: {error.message}"
        raise UntrustedModel(message, hint="If you know who made it, allow it with --allow-pickle.") from error
    sample = None if version.sample_input is None else load_table(store.get(version.sample_input))
    return LoadedModel(version, estimator, sample)
