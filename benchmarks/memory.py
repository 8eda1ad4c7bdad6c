"""What kernels take of the memory when several run at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks import notebooks
from benchmarks.report import Chapter, Line

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = "import pandas, sklearn.linear_model, matplotlib.pyplot"
PACKAGES = ("pandas", "sklearn.linear_model", "matplotlib.pyplot")
COUNTS = (2, 8)
_MIB = 1 << 20


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure so many kernels that have imported the same, forked and cold."""
    del quick
    lines = []
    for count in COUNTS:
        forked, with_template = _memory(folder / f"fork{count}", "fork", count)
        cold, all_cold = _memory(folder / f"cold{count}", "cold", count)
        lines.append(Line(f"{count} forked kernels alone", forked, f"{count} cold ones", cold))
        lines.append(Line(f"{count} forked kernels with their template", with_template, f"{count} cold ones", all_cold))
    how = (
        "After importing pandas, scikit-learn and Matplotlib. *Alone* are the pages that only they have (USS), which "
        "would be free if they ended; otherwise all they have, a shared page divided by its sharers (PSS). A forked "
        "kernel shares what it has not changed with its template, which stays for the next run."
    )
    return Chapter("Memory", how, tuple(lines), unit="MiB")


def _memory(folder: Path, isolation: Any, count: int) -> tuple[float, float]:
    """Return in MiB what the kernels alone have, and what they and the template have."""
    from mlops_nb.execution import Kernels, Limits, Watch

    kernels = Kernels(isolation, PACKAGES)
    ready, measured = threading.Barrier(count + 1), threading.Event()
    pids: list[int] = []

    def one(number: int) -> None:
        # A kernel belongs to the thread that opened it, as in a run.
        place = notebooks.write(folder / str(number) / "one.ipynb", [("", HEAVY)])
        with kernels("python3", place.parent, Watch()) as session:
            ending = session.run(place, {}, Limits(), lambda *_: None)
            assert not ending.crashed
            pids.append(session.live.pid)
            ready.wait(600)
            measured.wait(600)

    with ThreadPoolExecutor(count) as pool:
        ended = [pool.submit(one, number) for number in range(count)]
        ready.wait(600)
        try:
            templates = {psutil.Process(pid).ppid() for pid in pids} if isolation == "fork" else set()
            own = sum(psutil.Process(pid).memory_full_info().uss for pid in pids)
            everything = sum(psutil.Process(pid).memory_full_info().pss for pid in {*pids, *templates})
        finally:
            measured.set()
        for future in ended:
            future.result()
    return own / _MIB, everything / _MIB
