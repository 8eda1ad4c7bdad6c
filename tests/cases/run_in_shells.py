"""Run cells in fresh IPython shells, one forked process a job, behind libraries that are imported once.

A program of its own, so that the tests' process is never forked. It reads one JSON list from standard input:

    [{"cells": ["x = 1", "result = x"], "seed": false, "may_raise": []}, ...]

and writes one JSON line a job: `{"job": place in the list, "result": text, "seconds": of processor time}`, with
`"error": text` in place of a result that could not be had. Jobs that name no heavy library come first, while there is
little to fork. A result is told as text that does not depend on the order of sets, and has to be plain data.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# Imported and never used here: a library that has computed (OpenMP above all) must not be forked.
HEAVY = ("numpy", "pandas", "matplotlib", "scipy", "sklearn", "seaborn", "joblib")
LIGHT_IMPORTS = ("IPython.core.logger", "hashlib")  # what a shell imports with its first cell
HEAVY_IMPORTS = (
    *("numpy", "pandas", "matplotlib.pyplot", "scipy.sparse", "sklearn.compose", "sklearn.datasets"),
    *("sklearn.ensemble", "sklearn.linear_model", "sklearn.model_selection", "sklearn.pipeline"),
    *("sklearn.preprocessing", "sklearn.tree"),
)
LIMIT_S = 30
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))


def told(value: Any) -> str:
    """Return plain data as text that two runs can be compared by.

    Raises
    ------
    TypeError
        When something in it is not plain data: its text could hide a difference, or make one up.
    """
    kind = type(value)
    if kind in PLAIN:
        return repr(value)
    if kind in {list, tuple}:
        return f"{kind.__name__}({', '.join(map(told, value))})"
    if kind in {set, frozenset}:
        return f"{kind.__name__}({', '.join(sorted(map(told, value)))})"
    if kind is dict:
        return "dict(" + ", ".join(f"{told(key)}: {told(item)}" for key, item in value.items()) + ")"
    message = f"`result` holds a {kind.__module__}.{kind.__qualname__}, which is not plain data"
    raise TypeError(message)


def new_shell() -> InteractiveShell:
    """Return the shell that no cell has touched; each child has it for itself."""
    from IPython.core.interactiveshell import InteractiveShell  # after `sys.path` is the notebook's
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False  # it starts a thread
    return InteractiveShell.instance(config=config)


async def run_cells(shell: Any, cells: list[str], may_raise: list[int], *, seed: bool) -> str:
    """Run cells in an untouched shell and return what they leave in `result`; those at some places may raise.

    As in a kernel, one event loop runs all the while: a task that a cell starts goes on in the cells below.
    """
    # Forked children would share NumPy's stream, and a notebook that forgot its seed would look deterministic.
    random.seed(0 if seed else None)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0 if seed else int.from_bytes(os.urandom(4), "big"))
    shell.user_ns["_dh"][:] = [os.getcwd()]  # noqa: PTH109 - %cd keeps text
    for number, source in enumerate(cells):
        python = shell.transform_cell(source)
        outcome = await shell.run_cell_async(source, store_history=True, transformed_cell=python)
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", outcome)
        error = outcome.error_before_exec or outcome.error_in_exec
        if error is not None and number not in may_raise:
            message = f"cell {number + 1}: {type(error).__name__}: {error}"
            raise RuntimeError(message) from error
    return told(shell.user_ns["result"])


def answer_in_a_child(shell: InteractiveShell, job: dict[str, Any]) -> dict[str, Any]:
    """Fork, run the job in a folder of its own, and return what the child says."""
    folder = tempfile.mkdtemp(prefix="case-")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the parent's may run in the child, whatever happens: no handlers, no buffers, no later jobs.
        try:
            os.close(reader)
            os.chdir(folder)
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silence, stream)
            signal.alarm(LIMIT_S)
            try:
                said = {
                    "result": asyncio.run(run_cells(shell, job["cells"], job.get("may_raise", []), seed=job["seed"]))
                }
            except BaseException:  # noqa: BLE001 - SystemExit of a cell is an answer as well
                said = {"error": traceback.format_exc(limit=-4)}
            with os.fdopen(writer, "w") as pipe:
                json.dump(said, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, _, usage = os.wait4(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
    said = json.loads(text) if text else {"error": f"the shell died, or took longer than {LIMIT_S} s"}
    return {**said, "seconds": usage.ru_utime + usage.ru_stime}


def main() -> None:
    """Answer the jobs on standard input."""
    jobs = list(enumerate(json.load(sys.stdin)))
    sys.path[0] = ""  # as in a kernel: the folder of the notebook, not of this file
    shell = new_shell()
    heavy = [(place, job) for place, job in jobs if any(name in "".join(job["cells"]) for name in HEAVY)]
    light = [(place, job) for place, job in jobs if (place, job) not in heavy]
    for imports, batch in ((LIGHT_IMPORTS, light), (HEAVY_IMPORTS, heavy)):
        for name in imports:
            importlib.import_module(name)
        gc.freeze()  # children would copy the memory of the libraries with their first collection
        for place, job in batch:
            sys.stdout.write(json.dumps({"job": place, **answer_in_a_child(shell, job)}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
