"""A notebook becomes steps and a plan: read, check, compile, open the stores, plan."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.notebook import Diagnostic, Notebook, Severity, read_notebook
from mlops_nb.pipeline import SCHEMAS, DataflowLock, KeyContext, Precedent, last_part, make_plan, read_lock
from mlops_nb.pipeline.lock import FILE as LOCK_FILE
from mlops_nb.pipeline.settings_file import SETTINGS_FILE, read_notify_section, read_pipeline_settings
from mlops_nb.project import Project, find_project
from mlops_nb.steps import (
    ParameterValue,
    Step,
    StepGraph,
    binding_code,
    import_folders,
    read_steps,
    resolve_parameters,
    written_modules,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.notifying.settings import Notifications
    from mlops_nb.metadata import MetadataStore, RunRecord
    from mlops_nb.pipeline import Plan
    from mlops_nb.pipeline.compiled import Compiled
    from mlops_nb.snapshot import Environment


class NotebookHasErrors(UsageError):  # noqa: N818 - the name of the fact
    """Diagnostics refuse the run."""

    code = "notebook-has-errors"

    def __init__(self, graph: StepGraph, verb: str = "check") -> None:
        errors = [found for found in graph.diagnostics if found.severity is Severity.ERROR]
        super().__init__(
            f"{graph.notebook.path} has {len(errors)} error{'s' if len(errors) > 1 else ''}; nothing was run.",
            hint=f"`mlops-nb {verb} {graph.notebook.path}` shows them again.",
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

    @cached_property
    def environment(self) -> Environment:
        """What the notebook's kernel can import; a kernel may belong to another environment than this process."""
        from mlops_nb.execution.kernels.known import environment_of

        return environment_of(self.graph.notebook.kernel_name)

    @cached_property
    def _names_mlops_nb(self) -> bool:
        return any("mlops_nb" in cell.source for step in self.graph.steps for cell in step.cells)

    def imported(self, step: Step) -> Mapping[str, str]:
        """Return what identifies each step of another notebook, or of a package, that a step imports."""
        # Nearly all import none, and pay for nothing.
        if not self._names_mlops_nb or not any("step" in cell.source for cell in step.cells):
            return {}
        from mlops_nb.reuse.imports import digests

        return digests(step, self.graph, self.graph.notebook.path.absolute().parent, self.environment.path or None)

    def parameters(self, layers: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> tuple[ParameterValue, ...]:
        """Return the value of every parameter: default, settings file, then the given layers, the later winning."""
        configured = [("settings.toml", self.configured)] if self.configured else []
        return resolve_parameters(self.graph.parameters, [*configured, *layers])


def read(notebook: Path | str | Notebook) -> Pipeline:
    """Read a notebook and its pipeline's settings; what is wrong with the notebook is in the graph's diagnostics.

    Parameters
    ----------
    notebook
        Path of the notebook, or a notebook that was read: what an editor holds and has not saved.
    """
    loaded = notebook if isinstance(notebook, Notebook) else read_notebook(Path(notebook))
    project = find_project(loaded.path)
    graph = read_steps(loaded)
    configured, overrides = read_pipeline_settings(project.pipeline(loaded.name), graph)
    own_code = binding_code(_own_modules(graph, project))
    graph = read_steps(loaded, overrides, own_code) if overrides or own_code else graph
    return _with_imports_checked(Pipeline(project, _with_kernel_looked_up(graph), configured))


def _own_modules(graph: StepGraph, project: Project) -> dict[str, str]:
    """Return the text of the project's modules that the notebook imports, by dotted name, as far as they are found."""
    from mlops_nb.snapshot import module_files

    folder = graph.notebook.path.absolute().parent
    added = [folder / place for step in graph.steps for cell in step.cells for place in import_folders(cell)]
    imports = {name for step in graph.steps for name in step.flow.imports}
    files = module_files(sorted(imports), list(dict.fromkeys([folder, project.root, *added])))
    found = {name: path.read_text("utf-8", errors="replace") for name, path in files.items()}
    return found | written_modules(cell for step in graph.steps for cell in step.cells)


def _with_kernel_looked_up(graph: StepGraph) -> StepGraph:
    from mlops_nb.execution.kernels.known import missing_kernel

    # In a notebook of another language that is what is wrong; its kernel is none of ours.
    if any(found.code == "MN001" for found in graph.diagnostics):
        return graph
    wrong = missing_kernel(graph.notebook.kernel_name)
    if wrong is None:
        return graph
    return replace(graph, diagnostics=(Diagnostic("MN006", wrong[0], fix=wrong[1]), *graph.diagnostics))


def _may_import_steps(graph: StepGraph) -> bool:
    unread = {"MN001", "MN006"} & {found.code for found in graph.diagnostics}
    return not unread and any("mlops_nb" in cell.source for step in graph.steps for cell in step.cells)


def _with_imports_checked(pipeline: Pipeline, seen: Mapping[str, Mapping[str, str]] | None = None) -> Pipeline:
    graph = pipeline.graph
    if not _may_import_steps(graph):
        return pipeline
    from mlops_nb.reuse.checks import check_imports

    folder = graph.notebook.path.absolute().parent
    found = check_imports(graph, folder, pipeline.environment.path or None, seen)
    return replace(pipeline, graph=replace(graph, diagnostics=(*graph.diagnostics, *found))) if found else pipeline


def check(notebook: Path | str) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a notebook's tags, settings and dataflow; a run refuses what has errors."""
    return read(notebook).graph.diagnostics


def compile_pipeline(pipeline: Pipeline, layers: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> Compiled:
    """Write the pipeline's compiled form: a plain Ploomber project."""
    refuse_errors(pipeline)
    values = {value.name: value.value for value in pipeline.parameters(layers) if value.known}
    from mlops_nb.pipeline.compiled import compile_graph

    return compile_graph(pipeline.graph, pipeline.folder, values)


@dataclass(frozen=True)
class Stores:
    """What a plan and a run read and write."""

    artifacts: ArtifactStore
    log: MetadataStore
    precedent: Precedent
    lock: DataflowLock


@contextmanager
def stores(pipeline: Pipeline, resumes: RunRecord | None = None) -> Iterator[Stores]:
    """Open the pipeline's stores for the length of the block; for a run that goes on with another, say which."""
    artifacts = pipeline.project.artifact_store()
    with pipeline.project.log() as log:
        names = [step.name for step in pipeline.graph.steps]
        precedent = Precedent(log, artifacts, pipeline.name, names, resumes)
        yield Stores(artifacts, log, precedent, read_lock(pipeline.folder / LOCK_FILE))


def plan(
    pipeline: Pipeline,
    opened: Stores,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    fresh: bool = False,
    to: str = "",
) -> tuple[Plan, KeyContext]:
    """Plan a run: what is cached, what will run, and because of what; `to` is the step that it stops after."""
    refuse_errors(pipeline)
    last = last_part(pipeline.graph, to) if to else ""
    context = KeyContext(
        folder=pipeline.graph.notebook.path.absolute().parent,
        root=pipeline.project.root,
        environment=pipeline.environment.hash,
        parameters={value.name: value.as_dict()["value"] for value in pipeline.parameters(layers)},
        variables=dict(os.environ),
        schemas=pipeline.folder / SCHEMAS,
        imported=pipeline.imported,
    )
    made = make_plan(pipeline.graph, context, opened.lock, opened.precedent, fresh=fresh, to=last)
    if _may_import_steps(pipeline.graph):
        # Where a step is cached, what it left is known; an edge that carries the wrong type is refused here.
        refuse_errors(_with_imports_checked(pipeline, seen_types(made, opened)), "plan")
    return made, context


def seen_types(made: Plan, opened: Stores) -> dict[str, dict[str, str]]:
    """Return the types of the variables after each step by full name, as far as the steps are cached."""
    from mlops_nb.reuse.types import described

    imports = {module.partition(".")[0] for step in made.graph.steps for module in step.flow.imports}
    found: dict[str, dict[str, str]] = {}
    known: dict[str, str] = {}
    for step in made.steps:
        if step.hit is None:
            # What it leaves is not known now, and so is what later steps make of it.
            break
        delta = opened.precedent.delta(step.hit)
        known |= {name: described(told, imports) for item in delta.changed for name, told in item.types.items()}
        found[step.name] = dict(known)
    return found


def plan_run(
    notebook: Path | str, layers: Sequence[tuple[str, Mapping[str, Any]]] = (), *, fresh: bool = False, to: str = ""
) -> Plan:
    """Return what a run would do now: for each step whether it is cached or will run, and because of what."""
    pipeline = read(notebook)
    with stores(pipeline) as opened:
        return plan(pipeline, opened, layers, fresh=fresh, to=to)[0]


def packages(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the modules that the pipeline's steps import, as far as their text says, and what judges their data."""
    steps = pipeline.graph.steps
    found = {module for step in steps for module in step.flow.imports}
    if any(output.gate is not None for step in steps for output in step.settings.outputs):
        found |= {"scipy.special", "sklearn.ensemble"}
    return tuple(sorted(found))


def notifications(pipeline: Pipeline) -> Notifications:
    """Return whom to tell how a run of the pipeline ended; its settings file wins over the project's settings.

    Raises
    ------
    UsageError
        When a setting of it cannot be.
    """
    from mlops_nb.execution.notifying.settings import read_notifications

    project, folder = pipeline.project, pipeline.folder
    if project.silent:
        return read_notifications()
    return read_notifications(
        (f"[tool.mlops_nb] of {project.root / 'pyproject.toml'}", project.settings.notify),
        (str(folder / SETTINGS_FILE), read_notify_section(folder)),
    )


def refuse_errors(pipeline: Pipeline, verb: str = "check") -> None:
    """Refuse a notebook that has errors; `verb` shows them again.

    Raises
    ------
    NotebookHasErrors
        With all its diagnostics.
    """
    if any(found.severity is Severity.ERROR for found in pipeline.graph.diagnostics):
        raise NotebookHasErrors(pipeline.graph, verb)
