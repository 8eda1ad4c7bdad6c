"""A run that did not succeed is gone on with."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.lifecycle.planning import Pipeline, packages, read
from mlops_nb.lifecycle.running import Finished, run
from mlops_nb.project import Project, find_project
from mlops_nb.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.execution.parameters import ReadBack
    from mlops_nb.metadata import RunRecord


@dataclass(frozen=True)
class Resumption:
    """A past run that can be gone on with: its notebook as it is now, its parameters as they were, what to know."""

    record: RunRecord
    pipeline: Pipeline
    parameters: ReadBack


def find_resumption(name: str = "last", project: Project | None = None, notebook: Path | None = None) -> Resumption:
    """Find a run that did not succeed, by its id or how that starts, and its notebook, which may lie elsewhere now.

    Raises
    ------
    CannotResume
        When it succeeded, still runs, or its notebook is not there.
    UnknownRecord
        When there is no such run.
    """
    from mlops_nb.execution.parameters import read_back
    from mlops_nb.execution.resuming import notebook_of, require_resumable

    place = project or find_project(Path())
    with place.log() as log:
        record = require_resumable(log, name)
    pipeline = read(notebook_of(record, place.root, notebook))
    parameters = read_back(record, pipeline.graph.parameters, pipeline.configured)
    as_they_were = {item.name for item in record.parameters}
    configured = {name: value for name, value in pipeline.configured.items() if name not in as_they_were}
    return Resumption(record, replace(pipeline, configured=configured), parameters)


def resume(past: Resumption | str, layers: Sequence[tuple[str, Mapping[str, Any]]] = (), **options: Any) -> Finished:
    """Run what a run that did not succeed has not done, with its parameters; what had finished is verified first.

    Parameters
    ----------
    past
        The run: what `find_resumption` found, or its id in the project of the working directory; `last` for the newest.
    layers
        Parameter values that win over those of that run.
    options
        As for `run`; isolation, workers and the step to stop after are those of that run unless told.
    """
    from mlops_nb.execution import Kernels, RunEvent
    from mlops_nb.execution.resuming import close_died, execution_of

    found = past if isinstance(past, Resumption) else find_resumption(past)
    run_id, then = found.record.run.id, execution_of(found.record)
    for text in found.parameters.notices if options.get("listen") else ():
        options["listen"](RunEvent("notice", run_id, text=text))
    isolation = options.pop("isolation", None) or then.get("isolation", found.pipeline.project.settings.isolation)
    kernels = Kernels(isolation, packages(found.pipeline), then.get("threads", "share"))
    given: dict[str, Any] = {"workers": then.get("workers"), "to": then.get("to", ""), "open_session": kernels}
    with suppress(MlopsNbError):
        # Without that run's snapshot a step that draws unseeded numbers draws others.
        given["seed"] = snapshot_of(found.record, found.pipeline.project.artifact_store()).seed
    given |= {name: value for name, value in options.items() if value}
    given["why"] = f"resumes {run_id}" + (f": {options['why']}" if options.get("why") else "")
    with found.pipeline.project.log() as log:
        close_died(log, found.record, found.pipeline.project.runs / run_id)
    return run(found.pipeline, [*found.parameters.layers, *layers], resumes=found.record, **given)
