"""Runs and resumes pipelines in forked processes of its own, which have imported everything: a place costs no start-up.

A line of JSON on standard input is a job, and a line of JSON on standard output says how its process ended.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

MODULES = (
    "mlops_nb.lifecycle",
    "mlops_nb.execution.engine",
    "mlops_nb.execution.kernels.forked",
    "mlops_nb.execution.run",
    "mlops_nb.execution.kernels.templates",
    "mlops_nb.metadata.store",
    "mlops_nb.pipeline.dag",
    "alembic.command",
    "jupyter_client.manager",
    "sqlalchemy.dialects.sqlite",
)


def act(job: dict[str, Any]) -> dict[str, Any]:
    """Run or resume, and return how it ended."""
    from mlops_nb import lifecycle
    from mlops_nb.errors import MlopsNbError
    from mlops_nb.project import find_project

    notebook = Path(job["notebook"])
    try:
        if job["act"] == "run":
            finished = lifecycle.run(notebook, seed=1, workers=1)
        else:
            finished = lifecycle.resume(lifecycle.find_resumption("last", find_project(notebook)))
    except MlopsNbError as error:
        return {"error": error.message, "hint": error.hint, "code": error.code}
    record = finished.result.record
    return {
        "run": record.run.id,
        "status": record.run.status,
        "reason": record.run.reason,
        "resumes": record.resumes,
        "steps": {step.step: [step.status, step.reason] for step in record.steps},
        "scraps": {scrap.name: scrap.value for scrap in record.scraps},
    }


def child(job: dict[str, Any]) -> None:
    """Do a job in this process, which is only for it."""
    os.chdir(job["folder"])
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(job.get("env", {}))
    if job.get("die_in_writes_beyond"):
        # The signal that Python ignores: it ends the process in the middle of a write.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limit := job.get("die_in_writes_beyond") or job.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    if "FAULT_COUNTER" in os.environ:
        os.environ["FAULT_VICTIM"] = str(os.getpid())
        sys.path.insert(0, job["folder"])
        import_module("faults")
    answer = act(job)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    Path(job["answer"]).write_text(json.dumps(answer), encoding="utf-8")


def main() -> None:
    """Serve until the input ends."""
    for module in MODULES:
        import_module(module)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 0
            try:
                child(job)
            except BaseException:  # noqa: BLE001 - told in the log; nothing of the server may run here
                traceback.print_exc()
                code = 70
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "pid": pid}), flush=True)  # noqa: T201 - it is the protocol


if __name__ == "__main__":
    main()
