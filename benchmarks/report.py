"""A figure as a line, and the lines as a page with the machine and the date."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.timing import Sample

_PACKAGES = ("papermill", "ploomber", "nbclient", "ipykernel", "sqlalchemy", "pandas", "scikit-learn")
_MIB = 1 << 20


@dataclass(frozen=True)
class Line:
    """One measured thing, and what it is compared with; `share` is what the ratio is called when it is no ratio."""

    what: str
    seconds: float
    against: str
    against_seconds: float
    cpu_ratio: float | None = None

    @property
    def ratio(self) -> float:
        """How many times the other's seconds it took."""
        return self.seconds / self.against_seconds


@dataclass(frozen=True)
class Chapter:
    """Lines of one question, with what a reader has to know of how they were measured."""

    title: str
    how: str
    lines: tuple[Line, ...]


def line(what: str, found: Mapping[str, Sample], name: str, against: str) -> Line:
    """Return the line that compares two of the measured things."""
    ours, other = found[name], found[against]
    both = ours.cpu is not None and other.cpu is not None
    return Line(what, ours.wall, against, other.wall, ours.cpu / other.cpu if both else None)  # type: ignore[operator]


def load() -> float:
    """Return the load of the last minute."""
    return os.getloadavg()[0]


def page(chapters: Sequence[Chapter], loads: Sequence[float], *, quick: bool) -> str:
    """Return the page in Markdown."""
    mode = "a quick run (few repetitions)" if quick else "a full run"
    told = [
        "# Performance",
        "",
        "What mlops_nb costs, measured against plain Papermill on the same machine in the same run. Trust the ratios;",
        "seconds are of the machine below. How it is measured, and how to measure yours: `benchmarks/README.md`.",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {mode}. {_machine()}",
        f"Load of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}{_busy(loads)}.",
        f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in _PACKAGES)}.",
    ]
    for chapter in chapters:
        told += ["", f"## {chapter.title}", "", chapter.how, "", *_table(chapter.lines)]
    return "\n".join(told) + "\n"


def _table(lines: Sequence[Line]) -> list[str]:
    rows = [
        "| what | seconds | against | seconds | ratio | ratio of processor time |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for found in lines:
        cpu = "" if found.cpu_ratio is None else f"{found.cpu_ratio:.2f}"
        rows.append(
            f"| {found.what} | {found.seconds:.3f} | {found.against} | {found.against_seconds:.3f} "
            f"| {found.ratio:.2f} | {cpu} |"
        )
    return rows


def _busy(loads: Sequence[float]) -> str:
    cores = os.cpu_count() or 1
    return f" on {cores} cores, so it had other work: the seconds are too high" if max(loads) > cores + 1 else ""


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB // 1024
    return f"{_processor()}, {os.cpu_count()} cores, {memory} GiB, {platform.system()} {platform.release()}."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [text.partition(":")[2].strip() for text in lines if text.startswith("model name")]
    return named[0] if named else platform.machine()
