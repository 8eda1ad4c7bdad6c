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
    """One measured thing, and what it is compared with, in the chapter's unit."""

    what: str
    amount: float
    against: str
    against_amount: float
    cpu_ratio: float | None = None

    @property
    def ratio(self) -> float:
        """How many times the other's amount it took."""
        return self.amount / self.against_amount


@dataclass(frozen=True)
class Chapter:
    """Lines of one question, with what a reader has to know of how they were measured."""

    title: str
    how: str
    lines: tuple[Line, ...]
    unit: str = "seconds"


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
        "",
        "![All ratios as bars](performance.svg)",
    ]
    return "\n".join([*told, tables(chapters)])


def tables(chapters: Sequence[Chapter]) -> str:
    """Return the chapters alone, in Markdown."""
    told: list[str] = []
    for chapter in chapters:
        told += ["", f"## {chapter.title}", "", chapter.how, "", *_table(chapter)]
    return "\n".join(told) + "\n"


def _table(chapter: Chapter) -> list[str]:
    with_cpu = any(found.cpu_ratio is not None for found in chapter.lines)
    digits = 3 if chapter.unit == "seconds" else 0
    rows = [
        f"| what | {chapter.unit} | against | {chapter.unit} | ratio |{' ratio of processor time |' * with_cpu}",
        f"|---|---:|---|---:|---:|{'---:|' * with_cpu}",
    ]
    for found in chapter.lines:
        cpu = "" if found.cpu_ratio is None else f"{found.cpu_ratio:.2f}"
        rows.append(
            f"| {found.what} | {found.amount:.{digits}f} | {found.against} | {found.against_amount:.{digits}f} "
            f"| {found.ratio:.2f} |{f' {cpu} |' * with_cpu}"
        )
    return rows


def picture(chapters: Sequence[Chapter], place: Path) -> None:
    """Draw every ratio as a bar on one logarithmic scale, 1 in its middle, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = [(chapter.title, found) for chapter in chapters for found in chapter.lines]
    # Text stays text, and one content gives one file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "performance", "font.size": 8}):
        figure = Figure(figsize=(9, 0.8 + 0.2 * len(rows)), layout="constrained")
        axes = figure.subplots()
        ratios = [found.ratio for _, found in rows]
        axes.barh(
            range(len(rows)),
            [ratio - 1 for ratio in ratios],
            left=1,
            color=["#2a788e" if ratio <= 1 else "#c8553d" for ratio in ratios],
        )
        axes.set_yticks(range(len(rows)), [f"{found.what} / {found.against}".replace("`", "") for _, found in rows])
        for at, ratio in enumerate(ratios):
            axes.annotate(
                f"{ratio:.2f}",
                (ratio, at),
                xytext=(3 if ratio > 1 else -3, 0),
                textcoords="offset points",
                va="center",
                ha="left" if ratio > 1 else "right",
            )
        axes.set_xscale("log")
        axes.margins(x=0.12, y=0.01)
        axes.invert_yaxis()
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xlabel("ratio: left of 1 is less than what it is held against")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(place, metadata={"Date": None})


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
