"""A notebook's steps as exported modules: what goes into them, whether they still say what the steps say, the way back.

1. `module_plan` reads off the graph what each step takes (what it reads of earlier steps) and leaves (what later
   steps read, its declared outputs, its metrics); `export_steps` writes the modules of that plan.
2. `changes_since_export` adds to `compare`, which sees cells, what only the graph tells: a new cell without a tag of
   its own, and a function whose inputs or outputs changed although its own cells did not.
3. `with_edits` returns the notebook with the modules' edits, and refuses edits that would leave it with errors.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.notebook import has_errors, parse_notebook
from mlops_nb.pipeline.module_sync import Change, ModuleError, compare, import_modules, read_modules
from mlops_nb.pipeline.modules import ModuleConflictError, ModuleExport, ModuleStep, export_modules, write_modules
from mlops_nb.steps import read_steps
from mlops_nb.steps.flow import reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.notebook import Diagnostic, Notebook
    from mlops_nb.steps import Step, StepGraph

_FRAME = re.compile(r"^# mlops-nb frame: \w+$", re.MULTILINE)
# `df.query("x > @limit")`, model formulas and `eval` read variables that only a text names.
_READS_TEXT = re.compile(r"@\w|\b(?:eval|exec|query|formula\w*|from_formula|ols|glm|logit|dmatri\w+)\(|[\"'][^\"'\n]*~")
# Older formats have no cell ids, and a cell's number is another one as soon as a cell is added above it.
_WITH_IDS = (4, 5)


class EditsHaveErrors(UsageError):  # noqa: N818 - the name of the fact
    """Edits that come back would leave the notebook with errors."""

    code = "edits-have-errors"

    def __init__(self, graph: StepGraph) -> None:
        message = f"With the edits {graph.notebook.path} would have errors; nothing was written."
        super().__init__(message, hint="Mend them where you made them, and take them back again.")
        self.diagnostics: tuple[Diagnostic, ...] = graph.diagnostics


def module_plan(graph: StepGraph) -> list[ModuleStep]:
    """Return the steps to export, in the notebook's order, with the names that each takes and leaves."""
    takes: dict[str, set[str]] = {step.name: set() for step in graph.steps}
    leaves: dict[str, set[str]] = {step.name: _published(step) for step in graph.steps}
    calls: dict[str, frozenset[str]] = {}
    # A step that only changes an object in place need not return it: whoever gave it has it.
    binder: dict[str, str] = {}
    for step in graph.steps:
        calls |= step.flow.calls
        # What it publishes may have been made before it, and behind a barrier it may read anything.
        wanted = {*binder} if step.flow.barrier else _published(step)
        wanted |= {name for edge in graph.edges if edge.target == step.name for name in edge.variables}
        for name in (wanted & binder.keys()) - _only_words(step, calls):
            takes[step.name].add(name)
            leaves[binder[name]].add(name)
        binder |= dict.fromkeys(step.flow.defines, step.name)
    return [
        ModuleStep(step.name, step.cells, tuple(sorted(takes[step.name])), tuple(sorted(leaves[step.name])))
        for step in graph.steps
    ]


def _only_words(step: Step, calls: Mapping[str, frozenset[str]]) -> set[str]:
    """Return names that occur in texts alone, such as those of columns: an edge must heed them, a function need not."""
    if step.flow.barrier or any(_READS_TEXT.search(cell.source) for cell in step.cells):
        return set()
    named = {*step.flow.uses, *step.flow.deferred, *step.flow.may_change, *_published(step)}
    return set(step.flow.strings) - named - reach(named, calls, step.flow.holds)


def _published(step: Step) -> set[str]:
    outputs = step.settings.outputs
    inputs = {name for output in outputs for name in output.inputs}
    return {*(output.variable for output in outputs), *inputs, *step.metrics}


def make_modules(graph: StepGraph, folder: Path) -> ModuleExport:
    """Return the modules that an export into `folder` would write."""
    # What is committed must hold wherever the repository is checked out.
    recorded_path = Path(os.path.relpath(graph.notebook.path.resolve(), folder.resolve())).as_posix()
    return export_modules(graph.notebook, module_plan(graph), recorded_path=recorded_path)


def export_steps(graph: StepGraph, folder: Path) -> ModuleExport:
    """Write the steps of a notebook without errors as modules into `folder`.

    Raises
    ------
    ModuleConflictError
        When the modules there hold edits that are not in the notebook; nothing is written then.
    ModuleError
        When the folder cannot be written.
    """
    export = make_modules(graph, folder)
    try:
        write_modules(graph.notebook, export, folder)
    except ModuleConflictError as error:
        back = f"mlops-nb export {graph.notebook.path} --take-back"
        hint = f"Bring them into the notebook: {back}. To lose them, remove the folder."
        raise ModuleConflictError(error.message, hint=hint) from error
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror or error}."
        raise ModuleError(message, hint="Check the rights of the folder and the space on its disk.") from error
    return export


def with_edits(graph: StepGraph, folder: Path) -> dict[str, Any]:
    """Return the notebook's document with the modules' edits in it.

    Raises
    ------
    ModuleError
        When both sides edited one cell, when an edit has no place in a notebook, or when the notebook's format has no
        cell ids to find the cells by.
    EditsHaveErrors
        When the notebook would have errors.
    """
    require_ids(graph.notebook)
    document = import_modules(graph.notebook, folder)
    checked(graph, document)
    return document


def require_ids(notebook: Notebook) -> None:
    """Refuse a notebook whose format has no cell ids.

    Raises
    ------
    ModuleError
        When it has none: its cells could not be found again.
    """
    if notebook.nbformat < _WITH_IDS:
        message = f"{notebook.path} is in notebook format {'.'.join(map(str, notebook.nbformat))}, without cell ids."
        raise ModuleError(message, hint="Save it from JupyterLab, which gives its cells ids, and export it again.")


def checked(graph: StepGraph, document: Mapping[str, Any]) -> None:
    """Refuse edits that would leave the notebook with errors.

    Raises
    ------
    EditsHaveErrors
        When the edited document has some.
    """
    edited = read_steps(parse_notebook(json.dumps(document), graph.notebook.path))
    if has_errors(edited.diagnostics):
        raise EditsHaveErrors(edited)


def changes_since_export(graph: StepGraph, folder: Path) -> tuple[Change, ...]:
    """Return what was edited since the export, in the notebook or in the modules.

    Parameters
    ----------
    graph
        The notebook's steps as they are now.
    folder
        Where the modules lie.

    Raises
    ------
    ModuleError
        When there are no modules, or they cannot be read.
    """
    modules = read_modules(folder)
    if not modules:
        message = f"{folder} holds no exported modules."
        raise ModuleError(message, hint=f"Write them: mlops-nb export {graph.notebook.path}")
    changes = compare(graph.notebook, folder)
    known = {key for module in modules for key in (*module.exported, *(cell.id for cell in module.cells))}
    told = {change.cell for change in changes}
    changes += _new_cells(graph, known, told)
    if all(change.side == "module" for change in changes):
        changes += _out_of_date(make_modules(graph, folder), folder)
    return tuple(changes)


def _new_cells(graph: StepGraph, known: set[str], told: set[str | None]) -> Iterator[Change]:
    for step in graph.steps:
        for cell in step.cells:
            # JupyterLab adds an empty cell below the last one when that is run.
            if cell.id not in known | told and cell.source.strip():
                yield Change("added", "notebook", "", f"{cell.label} is new in the notebook.", cell.id)


def _out_of_date(export: ModuleExport, folder: Path) -> Iterator[Change]:
    """Find modules that are missing, or whose lines around the cells an export would write differently."""
    for name, text in export.files.items():
        path = folder / name
        if not path.is_file():
            yield Change("removed", "module", name, f"{name} is missing; an export writes it.")
            continue
        there, now = (_FRAME.findall(module)[:1] for module in (path.read_text(encoding="utf-8"), text))
        if there and there != now:
            message = f"{name}: what it takes or returns changed in the notebook; an export writes it anew."
            yield Change("frame", "notebook", name, message)
