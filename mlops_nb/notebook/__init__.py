"""Read and write notebooks, and say what their tags mean."""

from mlops_nb.notebook.cells import Cell, Notebook
from mlops_nb.notebook.diagnostics import CODES, Diagnostic, Severity, at, has_errors
from mlops_nb.notebook.file import (
    NotebookError,
    code_cell,
    markdown_cell,
    new_document,
    parse_notebook,
    read_notebook,
    rewrite_notebook,
    write_notebook,
    write_text,
)
from mlops_nb.notebook.imports import import_nbformat, imported_when_used
from mlops_nb.notebook.settings import Gate, Output, StepSettings, read_settings, settings_from
from mlops_nb.notebook.tags import LEFT_OUT, PRELUDE, CellTags, Role, read_tags

__all__ = [
    "CODES",
    "LEFT_OUT",
    "PRELUDE",
    "Cell",
    "CellTags",
    "Diagnostic",
    "Gate",
    "Notebook",
    "NotebookError",
    "Output",
    "Role",
    "Severity",
    "StepSettings",
    "at",
    "code_cell",
    "has_errors",
    "import_nbformat",
    "imported_when_used",
    "markdown_cell",
    "new_document",
    "parse_notebook",
    "read_notebook",
    "read_settings",
    "read_tags",
    "rewrite_notebook",
    "settings_from",
    "write_notebook",
    "write_text",
]
