"""The notebook's steps as importable modules: written, compared, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.lifecycle.planning import Pipeline, read, refuse_errors
from mlops_nb.notebook import rewrite_notebook
from mlops_nb.pipeline.module_plan import changes_since_export, export_steps, with_edits

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.pipeline.modules import Change, ModuleExport


def modules_folder(pipeline: Pipeline) -> Path:
    """Return where the notebook's steps are kept as modules."""
    return pipeline.folder / "modules"


def export(pipeline: Pipeline) -> ModuleExport:
    """Write the notebook's steps as importable modules; edits of the modules are never overwritten."""
    refuse_errors(pipeline)
    return export_steps(pipeline.graph, modules_folder(pipeline))


def compare_modules(pipeline: Pipeline) -> tuple[Change, ...]:
    """Return what was edited since the export, in the notebook or in the modules."""
    refuse_errors(pipeline)
    return changes_since_export(pipeline.graph, modules_folder(pipeline))


def take_back(pipeline: Pipeline) -> tuple[Change, ...]:
    """Carry the modules' edits into the notebook, export it anew, and return what was carried."""
    taken = tuple(change for change in compare_modules(pipeline) if change.side != "notebook" and change.cell)
    document = with_edits(pipeline.graph, modules_folder(pipeline))
    if document != pipeline.graph.notebook.document:
        rewrite_notebook(document, pipeline.graph.notebook.path)
    export(read(pipeline.graph.notebook.path))
    return taken
