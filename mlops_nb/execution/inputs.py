"""Which files a run takes from outside: those that a step reads and no step before it has written."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mlops_nb.handover import LINK
from mlops_nb.steps import texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.execution.progress import Progress
    from mlops_nb.pipeline import Plan
    from mlops_nb.steps import Step


def known_inputs(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Return the files that steps will read as far as their text and earlier runs say, relative to the folder."""
    found: dict[str, None] = {}
    written: set[str] = set()
    for planned in plan.steps:
        seen, flow = planned.proven, planned.step.flow
        reads = {*(seen.reads_files if seen else flow.reads_files), *_named(planned.step, folder)}
        files = (name for name in reads - written if "{" not in name and not name.endswith(LINK))
        found |= dict.fromkeys(sorted(files))
        written |= set(seen.writes_files if seen else flow.writes_files)
    return tuple(found)


def seen_inputs(plan: Plan, progress: Progress) -> Mapping[str, str]:
    """Return the hash of each file that the run's steps were seen to read, as they read it."""
    found: dict[str, str] = {}
    written: set[str] = set()
    for planned in plan.steps:
        seen = progress.evidence.get(planned.name)
        if seen is None:
            continue
        written |= set(seen.writes_files)
        files: Mapping[str, str] = progress.parts.get(planned.name, {}).get("files", {})
        found |= {
            name: digest for name, digest in files.items() if name not in {*written, *found} and not name.endswith(LINK)
        }
    return found


def _named(step: Step, folder: Path) -> set[str]:
    found = set()
    for text in texts(step.cells):
        with contextlib.suppress(OSError, ValueError):
            if (folder / text).is_file():
                found.add(text)
    return found
