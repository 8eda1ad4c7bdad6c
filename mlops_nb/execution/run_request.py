"""What a run is asked to be, and what comes of it, as values."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.notebook_run import kernel_session
from mlops_nb.execution.notifying.settings import Notifications
from mlops_nb.metadata import Origin, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.execution.pausing import Pause
    from mlops_nb.execution.step_record import OpenSession
    from mlops_nb.metadata import GitState, RunRecord
    from mlops_nb.pipeline import DataflowLock, KeyContext
    from mlops_nb.snapshot import Environment, Sources


@dataclass(frozen=True)
class RunRequest:
    """All that a run is asked to be, beside its plan; `pauses`: whether it waits for people where steps say so."""

    context: KeyContext
    environment: Environment
    sources: Sources
    runs_folder: Path
    injected: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parameters: tuple[Parameter, ...] = ()
    origin: Origin = field(default_factory=lambda: Origin("api"))
    git: GitState | None = None
    seed: int | None = None
    seeds: Mapping[str, int] = field(default_factory=dict, hash=False)
    workers: int | None = None
    fresh: bool = False
    pauses: bool = True
    run: str = ""
    why: str = ""
    resumes: str = ""
    notifications: Notifications = field(default_factory=Notifications)
    open_session: OpenSession = kernel_session


@dataclass(frozen=True)
class RunResult:
    """How a run ended, the steps at which it was held up for a person, and the lock it leaves."""

    run: str
    status: str
    reason: str
    record: RunRecord
    lock: DataflowLock
    reran: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()


def new_run_id(now: datetime | None = None) -> str:
    """Return an id that sorts by time and no other run has: `20261123-164501-7f3a9c`, in UTC."""
    at = now or datetime.now(UTC)
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
