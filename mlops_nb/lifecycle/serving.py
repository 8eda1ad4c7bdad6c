"""A registered version behind an API: found, loaded, and served until somebody ends it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.lifecycle.loading import load_version
from mlops_nb.metadata import UnknownRecord
from mlops_nb.project import find_project
from mlops_nb.registry import CHAMPION, Registry
from mlops_nb.serving.online.server import Place
from mlops_nb.serving.online.server import serve as serve_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.metadata import MetadataStore, ModelVersion


@dataclass(frozen=True)
class Serving:
    """A version that is served, and where."""

    version: ModelVersion
    url: str


def serve(  # noqa: PLR0913 - what a person may say of a service
    model: str,
    place: Place | None = None,
    *,
    which: str = CHAMPION,
    project: Path | str = "",
    allow_pickle: bool = False,
    on_ready: Callable[[Serving], None] = lambda _: None,
) -> None:
    """Serve a registered version until SIGTERM or SIGINT ends it; requests that are there then are answered.

    The version is that to which an alias points when the service starts.

    Parameters
    ----------
    model, which
        The model, and which version: its number, an alias, or `latest`.
    place
        The address, the token and the bounds.
    project
        A file or folder of the project; the current folder by default.
    allow_pickle
        Whether a version that is a pickle may be read.
    on_ready
        Told the version and its URL once requests are answered.

    Raises
    ------
    UnknownRecord
        When there is no such model or version, or the model has no champion.
    CorruptArtifact, ArtifactMissing, UntrustedModel, CannotStore
        As for `load_version`; the port is not opened then, and neither is it with those below.
    UsageError, CannotAnswer, PortTaken
        As for `serving.online.server.serve`.
    """
    here = find_project(Path(project))
    with here.log() as log:
        version = _found(log, model, which)
        loaded = load_version(Registry(log), version, here.artifact_store(), allow_pickle=allow_pickle)
    serve_model(loaded, place or Place(), lambda url: on_ready(Serving(version, url)))


def _found(log: MetadataStore, model: str, which: str) -> ModelVersion:
    registry = Registry(log)
    newest = registry.get(model)
    if which == CHAMPION and CHAMPION not in log.aliases(model):
        message = f"Model `{model}` has no champion; its newest version is {newest.version}."
        hint = f"Promote one: mlops-nb promote {model} VERSION --why REASON. Or name it: mlops-nb serve {model} latest"
        raise UnknownRecord(message, hint=hint)
    return registry.get(model, which)
