"""Export a notebook's tagged cells as importable Python modules, and carry edits of either side to the other.

1. `export_modules` writes the text: `prelude.py` (imports and functions), `parameters.py`, a module with one function
   for each step, and `__main__.py`, which calls them in the notebook's order. They need no mlops_nb to run.
2. Every module records the notebook and the hash of each cell as it was exported, so `compare` can tell which side of
   which cell was edited since.
3. `import_modules` carries the modules' edits into the notebook, by cell id; what both sides edited is refused.

Text, raw, `skip` and `test` cells stay in the notebook alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError
from mlops_nb.notebook.file import write_text
from mlops_nb.notebook.tags import LEFT_OUT, PRELUDE, Role, read_tags
from mlops_nb.pipeline.module_names import BUILTINS, Names
from mlops_nb.pipeline.module_sync import Change, ModuleError, compare, import_modules, read_modules
from mlops_nb.pipeline.module_text import (
    Around,
    Code,
    StepModule,
    code_of,
    file_stem,
    module,
    parameters_text,
    prelude_text,
    step_module,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlops_nb.notebook.cells import Cell, Notebook

__all__ = [
    "Change",
    "ModuleConflictError",
    "ModuleError",
    "ModuleExport",
    "ModuleStep",
    "Problem",
    "compare",
    "export_modules",
    "import_modules",
    "write_modules",
]


class ModuleConflictError(UsageError):
    """Writing the modules would lose edits that are not in the notebook."""

    code = "module-conflict"


@dataclass(frozen=True)
class ModuleStep:
    """A step to export: its cells in the notebook's order, the names it takes, the names it leaves."""

    name: str
    cells: tuple[Cell, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """What kept a step from becoming a plain function.

    `refused` says that its function raises; otherwise it runs the step's cells as a script and means the same.
    """

    step: str
    message: str
    refused: bool


@dataclass(frozen=True)
class ModuleExport:
    """The modules' texts by relative path, and what is to be told about them."""

    files: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


def export_modules(notebook: Notebook, plan: Sequence[ModuleStep], *, recorded_path: str = "") -> ModuleExport:
    """Return the modules that hold a notebook's code.

    Parameters
    ----------
    notebook
        The notebook.
    plan
        Its steps in order. Cells tagged as imports, functions or parameters may be among their cells or not.
    recorded_path
        How the modules name the notebook: a relative path; its file name when empty.
    """
    parts = _divided(notebook, plan)
    around = Around(
        notebook=recorded_path or notebook.path.name,
        prelude=parts.prelude,
        parameters=parts.parameters,
        future=tuple(
            dict.fromkeys(n for c in (parts.prelude, parts.parameters, *parts.steps.values()) for n in c.future)
        ),
        hoisted=(parts.prelude.names.bound | parts.parameters.names.bound) - parts.rebound,
    )
    stale = _stale_functions(plan, parts)
    steps: list[StepModule] = []
    files = {"prelude.py": prelude_text(around), "parameters.py": parameters_text(around)}
    for step in plan:
        if step.name in parts.steps:
            stem = file_stem(step.name, [path.removesuffix(".py") for path in files])
            code = parts.steps[step.name]
            made = step_module(step.name, stem, code, step.inputs, step.outputs, around, stale.get(step.name, ""))
            steps.append(made)
            files |= made.files
    files["__init__.py"] = module(around.notebook, Code(), f"The steps of {around.notebook} as modules.", [], [])
    files["__main__.py"] = _main_text(around, steps)
    problems = [
        Problem("prelude", f"{cell.label} needs a notebook: {line}", refused=False) for cell, line in parts.lost
    ]
    problems += [
        Problem(s.name, s.refused or s.script, refused=bool(s.refused)) for s in steps if s.refused or s.script
    ]
    return ModuleExport(files, tuple(problems))


@dataclass(frozen=True)
class _Parts:
    prelude: Code
    parameters: Code
    steps: Mapping[str, Code]
    rebound: frozenset[str]

    @property
    def lost(self) -> tuple[tuple[Cell, str], ...]:
        return self.prelude.lost + self.parameters.lost


def _divided(notebook: Notebook, plan: Sequence[ModuleStep]) -> _Parts:
    """Say which cell goes where.

    A prelude cell below the first step moves to the prelude only when that changes nothing: it needs no variable of a
    step, and no other cell binds its names.
    """
    roles = {cell.id: read_tags(cell)[0].role for cell in notebook.code_cells}
    step_of = {cell.id: step.name for step in plan for cell in step.cells if step.name != "prelude"}
    first_of_prelude = {cell.id for step in plan if step.name == "prelude" for cell in step.cells}
    wanted = [
        cell
        for cell in notebook.code_cells
        if roles[cell.id] not in LEFT_OUT
        and (cell.id in step_of or cell.id in first_of_prelude or roles[cell.id] in PRELUDE | {Role.PARAMETERS})
    ]
    prelude: list[Cell] = []
    parameters: list[Cell] = []
    own: dict[str, list[Cell]] = {step.name: [] for step in plan if step.name != "prelude"}
    started = False
    alone: dict[str, Names] = {}
    for cell in wanted:
        special = roles[cell.id] in PRELUDE | {Role.PARAMETERS} or cell.id not in step_of
        if special and started and cell.id in step_of:
            alone = alone or {other.id: code_of([other]).names for other in wanted}
            special = _is_movable(cell.id, alone, {other.id for other in prelude + parameters})
        if special:
            (parameters if roles[cell.id] is Role.PARAMETERS else prelude).append(cell)
        else:
            own[step_of[cell.id]].append(cell)
            started = True
    steps = {name: code_of(cells) for name, cells in own.items() if cells}
    rebound = frozenset(name for code in steps.values() for name in code.names.bound)
    return _Parts(code_of(prelude, imported=True), code_of(parameters, imported=True), steps, rebound)


def _is_movable(cell_id: str, names: Mapping[str, Names], above: set[str]) -> bool:
    ours = names[cell_id]
    others = {name for key, other in names.items() if key != cell_id for name in other.bound}
    known = {name for key in above for name in names[key].bound}
    return not ours.bound & others and ours.at_once <= ours.bound | known | BUILTINS


def _stale_functions(plan: Sequence[ModuleStep], parts: _Parts) -> dict[str, str]:
    """Find functions that would go on seeing the variables of the step that made them, though a later step binds them.

    In the notebook they see the new ones; a function returned by a function keeps its own.
    """
    found: dict[str, str] = {}
    reads: dict[str, frozenset[str]] = {}
    bound_since: dict[str, set[str]] = {}
    for step in plan:
        code = parts.steps.get(step.name)
        if code is None:
            continue
        for name in step.inputs:
            late = reads.get(name, frozenset()) & (bound_since.get(name, set()) | code.names.bound)
            if late:
                found[step.name] = (
                    f"`{name}`, a function of an earlier step, reads `{min(late)}`, which a later step binds; "
                    f"tag its cell `functions`, or give it `{min(late)}` as an argument"
                )
        for since in bound_since.values():
            since.update(code.names.bound)
        for name, body in code.names.bodies.items():
            reads[name], bound_since[name] = body, set()
    return found


def _main_text(around: Around, steps: Sequence[StepModule]) -> str:
    names = sorted({name for step in steps for name in step.parameters})
    # Names of the prelude that a step binds anew travel like any other variable.
    carried = sorted({name for step in steps for name in step.inputs} & around.prelude.names.bound)
    lines = ["from . import parameters"] if names else []
    lines += ["from . import prelude"] if carried else []
    lines += [f"from .{step.stem} import {step.function} as _{step.stem}" for step in steps]
    lines += ["", "", "def main(**given):"]
    lines.append('    """Run the steps in order, with these parameters, and return all they leave."""')
    pairs = [f'"{name}": prelude.{name}' for name in carried] + [f'"{name}": parameters.{name}' for name in names]
    lines.append(f"    state = {{{', '.join(pairs)}}} | given" if pairs else "    state = dict(given)")
    for step in steps:
        arguments = ", ".join(f'{name}=state["{name}"]' for name in (*step.inputs, *step.parameters))
        lines.append(f"    state |= _{step.stem}({arguments})")
    lines += ["    return state", "", "", 'if __name__ == "__main__":', "    main()"]
    docstring = "The steps in the notebook's order; data paths are relative to the notebook's folder."
    return module(around.notebook, Code(), docstring, lines, [])


def write_modules(notebook: Notebook, export: ModuleExport, folder: Path) -> None:
    """Write the modules into `folder`, and remove those of an earlier export that are no longer part of it.

    Raises
    ------
    ModuleConflictError
        When a module there holds edits that are not in the notebook; nothing is written then.
    """
    if folder.is_dir():
        edits = [change for change in compare(notebook, folder) if change.side != "notebook"]
        if edits:
            message = f"{folder} holds edits that are not in {notebook.path.name}: {edits[0].message}"
            raise ModuleConflictError(message, hint="Bring them into the notebook first, or remove the folder.")
        for found in read_modules(folder):
            if found.path.name not in export.files:
                found.path.unlink()
    for path, text in export.files.items():
        write_text(folder / path, text)
