"""Find what is wrong with a project's stores, and mend what can be mended without guessing.

1. The record: does its file hold together, and which of its runs died without a word.
2. What killed processes left: half-written files, folders of runs that were never recorded.
3. The artifacts: every byte is read and held against its digest; what the record names is looked for.

Nothing is deleted but what no process will ever finish. Corrupt artifacts and folders without a record are moved aside,
and what is lost for good is noted in the history of the runs that it belonged to.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.upkeep.gc import unknown_folders
from mlops_nb.execution.upkeep.reach import Known, Reach
from mlops_nb.handover import Delta
from mlops_nb.metadata import AlreadyEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mlops_nb.artifacts import Holdings
    from mlops_nb.metadata import MetadataStore, Run
    from mlops_nb.metadata.upkeep import RunOutline

_UNTOUCHED_S = 3600.0
_SILENT = timedelta(days=2)
_DONE = frozenset({"succeeded", "cached"})
_CORRUPT = "its bytes are not those that its name says"


@dataclass(frozen=True)
class Finding:
    """One thing that was found: what kind, which thing, the fact, and what mends it.

    `wrong` is false for what only wants to be known. `repaired` when it has been mended. `runs` and `models` are those
    that it belongs to.
    """

    kind: str
    what: str
    fact: str
    act: str
    wrong: bool = True
    repaired: bool = False
    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is wrong still."""
        return self.wrong and not self.repaired


@dataclass(frozen=True)
class Stores:
    """What is examined: the record, the artifacts, the runs' folders, and where folders without a record are put."""

    open_log: Callable[[], AbstractContextManager[MetadataStore]]
    holdings: Holdings
    runs: Path
    aside: Path


def examine(
    stores: Stores,
    *,
    repair: bool = False,
    close: tuple[str, ...] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[Finding, ...]:
    """Examine everything, and mend it when asked to.

    Parameters
    ----------
    stores
        What is examined.
    repair
        Mend what can be mended.
    close
        Runs of processes that cannot be seen from here, to be closed as died too.
    progress
        Told how many bytes of the artifacts have been read, and of how many.

    Raises
    ------
    UnknownRecord
        When a run to be closed does not exist.
    """
    try:
        with stores.open_log() as log:
            found = [*_damage(log)]
            if not found:
                found += _died(log, stores, repair=repair, close=close)
                # What was closed is closed for what follows, too.
                known, reach = Known.read(log), Reach(stores.holdings)
                found += _left_behind(known, stores, repair=repair)
                found += _artifacts(log, known, reach, stores, repair, progress)
                return tuple(found)
    except MlopsNbError as error:
        if error.code not in {"store-unusable", "store-failed"}:
            raise
        found = [Finding("damaged-store", "", error.message, error.hint)]
    # Without a record nobody can say what belongs to whom, but a digest can be checked.
    for digest in _corrupt(Reach(stores.holdings), stores.holdings, progress):
        found.append(Finding("corrupt-artifact", digest, _CORRUPT, "mend the record first"))
    return tuple(found)


def _damage(log: MetadataStore) -> Iterator[Finding]:
    act = "restore it from a backup, or save what is left: sqlite3 FILE .recover"
    for line in log.damage():
        yield Finding("damaged-store", log.where, line, act)


def _died(log: MetadataStore, stores: Stores, *, repair: bool, close: tuple[str, ...]) -> Iterator[Finding]:
    now = datetime.now(UTC)
    asked = {log.run(run).run.id for run in close}
    for run in log.outlines():
        died = run.status == "died" and run.finished is None
        if not died and run.status != "running":
            continue
        seen = last_seen(run, stores.runs / run.id, now)
        at = seen.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        if died:
            fact = f"its process {run.who} is gone; its last sign of life was at {at}"
            done = repair and _close(log, run, seen, fact)
            yield Finding("died-run", run.id, fact, "close it", repaired=done, runs=(run.id,))
        elif run.id in asked:
            fact = f"its process {run.who} cannot be seen from here; closed because a person said so"
            yield Finding("died-run", run.id, fact, "close it", repaired=_close(log, run, seen, fact), runs=(run.id,))
        elif run.who.host != socket.gethostname() and now - seen > _SILENT:
            fact = f"it counts as running on {run.who.host}, and its last sign of life was at {at}"
            act = f"if it is gone: mlops-nb doctor --close {run.id}"
            yield Finding("silent-run", run.id, fact, act, wrong=False, runs=(run.id,))


def last_seen(run: RunOutline | Run, folder: Path, now: datetime) -> datetime:
    """Return when a run last did something that can still be seen: its notebooks are saved with every cell."""
    times = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    last = max((datetime.fromtimestamp(at, UTC) for at in times), default=run.started)
    return min(max(last, run.started), now)


def _close(log: MetadataStore, run: RunOutline, seen: datetime, fact: str) -> bool:
    try:
        log.close_died(run.id, seen, fact)
    except AlreadyEnded:
        # Its process, or another doctor, was faster.
        return True
    return True


def _left_behind(known: Known, stores: Stores, *, repair: bool) -> Iterator[Finding]:
    here = socket.gethostname()
    elsewhere = any(run.status == "running" and run.who.host != here for run in known.runs)
    now = time.time()
    for left in stores.holdings.unfinished():
        # Another machine's process has a number that means nothing here.
        if _lives(left.pid) or now - left.written < (_UNTOUCHED_S if elsewhere else 0.0):
            continue
        if repair:
            stores.holdings.finish(left)
        fact = f"the process {left.pid} that was writing it is gone" if left.pid else "its removal was cut short"
        yield Finding("unfinished-file", str(left.path), fact, "clear it up", repaired=repair)
    # A run has its folder a while before it has its record.
    for folder in unknown_folders(stores.runs, known, now - _UNTOUCHED_S):
        act = f"move it to {stores.aside.name}/"
        if repair:
            stores.aside.mkdir(parents=True, exist_ok=True)
            folder.rename(stores.aside / f"{folder.name}-{time.time_ns()}")
        yield Finding("orphan-folder", str(folder), "the record knows no such run", act, repaired=repair)


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _artifacts(  # noqa: PLR0913, PLR0917 - what the artifacts are held against
    log: MetadataStore,
    known: Known,
    reach: Reach,
    stores: Stores,
    repair: bool,  # noqa: FBT001
    progress: Callable[[int, int], None],
) -> Iterator[Finding]:
    owners = Owners(known, stores.holdings)
    models = {
        digest: f"{model.model} {model.version}" for model in log.kept_models() for digest in model.artifacts.values()
    }
    corrupt = list(_corrupt(reach, stores.holdings, progress))
    for digest in corrupt:
        found = _belonging("corrupt-artifact", digest, _CORRUPT, owners, models)
        if repair:
            place = stores.holdings.set_aside(digest)
            for run in found.runs:
                log.note_lost(run, [digest], f"its bytes were not those that its name says; moved to {place}")
        yield replace(found, act="move it aside; the next run makes it again", repaired=repair)
    there = reach.held - set(corrupt)
    for digest in sorted((owners.digests() | models.keys()) - there - set(corrupt)):
        found = _belonging("missing-artifact", digest, "it is not in the store", owners, models)
        # A model that is not there is wrong until it is there again; what a run has lost is noted once.
        of_model = bool(found.models)
        runs = [run.id for run in known.runs if run.id in found.runs and digest not in run.lost and not run.swept]
        if not runs and not of_model:
            continue
        if repair:
            for run in runs:
                log.note_lost(run, [digest], "it was not in the store")
        act = "run its pipeline again: what comes out the same takes its place" if of_model else "note it in its runs"
        yield replace(found, act=act, repaired=repair and not of_model)
    yield from _unreferenced(known, reach, stores, there)


def _unreferenced(known: Known, reach: Reach, stores: Stores, there: frozenset[str]) -> Iterator[Finding]:
    roots = known.roots(lambda _run: True)
    for folder in (stores.runs / run.id for run in known.runs):
        roots |= reach.in_notebooks(folder)
    # What was stored within the hour may be about to be recorded.
    since = time.time() - _UNTOUCHED_S
    nobodys = [digest for digest in there - reach.closure(roots) if stores.holdings.last_used(digest) < since]
    if nobodys:
        size = sum(map(stores.holdings.size, nobodys))
        fact = f"{len(nobodys)} artifacts of {size:,} bytes belong to no run"
        yield Finding("unreferenced", stores.holdings.url, fact, "mlops-nb gc", wrong=False)


def _corrupt(reach: Reach, holdings: Holdings, progress: Callable[[int, int], None]) -> Iterator[str]:
    sizes = {digest: holdings.size(digest) for digest in sorted(reach.held)}
    done, whole = 0, sum(sizes.values())
    for digest, size in sizes.items():
        if not holdings.verify(digest) and holdings.has(digest):
            yield digest
        done += size
        progress(done, whole)


def _belonging(kind: str, digest: str, fact: str, owners: Owners, models: Mapping[str, str]) -> Finding:
    model = models.get(digest)
    name = owners.names.get(digest, "")
    return Finding(
        kind,
        digest,
        f"{name}: {fact}" if name else fact,
        "",
        runs=tuple(sorted(owners.runs.get(digest, ()))),
        models=(model,) if model else (),
    )


class Owners:
    """Which runs need which content for what their record says they left, by digest."""

    def __init__(self, known: Known, holdings: Holdings) -> None:
        self.runs: dict[str, set[str]] = {}
        self.names: dict[str, str] = {}
        self._holdings = holdings
        self._blobs: dict[str, dict[str, str]] = {}
        for result in known.results:
            if result.status not in _DONE:
                continue
            digest = _delta_of(result.outcome)
            if digest:
                self._add(digest, result.run, f"the state that step `{result.step}` left")
                for blob, names in self._of_delta(digest).items():
                    self._add(blob, result.run, names)
            for name, (kind, digest) in result.artifacts.items():
                if kind != "file":
                    self._add(digest, result.run, f"`{name.partition(' ')[2]}` of step `{result.step}`")
        for run, name, kind, digest in known.of_runs:
            if kind != "file":
                self._add(digest, run, f"`{name}`")

    def digests(self) -> set[str]:
        """Return all that some run needs."""
        return set(self.runs)

    def _add(self, digest: str, run: str, name: str) -> None:
        self.runs.setdefault(digest, set()).add(run)
        self.names.setdefault(digest, name)

    def _of_delta(self, digest: str) -> dict[str, str]:
        if digest not in self._blobs:
            text = self._holdings.document(digest)
            try:
                delta = Delta.from_json(text) if text else Delta()
            except (ValueError, KeyError, TypeError, MlopsNbError):
                # Corrupt, or of a newer version; either is told elsewhere.
                delta = Delta()
            items = (*delta.changed, *delta.ambient.values())
            self._blobs[digest] = {item.blob: f"`{'`, `'.join(item.names)}`" for item in items if item.blob}
        return self._blobs[digest]


def _delta_of(outcome: str) -> str:
    return str(json.loads(outcome).get("delta", ""))
