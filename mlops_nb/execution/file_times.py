"""How old the files of several steps are, where a step asks: as old as the notebook's order makes them.

Run whole, a later cell's file is the younger one. In a pipeline the later step may have run before the earlier one, or
in an earlier run. Before a step that asks how old such files are, those of the later steps get the time that writing
them once more would have given them, and none in the future. Where a step has set the time itself, or has only copied
from the file or given it another name, it stays.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from itertools import groupby
from time import time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.pipeline import PlannedStep

# Of a step that has not run yet the notebook's text has to tell.
_ASKS = re.compile(r"get[mc]time|st_[mc]time|\.l?stat\(")
# So much younger is a later step's file at least; coarser clocks of file systems are rare.
_LATER_NS = 1_000_000
# A file system's clock may be behind the system's by as much.
_CLOCKS_S = 0.02


def put_in_order(planned: PlannedStep, around: Surroundings) -> None:
    """Let the files whose times a step may ask for be as old as the notebook's order makes them."""
    progress, plan = around.progress, around.plan
    writers = progress.writers(plan, planned.name)
    asked: Iterable[str] = ()
    if planned.proven is not None:
        asked = planned.proven.asks_times
    elif any(_ASKS.search(cell.source) for cell in plan.graph.notebook.cells):
        asked = writers
    own = {
        path
        for step in set(writers.values())
        if step in progress.evidence
        for path in progress.evidence[step].sets_times
    }
    order = {step.name: place for place, step in enumerate(plan.steps)}
    files = sorted((order[writers[path]], path) for path in asked if path in writers and path not in own)
    groups = [[path for _, path in group] for _, group in groupby(files, key=lambda file: file[0])]
    let_be_younger(groups, around.context.folder)


def let_be_younger(groups: list[list[str]], folder: Path) -> None:
    """Let the files of each group be younger than those of the groups before it, and change no more than that takes."""
    newest = 0
    changed = False
    for group in groups:
        times = dict(_times(group, folder))
        if not times:
            continue
        # From the first on that is too old, all are dated anew: the system notes when that is done as well.
        changed = changed or min(times.values()) <= newest
        if changed:
            times = _after(newest, times)
            for path, time in sorted(times.items(), key=lambda item: item[1]):
                with suppress(OSError):
                    os.utime(folder / path, ns=((folder / path).stat().st_atime_ns, time))
        newest = max(newest, *times.values())


def _after(newest: int, times: Mapping[str, int]) -> dict[str, int]:
    """Return times after one, in their order and as far apart as they were, unless that would be in the future."""
    shift = max(newest + _LATER_NS - min(times.values()), 0)
    latest = max(time_ns(), newest)
    if max(times.values()) + shift <= latest:
        return {path: time + shift for path, time in times.items()}
    places = {time: place for place, time in enumerate(sorted(set(times.values())), start=1)}
    apart = max((latest - newest) // len(places), _LATER_NS // len(places))
    return {path: newest + places[time] * apart for path, time in times.items()}


def _times(paths: Iterable[str], folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the files with their times, but for those that have another name: whose time that is nobody knows."""
    for path in paths:
        with suppress(OSError):
            found = (folder / path).lstat()
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                yield path, found.st_mtime_ns


def with_times_of_their_own(written: Iterable[str], folder: Path, began: float) -> Iterator[str]:
    """Yield those of the files that a step is told to have written which are older than the step.

    It has copied from them, given them a name or other rights, or a time.
    """
    for path in written:
        with suppress(OSError):
            if (folder / path).stat().st_mtime < began - _CLOCKS_S:
                yield path
