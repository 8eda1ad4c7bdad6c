"""The compiled form of a notebook: a plain Ploomber project that `ploomber build` runs without mlops_nb.

`pipelines/NAME/` holds, each file written whole or not at all and only when its content changes:

- `pipeline.yaml`, `env.yaml`: the steps in the notebook's order, each after the one before, and the parameters;
- `steps/*.ipynb`: a notebook per step, which loads the state, runs the user's cells and saves the state;
- `step_state.py`: the module that carries the state (the packaged `step_state.py.txt`);
- `settings.toml`: the user's own, never overwritten;
- `README.md`, `.gitignore`, and beside them `dataflow.lock.json`, which is the runs' own.

A plain build has no evidence of what flows where, so its plan is the one that is always right: a chain in which the
whole namespace travels. No file names a path of the machine that compiled.
"""

from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from pprint import pformat
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.notebook import (
    NotebookError,
    Severity,
    code_cell,
    has_errors,
    markdown_cell,
    new_document,
    read_notebook,
    write_notebook,
    write_text,
)
from mlops_nb.notebook.tags import Role, read_tags
from mlops_nb.pipeline.plain_parameters import PlainParameters, plain_parameters, yaml_text
from mlops_nb.pipeline.settings_file import SETTINGS_FILE, new_settings_text
from mlops_nb.pipeline.step_notebook import ADDED
from mlops_nb.steps.flow import reach
from mlops_nb.steps.literals import as_source
from mlops_nb.steps.names import read_flow
from mlops_nb.steps.parameter_values import resolve_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_nb.notebook import Cell, Notebook
    from mlops_nb.steps.graph import StepGraph
    from mlops_nb.steps.step import Step

STATE_MODULE = "step_state"
OUTPUT = "output"
STEPS = "steps"
_WRITTEN_BY = "Written by `mlops-nb compile`"
_MARK = "compiled_from"


class CompileError(UsageError):
    """The notebook cannot be compiled into that folder."""

    code = "compile"


@dataclass(frozen=True)
class Compiled:
    """What compiling did: the folder, and its files that were written, were right already, or were removed."""

    folder: Path
    written: tuple[Path, ...] = ()
    unchanged: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()


def compile_graph(graph: StepGraph, folder: Path, parameters: Mapping[str, Any] | None = None) -> Compiled:
    """Write the compiled form of a notebook into `folder`; writing it again changes nothing.

    Parameters
    ----------
    graph
        The steps, without errors.
    folder
        `pipelines/NAME`; made when missing.
    parameters
        Values that win over the notebook's defaults in this pipeline (from its settings file), by name.

    Raises
    ------
    CompileError
        When the notebook has errors, the folder cannot be written, or holds another project's files.
    ParameterError
        When a value is not one of a declared parameter.
    """
    _refuse_errors(graph)
    source = str(folder / SETTINGS_FILE)
    values = resolve_parameters(graph.parameters, [(source, parameters or {})])
    given = plain_parameters(graph.parameters, values)
    origin = _relative(graph.notebook.path, folder)
    texts = {
        folder / "pipeline.yaml": _pipeline_yaml(graph, given, origin),
        folder / f"{STATE_MODULE}.py": files(__package__).joinpath(f"{STATE_MODULE}.py.txt").read_text("utf-8"),
        folder / "README.md": _readme(graph, given, origin),
        folder / ".gitignore": f"# {_WRITTEN_BY}.\n{OUTPUT}/\n__pycache__/\n",
    }
    if given.env:
        note = f"{_WRITTEN_BY}: change values in {SETTINGS_FILE}, or for one build with `--env--NAME VALUE`."
        texts[folder / "env.yaml"] = f"# {note}\n{yaml_text(given.env)}"
    notebooks = {
        folder / STEPS / f"{step.name}.ipynb": _document(graph, step, given, folder, needs, imports)
        for step, needs, imports in zip(graph.steps, _needs(graph.steps), _imports(graph.steps), strict=True)
    }
    if not (folder / SETTINGS_FILE).exists():
        texts[folder / SETTINGS_FILE] = new_settings_text(graph)
    try:
        stale = [path for path in _compiled_before(folder) if path not in notebooks and path not in texts]
        _refuse_strangers(folder, texts, notebooks)
        written = [path for path, text in texts.items() if _write(path, text)]
        written += [path for path, document in notebooks.items() if _write_notebook(path, document)]
        for path in stale:
            path.unlink()
    except OSError as error:
        message = f"{folder} cannot be written: {error}."
        raise CompileError(message, hint="Check the rights of the folder and the space on its disk.") from error
    everything = (*texts, *notebooks)
    return Compiled(folder, tuple(written), tuple(p for p in everything if p not in written), tuple(stale))


def _refuse_errors(graph: StepGraph) -> None:
    if not has_errors(graph.diagnostics):
        return
    errors = [found for found in graph.diagnostics if found.severity is Severity.ERROR]
    told = "\n".join(f"{found.code} {found.message} {found.fix}".rstrip() for found in errors)
    message = f"{graph.notebook.path} has {len(errors)} error{'s' * (len(errors) > 1)} and was not compiled:\n{told}"
    raise CompileError(message, hint=f"`mlops-nb check {graph.notebook.path}` shows them all.")


# --- files ------------------------------------------------------------------------------------------------------------


def _compiled_before(folder: Path) -> Iterator[Path]:
    """Yield the files of an earlier compilation that a new one may no longer have."""
    if (folder / "env.yaml").is_file() and _is_ours(folder / "env.yaml"):
        yield folder / "env.yaml"
    for path in sorted((folder / STEPS).glob("*.ipynb")):
        if _is_ours(path):
            yield path


def _is_ours(path: Path) -> bool:
    if path.suffix != ".ipynb":
        return _WRITTEN_BY in path.read_text(encoding="utf-8", errors="replace")
    try:
        return _MARK in read_notebook(path).document.get("metadata", {}).get("mlops_nb", {})
    except NotebookError:
        return False


def _refuse_strangers(folder: Path, texts: Mapping[Path, str], notebooks: Mapping[Path, object]) -> None:
    strangers = [path for path in (*texts, *notebooks) if path.exists() and not _is_ours(path)]
    if strangers:
        names = ", ".join(path.relative_to(folder).as_posix() for path in strangers)
        message = f"{folder} already holds {names}, which `mlops-nb compile` did not write and will not overwrite."
        raise CompileError(message, hint="Move the files away, or rename the notebook.")


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def _write_notebook(path: Path, document: dict[str, Any]) -> bool:
    if path.exists() and _joined(read_notebook(path).document) == _joined(document):
        return False
    write_notebook(document, path)
    return True


def _joined(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with each cell's source as one text: a file holds it as lines."""
    return {**document, "cells": [{**cell, "source": "".join(cell["source"])} for cell in document["cells"]]}


def _relative(target: Path, start: Path) -> str:
    # Both may not exist yet or be links; what is committed must hold from the folder itself.
    return os.path.relpath(target.resolve(), start.resolve()).replace(os.sep, "/")


# --- the step notebooks -----------------------------------------------------------------------------------------------


def _document(  # noqa: PLR0913, PLR0917 - what a step's notebook is made of
    graph: StepGraph, step: Step, given: PlainParameters, folder: Path, needs: list[str] | None, imports: list[str]
) -> dict[str, Any]:
    notebook = graph.notebook
    link = _relative(notebook.path, folder / STEPS)
    home = _relative(notebook.path.parent, folder / STEPS)
    header = f"# {step.name}\n\n{_WRITTEN_BY} from [{notebook.path.name}]({link}): change that notebook, not this one."
    names = given.carried if step.has_parameters else {}
    placeholders = ["upstream = None", "product = None", *(f"{n} = {as_source(v)}" for n, v in names.items())]
    start = (
        f'import sys; sys.path.insert(0, "..")\nimport {STATE_MODULE}\n'
        f"{STATE_MODULE}.start(globals(), upstream, product, {home!r}{_mapping(names)})"
    )
    cells = [
        markdown_cell(header, "mlops-nb-header"),
        _added("parameters", "\n".join(placeholders), "parameters"),
        _added("start", start),
        *(_own(notebook, cell, f"replay-{cell.id}"[:64], "mlops-nb-replay") for cell in step.replay),
    ]
    if step is not graph.steps[0]:
        cells.append(_added("load", _call("load", needs)))
    for cell in step.cells:
        cells.append(_own(notebook, cell, cell.id))
        if step.has_parameters and read_tags(cell)[0].role is Role.PARAMETERS and (names or given.fixed):
            lines = [_call("give", given.kinds)] if names else []
            cells.append(_added("given", "\n".join([*lines, *given.fixed])))
    cells.append(_added("save", _call("save", imports)))
    document = new_document(cells, notebook)
    metadata = document["metadata"]
    metadata.setdefault("kernelspec", {"name": notebook.kernel_name, "display_name": "Python 3", "language": "python"})
    metadata["mlops_nb"] = {_MARK: link}
    return document


def _call(function: str, *arguments: object) -> str:
    given = ",\n    ".join(pformat(argument, width=112, compact=True, sort_dicts=False) for argument in arguments)
    # No import statement: it would leave a name in the user's namespace.
    return f'__import__("{STATE_MODULE}").{function}(' + (f"\n    {given}\n)" if "\n" in given else f"{given})")


def _mapping(names: Iterable[str]) -> str:
    lines = "".join(f'    "{name}": {name},\n' for name in names)
    return f", {{\n{lines}}}" if lines else ""


def _added(name: str, source: str, *tags: str) -> dict[str, Any]:
    return code_cell(source, f"mlops-nb-{name}", tags=(*tags, ADDED))


def _own(notebook: Notebook, cell: Cell, cell_id: str, *tags: str) -> dict[str, Any]:
    metadata = deepcopy(notebook.document["cells"][cell.index].get("metadata", {}))
    for key in ("papermill", "execution"):  # what an earlier execution noted
        metadata.pop(key, None)
    if tags:
        metadata["tags"] = [*cell.tags, *tags]
    return code_cell(cell.source, cell_id, metadata=metadata)


def _needs(steps: Sequence[Step]) -> Iterator[list[str] | None]:
    """Yield for each step the variables that it may read, or `None` when nobody can know.

    Names inside strings are left out: what cannot be carried is never what a query or a formula names, and the `f` of
    some file must not refuse a notebook for a text with an f. Variables that replayed cells alone define are there
    anew in each step.
    """
    replayed = {cell.id: read_flow(cell)[0].defines for step in steps for cell in step.replay}
    others = (cell for step in steps for cell in step.cells if cell.id not in replayed)
    elsewhere = {name for cell in others for name in read_flow(cell)[0].defines}
    made_anew = {name for defines in replayed.values() for name in defines} - elsewhere
    calls: dict[str, frozenset[str]] = {}
    holds: dict[str, frozenset[str]] = {}
    for step in steps:
        flow = step.flow
        for known, more in ((calls, flow.calls), (holds, flow.holds)):
            known.update({name: known.get(name, frozenset()) | names for name, names in more.items()})
        named = {*flow.uses, *flow.deferred, *flow.may_change, *flow.deletes}
        yield None if flow.barrier else sorted((named | reach(named, calls, holds)) - made_anew)


def _imports(steps: Sequence[Step]) -> Iterator[list[str]]:
    """Yield for each step the submodules imported so far: `import a.b` binds `a` alone, and `a.b` is part of it."""
    known: dict[str, None] = {}
    for step in steps:
        known |= dict.fromkeys(name for name in step.flow.imports if "." in name and not name.startswith("."))
        yield list(known)


# --- the other files --------------------------------------------------------------------------------------------------


def _pipeline_yaml(graph: StepGraph, given: PlainParameters, origin: str) -> str:
    tasks = []
    for before, step in zip((None, *graph.steps), graph.steps, strict=False):
        task: dict[str, Any] = {
            "name": step.name,
            "source": f"{STEPS}/{step.name}.ipynb",
            "product": {"nb": f"{OUTPUT}/{step.name}.ipynb", "state": f"{OUTPUT}/{step.name}.state"},
        }
        if before is not None:
            task["upstream"] = [before.name]
        if step.has_parameters and given.params:
            task["params"] = given.params
        # Variables of earlier steps are undefined names to an analysis of one notebook alone.
        task |= {"static_analysis": "disable", "local_execution": True}
        tasks.append(task)
    head = (
        f"# {_WRITTEN_BY} from {origin}: change that notebook, not this file.\n"
        "# Every step comes after the one before, because its state holds all that the notebook has so far.\n"
    )
    return head + yaml_text({"meta": {"extract_upstream": False}, "tasks": tasks}, cast=True)


def _readme(graph: StepGraph, given: PlainParameters, origin: str) -> str:
    name = next(iter(given.env), "")
    other = f"ploomber build --env--{name} VALUE" if name else ""
    width = max(len(other), len("ploomber build")) + 2
    lines = [
        f"# {graph.notebook.name}",
        "",
        f"{_WRITTEN_BY} from [{graph.notebook.path.name}]({origin}): a plain Ploomber project.",
        "It needs Ploomber, cloudpickle and what the notebook imports; mlops_nb need not be installed.",
        "",
        "```",
        "ploomber build".ljust(width) + "# in this folder; results are in output/",
        *([f"{other}  # another value of a parameter"] if name else []),
        "```",
        "",
        "The steps run one after the other in the notebook's order, and the whole namespace travels between them.",
        f"`{SETTINGS_FILE}` is yours to edit and takes effect with the next `mlops-nb compile` or `mlops-nb run`.",
        "",
    ]
    return "\n".join(lines)
