"""A plan becomes a run, recorded; its models become versions, and are judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.lifecycle.judging import Court, judge_run
from mlops_nb.lifecycle.planning import Pipeline, notifications, packages, plan, read, stores
from mlops_nb.metadata import Origin
from mlops_nb.pipeline import SCHEMAS, keep_lock
from mlops_nb.pipeline.lock import FILE as LOCK_FILE
from mlops_nb.pipeline.settings_file import SETTINGS_FILE
from mlops_nb.registry import Registry
from mlops_nb.snapshot import Sources, git_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mlops_nb.execution import OpenSession, RunEvent, RunResult, Watch
    from mlops_nb.lifecycle.judging import Judged
    from mlops_nb.metadata import ModelVersion, RecordedVerdict, RunRecord
    from mlops_nb.pipeline import Plan


@dataclass(frozen=True)
class Finished:
    """What a person gets from a run: the run itself, the model versions it made, and what judges said.

    `verdicts` are those that the run stands on, `judged` what was said of each model version.
    """

    result: RunResult
    models: tuple[ModelVersion, ...]
    lock_changed: bool
    verdicts: tuple[RecordedVerdict, ...] = ()
    judged: tuple[Judged, ...] = ()


def run(  # noqa: PLR0913 - what a person may say of a run
    notebook: Path | str | Pipeline,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    origin: Origin | None = None,
    fresh: bool = False,
    to: str = "",
    workers: int | None = None,
    why: str = "",
    listen: Callable[[RunEvent], None] | None = None,
    on_plan: Callable[[Plan], None] | None = None,
    watch: Watch | None = None,
    isolation: str | None = None,
    seed: int | None = None,
    seeds: Mapping[str, int] | None = None,
    open_session: OpenSession | None = None,
    resumes: RunRecord | None = None,
    register: bool = True,
    pauses: bool = True,
    run_id: str = "",
) -> Finished:
    """Run a notebook as a pipeline, record the run, register the models it declares, and judge those with a gate.

    Parameters
    ----------
    notebook
        Path of the notebook, or the pipeline that was read from it.
    layers
        Parameter values as (source, mapping) pairs, the later winning.
    origin
        Who or what starts the run.
    fresh
        Run every step, whatever is cached.
    to
        The step that the run stops after, as *Run All Above* does in a notebook; it runs to its end when empty.
    workers
        How many steps may run at once; the project's setting when `None`.
    why
        A sentence for the record.
    listen, on_plan
        Told what happens, and the plan before anything does.
    watch
        Cancels the run from another thread.
    isolation
        `fork` for kernels forked from a warm template, `cold` for new interpreters; the project's setting when `None`.
    seed
        Where the global random streams of the run's kernels start, from 0 to 2**32 - 1; drawn when `None`.
    seeds
        The same for single steps, where they are to start elsewhere.
    open_session
        Opens the kernels; a fresh Jupyter kernel a step when `None`.
    resumes
        The run that this one goes on with; `resume` gives it, with its parameters.
    register
        Whether the models that the run declares become versions when it succeeds.
    pauses
        Whether it waits for a person where a step is set to. Without, no model of a notebook with such a step becomes
        a version.
    run_id
        The id that `new_run_id` gave to whoever wants to know it before the run begins; a new one when empty.

    Raises
    ------
    NotebookHasErrors
        When a diagnostic refuses the notebook; nothing has run then.
    ParameterError
        When a parameter is unknown or of another type; nothing has run then.
    """
    from mlops_nb.execution import Kernels, RunEvent, RunRequest, run_plan, silent
    from mlops_nb.execution.parameters import injected, recorded

    pipeline = notebook if isinstance(notebook, Pipeline) else read(notebook)
    told = notifications(pipeline)
    with stores(pipeline, resumes) as opened:
        planned, context = plan(pipeline, opened, layers, fresh=fresh, to=to)
        if on_plan is not None:
            on_plan(planned)
        values = pipeline.parameters(layers)
        request = RunRequest(
            context=context,
            injected=injected(values),
            runs_folder=pipeline.project.runs,
            parameters=recorded(values, planned),
            origin=origin or Origin("api"),
            git=git_state(pipeline.project.root, [pipeline.graph.notebook.path]),
            environment=pipeline.environment,
            sources=_sources(pipeline),
            seed=seed,
            seeds=seeds or {},
            workers=workers or pipeline.project.settings.workers or None,
            fresh=fresh,
            pauses=pauses and not pipeline.project.silent,
            run=run_id,
            why=why,
            resumes=resumes.run.id if resumes is not None else "",
            notifications=told,
            open_session=open_session
            or Kernels(isolation or pipeline.project.settings.isolation, packages(pipeline), "share"),
        )
        result = run_plan(
            planned,
            request,
            lock=opened.lock,
            store=opened.artifacts,
            log=opened.log,
            precedent=opened.precedent,
            listen=listen or silent,
            watch=watch,
        )

        def notice(text: str) -> None:
            (listen or silent)(RunEvent("notice", result.run, text=text))

        lock_changed = keep_lock(pipeline.folder / LOCK_FILE, result.lock, notice)
        # No version is made past a person who was to be asked and was not.
        passed = not (pauses or pipeline.project.silent) and any(step.settings.pause for step in pipeline.graph.steps)
        registers = register and result.status == "succeeded" and not passed
        models = Registry(opened.log).register_run(result.record) if registers else ()
        court = Court(opened.log, opened.artifacts, context.folder)
        judged = () if pipeline.project.silent else judge_run(pipeline.graph, result.record, models, court, notice)
        verdicts = opened.log.verdicts_shown(result.run)
    return Finished(result, models, lock_changed, verdicts, judged)


def _sources(pipeline: Pipeline) -> Sources:
    project = pipeline.project
    schemas = sorted(path for path in (pipeline.folder / SCHEMAS).glob("*") if ".proposed." not in path.name)
    beside = (pipeline.folder / SETTINGS_FILE, pipeline.folder / LOCK_FILE, project.root / "pyproject.toml", *schemas)
    notebook = pipeline.graph.notebook.path.absolute()
    return Sources(project.root, notebook, packages(pipeline), beside, project.settings.snapshot_mb << 20)
