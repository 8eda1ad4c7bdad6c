"""Start the process that judges a model, watch its memory, and read what it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CODE = "from mlops_nb.execution.judging.worker import main; main()"
_LOOK_S = 0.05
_SAID_LINES = 12


class CannotJudge(MlopsNbError):  # noqa: N818 - the name of the fact
    """The process that judges a model ended without an answer."""

    code = "cannot-judge"


@dataclass
class Answered:
    """What the process answered.

    `probe` is what loading and predicting came to, `verdicts` what the judges decided. `too_much_bytes` is what the
    process held when it was ended for its memory; 0 when it was not.
    """

    probe: Mapping[str, Any] | None = None
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    too_much_bytes: int = 0


def ask_process(
    request: Mapping[str, Any],
    folder: Path,
    *,
    interpreter: Path | None = None,
    memory_mb: int | None = None,
    timeout_s: float = 1800.0,
) -> Answered:
    """Send a request to a fresh process and return what it answers.

    Parameters
    ----------
    request
        As `worker` describes it.
    folder
        The working folder: modules beside the notebook are found there.
    interpreter
        The Python of the environment; this process's own when `None`.
    memory_mb
        Most memory (MiB, resident) that it may hold until the model has predicted its sample input.
    timeout_s
        Seconds after which it is ended.

    Raises
    ------
    CannotJudge
        When it ended without an answer, or took too long.
    """
    environment = dict(os.environ)
    if interpreter is not None:
        # The user's own site-packages and PYTHONPATH belong to the environment that is left.
        environment = {name: value for name, value in environment.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
        environment["PYTHONNOUSERSITE"] = "1"
    process = subprocess.Popen(  # noqa: S603 - our own code, no shell
        [str(interpreter or sys.executable), "-c", _CODE],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    answered = Answered()
    probed = threading.Event()
    said: list[str] = []
    readers = (
        threading.Thread(target=_read, args=(process.stdout, answered, probed, said), daemon=True),
        threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True),
    )
    for reader in readers:
        reader.start()
    try:
        assert process.stdin is not None  # noqa: S101 - asked for above
        process.stdin.write(json.dumps(request))
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        _watch(process, answered, probed, memory_mb, timeout_s)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if answered.probe is None and not answered.too_much_bytes:
        told = "".join(said).strip().splitlines()[-_SAID_LINES:]
        message = f"The process that judges the model ended with {process.returncode}."
        raise CannotJudge(message, hint="\n".join(told))
    return answered


def _read(stream: Any, answered: Answered, probed: threading.Event, said: list[str]) -> None:
    for line in stream:
        told = json.loads(line)
        if "probe" in told:
            answered.probe = told["probe"]
            probed.set()
        elif "verdicts" in told:
            answered.verdicts = told["verdicts"]
        else:
            said.append(told.get("traceback", ""))
            answered.probe = {**(answered.probe or {}), "judging_error": told.get("error", "")}


def _watch(
    process: subprocess.Popen[str],
    answered: Answered,
    probed: threading.Event,
    memory_mb: int | None,
    timeout_s: float,
) -> None:
    import time

    import psutil

    deadline = time.monotonic() + timeout_s
    limit = (memory_mb or 0) << 20
    while process.poll() is None:
        if limit and not probed.is_set():
            try:
                held = psutil.Process(process.pid).memory_info().rss
            except psutil.Error:
                held = 0
            if held > limit:
                answered.too_much_bytes = held
                return
        if time.monotonic() > deadline:
            message = f"The process that judges the model took more than {timeout_s:g} s."
            raise CannotJudge(message, hint="Judge it on fewer rows.")
        try:
            process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            continue
