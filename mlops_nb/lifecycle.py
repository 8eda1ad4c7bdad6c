"""The hall: a notebook becomes steps, a plan, a run, a model version. Plain sequence, no logic of its own.

read      notebook + the pipeline's settings → steps          (notebook, steps)
plan      steps + parameters + what earlier runs left → plan  (pipeline, metadata)
run       plan → run, recorded; the lock mended               (execution, pipeline)
register  the run's declared models → versions                (registry)
verify    notebook and pipeline, both run → verification      (execution)
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.metadata import Candidate, Origin, Parameter
from mlops_nb.notebook import Diagnostic, Severity, has_errors, read_notebook, write_notebook
from mlops_nb.pipeline import DataflowLock, KeyContext, Precedent, keep_lock, make_plan, read_lock, write_lock
from mlops_nb.pipeline.compiled import Compiled, compile_graph
from mlops_nb.pipeline.lock import FILE as LOCK_FILE
from mlops_nb.pipeline.module_plan import changes_since_export, export_steps, with_edits
from mlops_nb.pipeline.settings_file import read_pipeline_settings
from mlops_nb.project import Project, find_project
from mlops_nb.registry import Registry
from mlops_nb.snapshot import git_state, read_environment
from mlops_nb.steps import ParameterValue, StepGraph, read_steps, resolve_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution import OpenSession, RunEvent, RunResult, Watch
    from mlops_nb.execution.verification import Verification
    from mlops_nb.metadata import MetadataStore, ModelVersion
    from mlops_nb.pipeline import Plan
    from mlops_nb.pipeline.modules import Change, ModuleExport


class NotebookHasErrors(UsageError):  # noqa: N818 - the name of the fact
    """Diagnostics refuse the run."""

    code = "notebook-has-errors"

    def __init__(self, graph: StepGraph) -> None:
        errors = [found for found in graph.diagnostics if found.severity is Severity.ERROR]
        super().__init__(
            f"{graph.notebook.path} has {len(errors)} error{'s' if len(errors) > 1 else ''}; nothing was run.",
            hint=f"`mlops-nb check {graph.notebook.path}` shows them again.",
        )
        self.diagnostics: tuple[Diagnostic, ...] = graph.diagnostics


@dataclass(frozen=True)
class Pipeline:
    """A notebook read as a pipeline of its project, with the parameters of the settings file."""

    project: Project
    graph: StepGraph
    configured: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.graph.notebook.name

    @property
    def folder(self) -> Path:
        """Where the pipeline's settings, lock and compiled form are."""
        return self.project.pipeline(self.name)

    def parameters(self, layers: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> tuple[ParameterValue, ...]:
        """Return the value of every parameter: default, settings file, then the given layers, the later winning."""
        configured = [("settings.toml", self.configured)] if self.configured else []
        return resolve_parameters(self.graph.parameters, [*configured, *layers])


@dataclass(frozen=True)
class Finished:
    """What a person gets from a run: the run itself and the model versions it made."""

    result: RunResult
    models: tuple[ModelVersion, ...]
    lock_changed: bool


def read(notebook: Path | str) -> Pipeline:
    """Read a notebook and its pipeline's settings; what is wrong with the notebook is in the graph's diagnostics."""
    path = Path(notebook)
    loaded = read_notebook(path)
    project = find_project(path)
    graph = read_steps(loaded)
    configured, overrides = read_pipeline_settings(project.pipeline(loaded.name), graph)
    return Pipeline(project, read_steps(loaded, overrides) if overrides else graph, configured)


def compile_pipeline(pipeline: Pipeline, layers: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> Compiled:
    """Write the pipeline's compiled form: a plain Ploomber project."""
    _refuse_errors(pipeline)
    values = {value.name: value.value for value in pipeline.parameters(layers) if value.known}
    return compile_graph(pipeline.graph, pipeline.folder, values)


@dataclass(frozen=True)
class Stores:
    """What a plan and a run read and write."""

    artifacts: ArtifactStore
    log: MetadataStore
    precedent: Precedent
    lock: DataflowLock


@contextmanager
def stores(pipeline: Pipeline) -> Iterator[Stores]:
    """Open the pipeline's stores for the length of the block."""
    artifacts = pipeline.project.artifact_store()
    with pipeline.project.log() as log:
        names = [step.name for step in pipeline.graph.steps]
        precedent = Precedent(log, artifacts, pipeline.name, names)
        yield Stores(artifacts, log, precedent, read_lock(pipeline.folder / LOCK_FILE))


def plan(
    pipeline: Pipeline,
    opened: Stores,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    fresh: bool = False,
) -> tuple[Plan, KeyContext]:
    """Plan a run: what is cached, what will run, and because of what."""
    _refuse_errors(pipeline)
    context = KeyContext(
        folder=pipeline.graph.notebook.path.absolute().parent,
        root=pipeline.project.root,
        environment=read_environment().hash,
        parameters={value.name: value.as_dict()["value"] for value in pipeline.parameters(layers)},
        variables=dict(os.environ),
    )
    return make_plan(pipeline.graph, context, opened.lock, opened.precedent, fresh=fresh), context


def run(  # noqa: PLR0913 - what a person may say of a run
    notebook: Path | str | Pipeline,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    origin: Origin | None = None,
    fresh: bool = False,
    workers: int | None = None,
    why: str = "",
    listen: Callable[[RunEvent], None] | None = None,
    on_plan: Callable[[Plan], None] | None = None,
    watch: Watch | None = None,
    isolation: str | None = None,
    open_session: OpenSession | None = None,
) -> Finished:
    """Run a notebook as a pipeline, record the run, and register the models it declares.

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
    open_session
        Opens the kernels; a fresh Jupyter kernel a step when `None`.

    Raises
    ------
    NotebookHasErrors
        When a diagnostic refuses the notebook; nothing has run then.
    ParameterError
        When a parameter is unknown or of another type; nothing has run then.
    """
    from mlops_nb.execution import Kernels, RunEvent, RunRequest, run_plan, silent

    pipeline = notebook if isinstance(notebook, Pipeline) else read(notebook)
    with stores(pipeline) as opened:
        planned, context = plan(pipeline, opened, layers, fresh=fresh)
        if on_plan is not None:
            on_plan(planned)
        values = pipeline.parameters(layers)
        request = RunRequest(
            context=context,
            injected=_injected(values),
            runs_folder=pipeline.project.runs,
            parameters=_recorded(values, planned),
            origin=origin or Origin("api"),
            git=git_state(pipeline.project.root, [pipeline.graph.notebook.path]),
            environment=read_environment().as_dict(),
            workers=workers or pipeline.project.settings.workers or None,
            fresh=fresh,
            why=why,
            open_session=open_session
            or Kernels(isolation or pipeline.project.settings.isolation, _packages(pipeline), "share"),
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
        models = _register(result, opened) if result.status == "succeeded" else ()
    return Finished(result, models, lock_changed)


def verify(  # noqa: PLR0913 - what a person may say of a verification
    notebook: Path | str,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    tolerance: float = 0.0,
    listen: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    open_session: OpenSession | None = None,
) -> Verification:
    """Run a notebook whole and as a pipeline, in copies of its project, and say whether they compute the same.

    Parameters
    ----------
    notebook
        Path of the notebook.
    layers
        Parameter values as (source, mapping) pairs, the later winning.
    tolerance
        By how much floating-point numbers may differ, relative to the largest of their variable.
    listen
        Told which run begins: `whole`, `again`, `chain`, `parallel`, and `locate` where variables differ.
    watch
        Ends the verification from another thread.
    open_session
        Opens the kernels; a fresh Jupyter kernel a step when `None`.
    """
    from mlops_nb.execution import Kernels, Watch
    from mlops_nb.execution.verify import cores, refused, verify_subject
    from mlops_nb.execution.verify_runs import Subject

    pipeline = read(notebook)
    if has_errors(pipeline.graph.diagnostics):
        return refused(pipeline.graph)
    watch = watch or Watch()

    def run_copy(
        notebook: Path, home: Path, lock: DataflowLock | None, open_session: OpenSession
    ) -> tuple[RunResult, ArtifactStore]:
        copied = read(notebook)
        copied = replace(copied, project=copied.project.apart(home))
        write_lock(copied.folder / LOCK_FILE, lock or DataflowLock())
        finished = run(copied, layers, workers=cores(), watch=watch, open_session=open_session)
        return finished.result, copied.project.artifact_store()

    return verify_subject(
        Subject(
            pipeline.graph,
            pipeline.project.root,
            _injected(pipeline.parameters(layers)),
            run_copy,
            # No share of the cores: the notebook as a whole and the pipeline are to sum in the same order.
            open_session or Kernels(pipeline.project.settings.isolation, _packages(pipeline)),
            watch,
            tolerance,
            listen or (lambda _: None),
        )
    )


def _packages(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the modules that the pipeline's steps import, as far as their text says."""
    return tuple(sorted({module for step in pipeline.graph.steps for module in step.flow.imports}))


def _injected(values: Sequence[ParameterValue]) -> dict[str, Any]:
    return {value.name: value.value for value in values if value.known and value.source != "default"}


def _refuse_errors(pipeline: Pipeline) -> None:
    if any(found.severity is Severity.ERROR for found in pipeline.graph.diagnostics):
        raise NotebookHasErrors(pipeline.graph)


def _recorded(values: Sequence[ParameterValue], planned: Plan) -> tuple[Parameter, ...]:
    """Return the record of the parameters: for the run, and for each step that reads them."""
    found = []
    for value in values:
        given = value.as_dict()
        facts = {"name": value.name, "type": value.type, "value": given["value"], "source": _source(value.source)}
        found.append(Parameter(**facts))
        found += [Parameter(**facts, step=step.name) for step in planned.steps if value.name in step.step.reads]
    return tuple(found)


def _source(source: str) -> Any:
    if source == "default":
        return "default"
    if source.startswith("settings"):
        return "config"
    return "file" if source.startswith("the file") else "command-line"


def _register(result: RunResult, opened: Stores) -> tuple[ModelVersion, ...]:
    """Make a version of every model that the run declares."""
    registry = Registry(opened.log)
    made = []
    metrics = {
        scrap.name: scrap.value
        for scrap in result.record.scraps
        if isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool)
    }
    for scrap in result.record.scraps:
        if scrap.kind != "model":
            continue
        reference = scrap.value
        made.append(
            registry.register(
                scrap.name,
                Candidate(
                    artifact=reference["artifact"],
                    digest=reference.get("content", ""),
                    format=reference.get("format", "skops"),
                    metrics=metrics,
                    signature=reference.get("signature") or {},
                    sample_input=reference.get("sample_input"),
                    run=result.run,
                    step=scrap.step,
                    environment=result.record.environment,
                ),
            )
        )
    return tuple(made)


def modules_folder(pipeline: Pipeline) -> Path:
    """Return where the notebook's steps are kept as modules."""
    return pipeline.folder / "modules"


def export(pipeline: Pipeline) -> ModuleExport:
    """Write the notebook's steps as importable modules; edits of the modules are never overwritten."""
    _refuse_errors(pipeline)
    return export_steps(pipeline.graph, modules_folder(pipeline))


def compare_modules(pipeline: Pipeline) -> tuple[Change, ...]:
    """Return what was edited since the export, in the notebook or in the modules."""
    _refuse_errors(pipeline)
    return changes_since_export(pipeline.graph, modules_folder(pipeline))


def take_back(pipeline: Pipeline) -> tuple[Change, ...]:
    """Carry the modules' edits into the notebook, export it anew, and return what was carried."""
    taken = tuple(change for change in compare_modules(pipeline) if change.side != "notebook" and change.cell)
    document = with_edits(pipeline.graph, modules_folder(pipeline))
    if document != pipeline.graph.notebook.document:
        write_notebook(document, pipeline.graph.notebook.path)
    export(read(pipeline.graph.notebook.path))
    return taken


def check(notebook: Path | str) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a notebook's tags, settings and dataflow; a run refuses what has errors."""
    return read(notebook).graph.diagnostics


def plan_run(
    notebook: Path | str, layers: Sequence[tuple[str, Mapping[str, Any]]] = (), *, fresh: bool = False
) -> Plan:
    """Return what a run would do now: for each step whether it is cached or will run, and because of what."""
    pipeline = read(notebook)
    with stores(pipeline) as opened:
        return plan(pipeline, opened, layers, fresh=fresh)[0]
