"""The process of a run, a resumption or a verification that JupyterLab started.

`python -m mlops_nb.jupyter.job FOLDER` is how it begins.
The folder says what is to be done (`job.json`), and is where the answer goes (`result.json`) and, for a verification,
its phases (`events.jsonl`). The server need not live until then: whoever asks next finds both.
"""

from __future__ import annotations

import json
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Mapping

JOB, RESULT, EVENTS, LOG, PROCESS = "job.json", "result.json", "events.jsonl", "log.txt", "process.json"


def main(folder: Path) -> int:
    """Do what the folder says, write what came of it, and return the exit code."""
    from mlops_nb.execution.interrupts import take_interrupts
    from mlops_nb.notebook import write_text

    # The server may have been started in the background of a shell, deaf to interrupts.
    take_interrupts(even_ignored=True)
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    answer: dict[str, Any] = {"status": "failed", "result": None, "error": None, "diagnostics": []}
    try:
        answer |= {"result": _do(job, folder), "status": "done"}
    except MlopsNbError as error:
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        found = [item.as_dict() for item in getattr(error, "diagnostics", ())]
        answer |= {"error": told, "diagnostics": found}
    except KeyboardInterrupt:
        answer |= {"status": "cancelled"}
    except Exception as error:  # noqa: BLE001 - the process ends with it, and somebody wants to know why
        traceback.print_exc()
        answer |= {"error": {"code": "error", "message": f"{type(error).__name__}: {error}", "hint": "See its log."}}
    write_text(folder / RESULT, json.dumps(answer, default=str) + "\n")
    return 0 if answer["status"] == "done" else 1


def _do(job: Mapping[str, Any], folder: Path) -> Any:
    if job["kind"] == "verify":
        return _verify(job, folder)
    from mlops_nb.lifecycle import find_resumption, read, resume, run
    from mlops_nb.metadata import Origin
    from mlops_nb.project import find_project

    options: dict[str, Any] = {
        "origin": Origin("jupyter", job["origin"]),
        "run_id": job["job"],
        "workers": job.get("workers"),
        "isolation": job.get("isolation"),
        "why": job.get("why") or "",
        "listen": lambda event: print(json.dumps(event.as_dict()), flush=True),  # noqa: T201 - the log of the process
    }
    if job["kind"] == "resume":
        past = find_resumption(job["of"], find_project(Path(job["project"])), Path(job["notebook"]))
        finished = resume(past, _layers(past.pipeline, job), **options)
    else:
        pipeline = read(job["notebook"])
        given = _layers(pipeline, job)
        finished = run(pipeline, given, fresh=job.get("fresh", False), to=job.get("to") or "", **options)
    return {"run": finished.result.run, "status": finished.result.status}


def _layers(pipeline: Any, job: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    from mlops_nb.jupyter.values import layers

    return layers(pipeline.graph.parameters, job.get("parameters"))


def _verify(job: Mapping[str, Any], folder: Path) -> Any:
    from mlops_nb.lifecycle import read, verify

    phases: list[str] = []

    def listen(phase: str) -> None:
        phases.append(phase)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with (folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"phase": phase, "seq": len(phases), "at": at}) + "\n")

    given = _layers(read(job["notebook"]), job)
    return verify(job["notebook"], given, tolerance=job.get("tolerance") or 0.0, listen=listen).as_dict()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
