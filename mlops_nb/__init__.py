"""One ordinary notebook, its cells tagged as steps, run as a recorded and reproducible pipeline.

The house, in the order in which a notebook goes through it; an import goes down this list's floors, never up:

notebook     reads and writes the file: cells, tags, settings, diagnostics
steps        what each step reads and writes, the edges between steps, parameters, proposed tags
pipeline     the plan, the cache keys, the dataflow lock, the DAG; compiled projects and exported modules
execution    runs the plan: a kernel a step, the evidence of what it did, the record as it goes
handover     inside a kernel: thaws the state before a step, freezes what the step made of it
scraps       inside a kernel: publishes metrics, tables, figures, models; read back by scrapbook
artifacts    values as bytes: fingerprints, open formats, the content-addressed store
metadata     the log: runs, step runs, parameters, artifacts, model versions, with who, when and why
validation   judges data and models: from values to verdicts, without reading or writing anything
snapshot     what a run stood on: commit, environment, the project's own modules
registry     models, their immutable versions, and aliases that move on evidence
checks       ready checks of training and transforms, for test cells and unit tests
report       explains: lineage, what differs between two runs, a run as one page
project      finds the project's root, reads its settings, opens its stores
reuse        steps used again: of another notebook or an installed package, with other values
serving      a registered model in use: rows in files, a REST service, one file for the edge
lifecycle    the whole way as one page: read, plan, run, register, judge, verify
delivery     a notebook's tests under pytest, and its functions for unit tests
widgets      in a cell: runs and models side by side, a verdict, a plan, lineage
jupyter      JupyterLab's server extension: the same over REST, runs followed by events
cli          the command line, one file a family of verbs
errors       what every error has: a code, the fact, the next act

The names below are what a script or a cell imports; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

# Importing `typing` for it would take longer than all of this file.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops_nb import checks
    from mlops_nb.artifacts import load_model
    from mlops_nb.delivery.functions import load_functions
    from mlops_nb.errors import MlopsNbError
    from mlops_nb.execution.reopening.reopen import reopen
    from mlops_nb.lifecycle import (
        check,
        decide,
        judge,
        predict,
        probe,
        read,
        reproduce,
        resume,
        run,
        score,
        search,
        verify,
    )
    from mlops_nb.lifecycle import plan_run as plan
    from mlops_nb.project import find_project
    from mlops_nb.registry import Registry
    from mlops_nb.reuse import step
    from mlops_nb.validation import infer_schema, table_statistics, validate_data
    from mlops_nb.widgets import compare, show

    __version__: str

__all__ = [
    "MlopsNbError",
    "Registry",
    "__version__",
    "check",
    "checks",
    "compare",
    "decide",
    "find_project",
    "infer_schema",
    "judge",
    "load_functions",
    "load_model",
    "plan",
    "predict",
    "probe",
    "read",
    "reopen",
    "reproduce",
    "resume",
    "run",
    "score",
    "search",
    "show",
    "step",
    "table_statistics",
    "validate_data",
    "verify",
]

_PLACES = {
    "MlopsNbError": ("errors", "MlopsNbError"),
    "Registry": ("registry", "Registry"),
    "check": ("lifecycle", "check"),
    "compare": ("widgets", "compare"),
    "decide": ("lifecycle", "decide"),
    "find_project": ("project", "find_project"),
    "infer_schema": ("validation", "infer_schema"),
    "judge": ("lifecycle", "judge"),
    "load_functions": ("delivery.functions", "load_functions"),
    "load_model": ("artifacts", "load_model"),
    "plan": ("lifecycle", "plan_run"),
    "predict": ("lifecycle", "predict"),
    "probe": ("lifecycle", "probe"),
    "read": ("lifecycle", "read"),
    "reopen": ("execution.reopening.reopen", "reopen"),
    "reproduce": ("lifecycle", "reproduce"),
    "resume": ("lifecycle", "resume"),
    "run": ("lifecycle", "run"),
    "score": ("lifecycle", "score"),
    "search": ("lifecycle", "search"),
    "show": ("widgets", "show"),
    "step": ("reuse", "step"),
    "table_statistics": ("validation", "table_statistics"),
    "validate_data": ("validation", "validate_data"),
    "verify": ("lifecycle", "verify"),
}


def __getattr__(name: str) -> object:
    # A command's start-up and a step's kernel import this file and pay for nothing they do not use.
    if name in _PLACES:
        room, there = _PLACES[name]
        return getattr(import_module(f"mlops_nb.{room}"), there)
    if name == "checks":
        return import_module("mlops_nb.checks")
    if name == "__version__":
        from importlib.metadata import version

        return version("mlops_nb")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
