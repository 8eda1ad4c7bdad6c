"""Verdicts as the log keeps them, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class RecordedVerdict:
    """A verdict as the log keeps it.

    `content` is the whole verdict (`validation.Verdict.to_json`); judge, subject and decision stand beside it, to be
    asked for. It belongs to a run, a step of it, a model version, or several of these.
    """

    id: int
    run: str | None
    step: str | None
    model: str | None
    version: int | None
    judge: str
    subject: str
    decision: str
    content: Mapping[str, Any] = field(hash=False)
    at: datetime
    who: str
