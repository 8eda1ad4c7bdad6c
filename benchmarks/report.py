"""A figure as a line, and the lines as a page with the machine and the date.

What was measured is kept beside this file in `results.json`, a chapter at a time, so that one chapter can be measured
again and the page still has the others.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.timing import Sample

_PACKAGES = ("papermill", "ploomber", "nbclient", "ipykernel", "sqlalchemy", "pandas", "scikit-learn")
_MIB = 1 << 20
_RESULTS = Path(__file__).with_name("results.json")


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


@dataclass(frozen=True)
class Target:
    """What a line is to stay below, in seconds or as a ratio; the last line of that text counts."""

    told: str
    what: str
    limit: float
    against: str = ""

    def measured(self, lines: Sequence[Line]) -> float | None:
        """Return what was measured: the ratio where it is held against something, the seconds otherwise."""
        found = [item for item in lines if item.what == self.what and self.against in {"", item.against}]
        return (found[-1].ratio if self.against else found[-1].amount) if found else None


TARGETS = (
    Target("a step's own cost, s", "a step of them", 0.15),
    Target(
        "five steps with imports / five notebooks of Papermill",
        "5 steps, pandas and scikit-learn imported",
        0.1,
        "Papermill, 5 notebooks",
    ),
    Target("ten steps as a chain / Papermill", "ten steps, a chain", 1.1, "Papermill, the same notebook"),
    Target(
        "two halves on two cores / Papermill",
        "ten steps, two halves, two at a time",
        0.7,
        "Papermill, the same notebook",
    ),
    Target("200 cached steps, s", "`mlops-nb run`, 200 steps, all cached", 1),
    Target("a plan of 200 steps, s", "`mlops-nb plan`, 200 steps, all cached", 1),
    Target("`--help`, s", "`mlops-nb --help`", 0.3),
    Target("1 GB of a table out / the disk", "out of a step: a table", 2, "the disk, as many bytes"),
    Target("1 GB of a table in, untouched, s", "into a step, untouched: a table", 0.1),
    Target("evidence of `adult_income` / its steps", "adult_income, after the steps", 0.1, "its 9 steps"),
    Target("evidence of `taxi_tips` / its steps", "taxi_tips, after the steps", 0.1, "its 11 steps"),
)


def line(what: str, found: Mapping[str, Sample], name: str, against: str) -> Line:
    """Return the line that compares two of the measured things."""
    ours, other = found[name], found[against]
    both = ours.cpu is not None and other.cpu is not None
    return Line(what, ours.wall, against, other.wall, ours.cpu / other.cpu if both else None)  # type: ignore[operator]


def load() -> float:
    """Return the load of the last minute."""
    return os.getloadavg()[0]


@dataclass(frozen=True)
class Measured:
    """What one file of chapters found, and when and where it did."""

    name: str
    at: str
    quick: bool
    machine: str
    versions: str
    loads: tuple[float, float]
    chapters: tuple[Chapter, ...]


def measured(name: str, chapters: Sequence[Chapter], loads: Sequence[float], *, quick: bool) -> Measured:
    """Return what was found, with this machine and this moment."""
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return Measured(
        name,
        f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        quick,
        _machine(),
        f"Python {platform.python_version()}, {versions}",
        (min(loads), max(loads)),
        tuple(chapters),
    )


def keep(found: Measured) -> None:
    """Put a result beside those of the other chapters, in place of its last one."""
    kept = {item.name: item for item in results()} | {found.name: found}
    text = json.dumps([asdict(item) for item in kept.values()], indent=1, ensure_ascii=False)
    _RESULTS.write_text(text + "\n", encoding="utf-8")


def results() -> list[Measured]:
    """Return what is kept."""
    if not _RESULTS.exists():
        return []
    return [
        Measured(**{
            **item,
            "loads": tuple(item["loads"]),
            "chapters": tuple(
                Chapter(**{**chapter, "lines": tuple(Line(**line) for line in chapter["lines"])})
                for chapter in item["chapters"]
            ),
        })
        for item in json.loads(_RESULTS.read_text(encoding="utf-8"))
    ]  # fmt: skip


def write(order: Sequence[str], place: Path) -> None:
    """Write the page, and its picture beside it, of all that is kept, in this order of chapters."""
    kept = {item.name: item for item in results()}
    place.write_text(page(order, kept), encoding="utf-8")
    picture([chapter for name in order if name in kept for chapter in kept[name].chapters], place.with_suffix(".svg"))


def page(order: Sequence[str], kept: Mapping[str, Measured]) -> str:
    """Return the page in Markdown."""
    told = [
        "# Performance",
        "",
        "What mlops_nb costs, measured against plain Papermill and other tools on the same machine in the same run.",
        "Trust the ratios; seconds are of the machine. How to read it, and how to measure: `benchmarks/README.md`.",
        "",
        "![All ratios as bars](performance.svg)",
    ]
    missing = [name for name in order if name not in kept]
    if missing:
        told += ["", f"Not measured yet: {', '.join(missing)}."]
    told += _targets([found for item in kept.values() for chapter in item.chapters for found in chapter.lines])
    for item in (kept[name] for name in order if name in kept):
        mode = "few repetitions" if item.quick else "all repetitions"
        told += [
            tables(item.chapters),
            f"*Measured {item.at} UTC, {mode}; load {item.loads[0]:.1f} to {item.loads[1]:.1f}{_busy(item.loads)}.",
            f"{item.machine} {item.versions}.*",
        ]
    return "\n".join(told) + "\n"


def _targets(lines: Sequence[Line]) -> list[str]:
    rows = [(target, measured) for target in TARGETS if (measured := target.measured(lines)) is not None]
    return [
        "",
        "## What it is to stay below",
        "",
        "| what | target | measured | |",
        "|---|---:|---:|---|",
        *(
            f"| {target.told} | {target.limit:g} | {found:.3g} | {'' if found <= target.limit else 'missed'} |"
            for target, found in rows
        ),
        "",
        "What stands in the way of those that are missed is imports: Papermill's and Ploomber's, one and a half to two",
        "seconds before a first step, and those of a command in which all is cached.",
    ]


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

    rows = [found for chapter in chapters for found in chapter.lines]
    # Text stays text, and one content gives one file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "performance", "font.size": 8}):
        figure = Figure(figsize=(9, 0.8 + 0.2 * len(rows)), layout="constrained")
        axes = figure.subplots()
        ratios = [found.ratio for found in rows]
        axes.barh(
            range(len(rows)),
            [ratio - 1 for ratio in ratios],
            left=1,
            color=["#2a788e" if ratio <= 1 else "#c8553d" for ratio in ratios],
        )
        axes.set_yticks(range(len(rows)), [f"{found.what} / {found.against}".replace("`", "") for found in rows])
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
