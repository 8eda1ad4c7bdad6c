"""Free the space of runs that nobody keeps: their folders, and the content that only they refer to.

1. The rules say which runs are kept.
2. What these refer to is followed through the store; so is every model, and the newest result of every step.
3. What is left is old enough to go when nobody has stored or used it for an hour, nor since a living run began.
4. Of each run it is recorded that its files go, before the first goes. The record itself stays whole.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError
from mlops_nb.execution.deciding import waiting_at
from mlops_nb.execution.upkeep.reach import Known, Reach

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.artifacts import Holdings
    from mlops_nb.metadata import MetadataStore
    from mlops_nb.metadata.upkeep import RunOutline

_UNTOUCHED_S = 3600.0


@dataclass(frozen=True)
class Rules:
    """Which runs are kept: the newest so many of each pipeline, and all that are younger than so many days."""

    keep: int = 10
    days: float = 30.0

    def __str__(self) -> str:
        """Return the rules as they were asked for."""
        return f"--keep {self.keep} --days {self.days:g}"


@dataclass(frozen=True)
class Removable:
    """What goes, and what stays because of what.

    `kept` has the rule that keeps each run, `swept` the other runs that still have files of their own; `young` is how
    many bytes nobody refers to and are too fresh to go, `living` the oldest run that still goes on.
    """

    kept: Mapping[str, str]
    swept: tuple[str, ...]
    folders: tuple[Path, ...]
    artifacts: tuple[str, ...]
    bytes: int
    young: int
    living: str
    unused_since: float


@dataclass(frozen=True)
class Freed:
    """What went."""

    folders: int
    artifacts: int
    bytes: int


def removable(
    log: MetadataStore, holdings: Holdings, folder: Path, rules: Rules, at: datetime | None = None
) -> Removable:
    """Find what the rules leave for nobody; nothing is changed.

    Parameters
    ----------
    log, holdings
        The stores.
    folder
        Where the runs' folders are.
    rules
        Which runs are kept.
    at
        The time; now when `None`.

    Raises
    ------
    UsageError
        When there are runs that this record does not know: then it is not the record of these stores.
    """
    at = at or datetime.now(UTC)
    known, reach = Known.read(log), Reach(holdings)
    _refuse_strangers(log, known, reach, folder, at)
    paused = [log.run(run.id) for run in known.runs if run.status == "paused"]
    waits = {record.run.id for record in paused if any(item.decision is None for item in waiting_at(log, record))}
    kept = _kept(known.runs, rules, at, waits)
    needed = known.folders(kept.__contains__)
    roots = known.roots(kept.__contains__)
    for run in needed:
        roots |= reach.in_notebooks(folder / run)
    living = [run for run in known.runs if run.status == "running"]
    oldest = min(living, key=lambda run: run.started, default=None)
    unused_since = at.timestamp() - _UNTOUCHED_S
    if oldest is not None:
        unused_since = min(unused_since, oldest.started.timestamp())
    left = sorted(reach.held - reach.closure(roots))
    # Of a store elsewhere nobody can tell what a living run has just found there.
    may_go = holdings.local or not living
    gone = [digest for digest in left if may_go and holdings.last_used(digest) <= unused_since]
    folders = [folder / run.id for run in known.runs if run.id not in needed and (folder / run.id).is_dir()]
    sizes = {digest: holdings.size(digest) for digest in left}
    return Removable(
        kept=kept,
        swept=tuple(run.id for run in known.runs if run.id not in kept and not run.swept),
        folders=tuple(folders),
        artifacts=tuple(gone),
        bytes=sum(map(_size, folders)) + sum(sizes[digest] for digest in gone),
        young=sum(sizes.values()) - sum(sizes[digest] for digest in gone),
        living="" if oldest is None else oldest.id,
        unused_since=unused_since,
    )


def remove(found: Removable, log: MetadataStore, holdings: Holdings, rules: Rules) -> Freed:
    """Remove what was found, except what has been used since; each run that loses something has it in its history."""
    log.note_swept(found.swept, f"mlops-nb gc {rules}")
    folders = freed = 0
    for folder in found.folders:
        size = _size(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            folders, freed = folders + 1, freed + size
    sizes = [holdings.remove(digest, found.unused_since) for digest in found.artifacts]
    return Freed(folders, sum(size > 0 for size in sizes), freed + sum(sizes))


def unknown_folders(folder: Path, known: Known, before: float) -> list[Path]:
    """Return the folders of runs that the record does not know, and that nobody has touched since."""
    runs = {run.id for run in known.runs}
    found = (path for path in folder.iterdir() if path.name not in runs) if folder.is_dir() else ()
    return sorted(path for path in found if path.is_dir() and path.stat().st_mtime < before)


def _refuse_strangers(log: MetadataStore, known: Known, reach: Reach, folder: Path, at: datetime) -> None:
    # A setting that names another record would make everything here look like nobody's.
    strangers = unknown_folders(folder, known, at.timestamp() - _UNTOUCHED_S)
    if strangers:
        message = f"{folder} holds {strangers[0].name}, a run that the record {log.where} does not know. Nothing went."
    elif reach.held and not known.runs:
        message = f"The record {log.where} has no runs, but its artifact store is not empty. Nothing was removed."
    else:
        return
    hint = "Is MLOPS_NB_METADATA right? If so, `mlops-nb doctor --repair` moves aside what belongs to no record."
    raise UsageError(message, hint=hint)


def _kept(runs: tuple[RunOutline, ...], rules: Rules, at: datetime, waits: set[str]) -> dict[str, str]:
    """Return the runs that are kept, with the rule that keeps each; `runs` come newest first."""
    since = at - timedelta(days=rules.days)
    kept: dict[str, str] = {}
    seen: dict[str, int] = {}
    for run in runs:
        seen[run.pipeline] = seen.get(run.pipeline, 0) + 1
        if run.status == "running":
            kept[run.id] = "running"
        elif run.id in waits:
            kept[run.id] = "waits for a person"
        elif run.models:
            kept[run.id] = "made a model"
        elif seen[run.pipeline] <= rules.keep:
            kept[run.id] = "newest"
        elif run.started > since:
            kept[run.id] = "young"
    return kept


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
