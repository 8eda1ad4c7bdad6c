"""Models, their versions and the moves of their aliases, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class Candidate:
    """A trained model on its way to becoming a version.

    Parameters
    ----------
    artifact
        Hash of the recorded artifact that holds the model.
    digest
        What identifies the content, where the artifact's bytes do not (an archive holds time stamps); the artifact's
        hash when empty.
    sample_input
        Hash of the recorded artifact with a few rows of input, if there is one.
    run, step
        The step run that trained it; None for a model that came from elsewhere.
    """

    artifact: str
    format: str = "skops"
    digest: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict, hash=False)
    signature: Mapping[str, Any] = field(default_factory=dict, hash=False)
    sample_input: str | None = None
    run: str | None = None
    step: str | None = None
    environment: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class ModelVersion:
    """A model version: never changed, never removed. `aliases` are those that pointed to it when it was read."""

    model: str
    version: int
    digest: str
    artifact: str
    format: str
    metrics: Mapping[str, Any] = field(hash=False)
    signature: Mapping[str, Any] = field(hash=False)
    environment: Mapping[str, Any] = field(hash=False)
    sample_input: str | None
    run: str | None
    step: str | None
    created: datetime
    who: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reproduction:
    """A later run that came to the same content as an existing version, with what it measured."""

    model: str
    version: int
    run: str | None
    step: str | None
    metrics: Mapping[str, Any] = field(hash=False)
    at: datetime
    who: str


@dataclass(frozen=True)
class AliasMove:
    """An alias that was set (or, with `version` None, taken away), and the version it left.

    `verdicts` are the ids of those that the move stood on.
    """

    model: str
    alias: str
    version: int | None
    replaced: int | None
    at: datetime
    who: str
    why: str
    verdicts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model's name, how many versions it has, and where its aliases point."""

    name: str
    versions: int
    aliases: Mapping[str, int] = field(hash=False)
    created: datetime
