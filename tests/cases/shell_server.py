"""Forks fresh IPython shells, each a kernel for step notebooks, behind libraries that are imported once.

A program of its own, so that the tests' process is never forked. One JSON request a line on standard input, one JSON
answer a line on standard output:

    {"open": 1, "cwd": "/folder", "seed": false}          -> {"pid": 123}
    {"run": 1, "place": "/step.ipynb", "given": "x = 1"}  -> {"done": true}      the notebook is executed in place
    {"close": 1}                                          -> {"closed": true}
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import random
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from run_in_shells import HEAVY_IMPORTS, LIGHT_IMPORTS, LIMIT_S, new_shell

# A module beside the notebook, as far as a step's kernel can tell: it would be carried, and make all steps a chain.
del sys.modules["run_in_shells"]

OURS = ("mlops_nb.handover", "mlops_nb.scraps.glue", "mlops_nb.artifacts.fingerprint_code")


def published_into(shell: Any, outputs: list[dict[str, Any]]) -> None:
    """Let what is displayed become outputs of the cell that runs."""

    def publish(data: dict[str, Any], metadata: dict[str, Any] | None = None, **_: Any) -> None:
        outputs.append({"output_type": "display_data", "data": data, "metadata": metadata or {}})

    shell.display_pub.publish = publish


async def run_notebook(shell: Any, document: dict[str, Any], given: str) -> None:
    """Run the cells of a notebook, which takes their outputs in; stop at the first exception."""
    for cell in document["cells"]:
        if cell["cell_type"] != "code":
            continue
        outputs: list[dict[str, Any]] = cell["outputs"]
        published_into(shell, outputs)
        overridden = given and "parameters" in cell["metadata"].get("tags", [])
        sources = ["".join(cell["source"]), *([given] if overridden else [])]
        for source in sources:
            python = shell.transform_cell(source)
            # As Papermill's client of ours does it.
            silent = not {"mlops-nb", "mlops-nb-replay"}.isdisjoint(cell["metadata"].get("tags", []))
            outcome = await shell.run_cell_async(
                source, store_history=not silent, silent=silent, transformed_cell=python
            )
            shell.events.trigger("post_execute")
            if not silent:
                shell.events.trigger("post_run_cell", outcome)
            error = outcome.error_before_exec or outcome.error_in_exec
            if error is not None:
                told = {"ename": type(error).__name__, "evalue": str(error), "traceback": [repr(error)]}
                outputs.append({"output_type": "error", **told})
                if "raises-exception" not in cell["metadata"].get("tags", []):
                    return


def read(place: str) -> dict[str, Any]:
    """Return a notebook's document."""
    document: dict[str, Any] = json.loads(Path(place).read_text(encoding="utf-8"))
    return document


def write(place: str, document: dict[str, Any]) -> None:
    """Write a notebook's document."""
    Path(place).write_text(json.dumps(document, default=str), encoding="utf-8")


async def serve(shell: Any, requests: int, answers: int) -> None:
    """Run notebooks as they are asked for, in one event loop, as a kernel does."""
    with os.fdopen(requests) as lines, os.fdopen(answers, "w") as out:
        while line := lines.readline():
            request = json.loads(line)
            signal.alarm(LIMIT_S)
            document = read(request["place"])
            await run_notebook(shell, document, request["given"])
            write(request["place"], document)
            signal.alarm(0)
            out.write("{}\n")
            out.flush()


def fork_shell(shell: Any, cwd: str, *, seed: bool) -> tuple[int, Any, Any]:
    """Return the process of a new shell, where it takes requests and where it answers."""
    to_child = os.pipe()[::-1]
    from_child = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the parent's may run in the child, whatever happens.
        try:
            os.close(to_child[0])
            os.close(from_child[0])
            os.chdir(cwd)
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silence, stream)
            random.seed(0 if seed else None)
            numpy: Any = sys.modules.get("numpy")
            if numpy is not None:
                numpy.random.seed(0 if seed else int.from_bytes(os.urandom(4), "big"))
            shell.user_ns["_dh"][:] = [cwd]
            asyncio.run(serve(shell, to_child[1], from_child[1]))
        except BaseException:  # noqa: BLE001 - told, for whoever mends this
            Path(cwd, "shell-error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(0)
    os.close(to_child[1])
    os.close(from_child[1])
    return child, os.fdopen(to_child[0], "w"), os.fdopen(from_child[0])


def main() -> None:
    """Answer requests until standard input ends."""
    sys.path[0] = ""
    shell = new_shell()
    for name in (*LIGHT_IMPORTS, *(HEAVY_IMPORTS if "heavy" in sys.argv[1:] else ()), *OURS):
        importlib.import_module(name)
    gc.freeze()
    shells: dict[int, tuple[int, Any, Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        if "open" in request:
            shells[request["open"]] = fork_shell(shell, request["cwd"], seed=request["seed"])
            answer = {"pid": shells[request["open"]][0]}
        elif "run" in request:
            _, to_child, from_child = shells[request["run"]]
            try:
                to_child.write(json.dumps({"place": request["place"], "given": request["given"]}) + "\n")
                to_child.flush()
                answer = {"done": bool(from_child.readline())}
            except BrokenPipeError:
                answer = {"done": False}
        else:
            child, to_child, from_child = shells.pop(request["close"])
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            from_child.close()
            with contextlib.suppress(BrokenPipeError):
                to_child.close()
            answer = {"closed": True}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
