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
snapshot     what a run stood on: commit, environment, the project's own modules
registry     models, their immutable versions, and aliases
project      finds the project's root, reads its settings, opens its stores
lifecycle    the whole way as one page: read, plan, run, register, verify
cli          the command line, one file a family of verbs
errors       what every error has: a code, the fact, the next act

The names below are what a script or a cell imports; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

# Importing `typing` for it would take longer than all of this file.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops_nb.artifacts import load_model
    from mlops_nb.errors import MlopsNbError
    from mlops_nb.lifecycle import check, read, run, verify
    from mlops_nb.lifecycle import plan_run as plan
    from mlops_nb.project import find_project
    from mlops_nb.registry import Registry

    __version__: str

__all__ = [
    "MlopsNbError",
    "Registry",
    "__version__",
    "check",
    "find_project",
    "load_model",
    "plan",
    "read",
    "run",
    "verify",
]

_PLACES = {
    "MlopsNbError": ("errors", "MlopsNbError"),
    "Registry": ("registry", "Registry"),
    "check": ("lifecycle", "check"),
    "find_project": ("project", "find_project"),
    "load_model": ("artifacts", "load_model"),
    "plan": ("lifecycle", "plan_run"),
    "read": ("lifecycle", "read"),
    "run": ("lifecycle", "run"),
    "verify": ("lifecycle", "verify"),
}


def __getattr__(name: str) -> object:
    # A command's start-up and a step's kernel import this file and pay for nothing they do not use.
    if name in _PLACES:
        room, there = _PLACES[name]
        return getattr(import_module(f"mlops_nb.{room}"), there)
    if name == "__version__":
        from importlib.metadata import version

        return version("mlops_nb")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
