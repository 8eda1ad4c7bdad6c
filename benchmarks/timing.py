"""Measuring: wall time and processor time of a call or of a process with its children, taken turn by turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Sample:
    """Seconds by the clock, and seconds of processor time of everything that took part, where that is known."""

    wall: float
    cpu: float | None = None


def of_call(act: Callable[[], object]) -> Sample:
    """Measure a call in this process; what its kernels compute is not in `cpu`, so there is none."""
    started = time.perf_counter()
    act()
    return Sample(time.perf_counter() - started)


def of_process(command: Sequence[str | Path], cwd: Path, *, environment: Mapping[str, str] | None = None) -> Sample:
    """Measure a command of this environment, or one named by its path, from start to end, with what it starts.

    Raises
    ------
    RuntimeError
        When the command fails: then its time means nothing.
    """
    words = [str(BIN / command[0]), *map(str, command[1:])]
    variables = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **(environment or {})}
    # An installed package has its bytecode; without it every command would compile our sources first.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        child = subprocess.Popen(words, cwd=cwd, env=variables, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        taken = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            message = f"{' '.join(words)} ended with {child.returncode}: {said.read().decode()[-2000:]}"
            raise RuntimeError(message)
    return Sample(taken, used.ru_utime + used.ru_stime)


def in_turns(actions: Mapping[str, Callable[[], Sample]], repetitions: int) -> dict[str, Sample]:
    """Measure each action so many times, one after the other in turns, and return the medians.

    In turns, because a busy machine or a warm disk then treats all alike, and a ratio of medians stays a fair one.
    """
    found: dict[str, list[Sample]] = {name: [] for name in actions}
    for _ in range(repetitions):
        for name, act in actions.items():
            found[name].append(act())
    return {name: _median(samples) for name, samples in found.items()}


def _median(samples: Sequence[Sample]) -> Sample:
    cpu = [sample.cpu for sample in samples if sample.cpu is not None]
    return Sample(statistics.median(sample.wall for sample in samples), statistics.median(cpu) if cpu else None)
