"""The hall: a notebook becomes steps, a plan, a run, a model version. Plain sequence, no logic of its own.

read      notebook + the pipeline's settings → steps          (notebook, steps)
plan      steps + parameters + what earlier runs left → plan  (pipeline, metadata)
run       plan → run, recorded; the lock mended               (execution, pipeline)
register  the run's declared models → versions                (registry)
judge     versions with a gate → verdicts, in a fresh process (execution, validation)
search    many values of parameters → runs, and the best     (execution, registry)
resume    a run that did not succeed → another that goes on  (execution)
decide    a step that a run waits at → the run goes on or not  (execution, metadata)
reproduce a past run, from its snapshot → reproduction       (snapshot, execution)
predict   a registered version + a file of rows → predictions (serving)
serve     a registered version → an API, until it is ended    (serving)
edge      a registered version → one ONNX file              (serving)
pack      a run → one file, and unpack it elsewhere          (snapshot)
package   steps of a notebook → a wheel                       (reuse)
schemas   a dataset's schema: proposed, reviewed, approved     (pipeline, validation)
verify    notebook and pipeline, both run → verification      (execution)
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops_nb.lifecycle.deciding import Decision, decide, record_decision
    from mlops_nb.lifecycle.judging import Judged, environment_of, judge, probe
    from mlops_nb.lifecycle.modules import compare_modules, export, modules_folder, take_back
    from mlops_nb.lifecycle.packaging import package
    from mlops_nb.lifecycle.planning import (
        NotebookHasErrors,
        Pipeline,
        Stores,
        check,
        compile_pipeline,
        plan,
        plan_run,
        read,
        stores,
    )
    from mlops_nb.lifecycle.predicting import edge, predict
    from mlops_nb.lifecycle.reproducing import Reproducible, find_reproducible, rebuild_environment, reproduce
    from mlops_nb.lifecycle.resuming import Resumption, find_resumption, resume
    from mlops_nb.lifecycle.running import Finished, run
    from mlops_nb.lifecycle.scoring import Asked, score
    from mlops_nb.lifecycle.searching import Searched, search
    from mlops_nb.lifecycle.serving import Serving, serve
    from mlops_nb.lifecycle.sharing import pack, unpack
    from mlops_nb.lifecycle.verifying import verify

__all__ = [
    "Asked",
    "Decision",
    "Finished",
    "Judged",
    "NotebookHasErrors",
    "Pipeline",
    "Reproducible",
    "Resumption",
    "Searched",
    "Serving",
    "Stores",
    "check",
    "compare_modules",
    "compile_pipeline",
    "decide",
    "edge",
    "environment_of",
    "export",
    "find_reproducible",
    "find_resumption",
    "judge",
    "modules_folder",
    "pack",
    "package",
    "plan",
    "plan_run",
    "predict",
    "probe",
    "read",
    "rebuild_environment",
    "record_decision",
    "reproduce",
    "resume",
    "run",
    "score",
    "search",
    "serve",
    "stores",
    "take_back",
    "unpack",
    "verify",
]

_PLACES = {
    "Decision": "deciding",
    "decide": "deciding",
    "record_decision": "deciding",
    "edge": "predicting",
    "predict": "predicting",
    "Searched": "searching",
    "search": "searching",
    "Serving": "serving",
    "serve": "serving",
    "Asked": "scoring",
    "environment_of": "judging",
    "score": "scoring",
    "Judged": "judging",
    "judge": "judging",
    "probe": "judging",
    "Finished": "running",
    "NotebookHasErrors": "planning",
    "Pipeline": "planning",
    "Reproducible": "reproducing",
    "Resumption": "resuming",
    "Stores": "planning",
    "check": "planning",
    "compare_modules": "modules",
    "compile_pipeline": "planning",
    "export": "modules",
    "find_reproducible": "reproducing",
    "find_resumption": "resuming",
    "modules_folder": "modules",
    "pack": "sharing",
    "package": "packaging",
    "plan": "planning",
    "plan_run": "planning",
    "read": "planning",
    "rebuild_environment": "reproducing",
    "reproduce": "reproducing",
    "resume": "resuming",
    "run": "running",
    "stores": "planning",
    "take_back": "modules",
    "unpack": "sharing",
    "verify": "verifying",
}


def __getattr__(name: str) -> object:
    # A run that finds everything cached pays for no verb but its own.
    if name in _PLACES:
        return getattr(import_module(f"mlops_nb.lifecycle.{_PLACES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
