"""The functions of a notebook for unit tests: imported in milliseconds, with nothing else of the notebook run."""

from __future__ import annotations

import ast
import linecache
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, did_you_mean
from mlops_nb.notebook import read_notebook
from mlops_nb.steps.slicing import NeedsComputedValue, Statement, defined, read_statements, slice_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class DefinitionFailed(MlopsNbError):  # noqa: N818 - the name of the fact
    """A definition, or an import that it needs, raised when it was loaded."""

    code = "definition-failed"


def load_functions(notebook: Path | str, *names: str, given: Mapping[str, Any] | None = None) -> ModuleType:
    """Return a module of a notebook's functions and classes, without running the rest of the notebook.

    Parameters
    ----------
    notebook
        Path of the notebook.
    names
        The functions, classes or constants that are wanted. Without one: every function and class that the notebook
        defines; one that cannot be had alone says so when it is asked for.
    given
        Values for names that the notebook computes.

    Raises
    ------
    NotebookError
        When the notebook cannot be read.
    NotDefined
        When no cell defines a name.
    NeedsComputedValue
        When a definition stands on a value that only running the notebook gives, with its place.
    DefinitionFailed
        When a definition, or an import that it needs, raises.
    """
    path = Path(notebook).absolute()
    statements = read_statements(read_notebook(path))
    given = dict(given or {})
    module = ModuleType(path.stem, f"Definitions of {path.name}.")
    module.__dict__.update(given)
    if names:
        _execute(slice_of(statements, names, given), path, module)
        return module
    every = defined(statements)

    def one(name: str) -> Any:
        if name not in every:
            message = f"{path.name} defines no function or class `{name}`.{did_you_mean(name, every)}"
            raise AttributeError(message)
        try:
            wanted = slice_of(statements, [name], given)
        except NeedsComputedValue as error:
            raise AttributeError(str(error)) from error
        _execute(wanted, path, module)
        return module.__dict__[name]

    module.__dict__["__getattr__"] = one
    module.__dict__["__dir__"] = lambda: sorted(every)
    return module


def _execute(statements: tuple[Statement, ...], path: Path, module: ModuleType) -> None:
    with _beside(path.parent):
        for statement in statements:
            name = f"{path.name}, {statement.cell.label}"
            # So that a traceback, and pytest, show the cell's lines.
            text = statement.source.text
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            code = compile(ast.Module([statement.node], []), name, "exec", dont_inherit=True)
            try:
                exec(code, module.__dict__)  # noqa: S102 - the person's own definitions, which they asked for
            except Exception as error:
                where, words = statement.place
                message = f"{path.name}, {where} raised {type(error).__name__}: {error}: `{words}`."
                raise DefinitionFailed(message, hint="Run the cell in JupyterLab to see why.") from error


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Find the modules beside the notebook for the length of the block, as its kernel does."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
