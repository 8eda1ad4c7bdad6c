"""What can be wrong with a notebook's steps, one small check each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_nb.errors import did_you_mean
from mlops_nb.notebook import Cell, CellTags, Diagnostic, Notebook, at
from mlops_nb.steps.names import read_flow
from mlops_nb.steps.step import BUILTINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_nb.steps.step import Step


def check_file(notebook: Notebook) -> list[Diagnostic]:
    """Find a notebook that cannot be a pipeline at all."""
    found = []
    if notebook.language not in {"python", "ipython"}:
        message = f"{notebook.path.name} is a {notebook.language} notebook; only Python notebooks can be pipelines."
        found.append(Diagnostic("MN001", message, fix="Choose a Python kernel for the notebook."))
    elif not any(cell.source.strip() for cell in notebook.code_cells):
        message = f"{notebook.path.name} has no code cell."
        found.append(Diagnostic("MN002", message, fix="Write the notebook first; then tag its cells."))
    if notebook.nbformat[0] < 4:  # noqa: PLR2004 - nbformat 4 is the format
        message = f"{notebook.path.name} is in notebook format {notebook.nbformat[0]}; it was converted in memory."
        found.append(Diagnostic("MN004", message, fix="Save it from JupyterLab, which writes format 4."))
    return found


def check_names(steps: Sequence[Step], left_out: Sequence[Cell]) -> list[Diagnostic]:
    """Find names that nothing before their use defines."""
    found: list[Diagnostic] = []
    if any(step.flow.barrier or step.flow.stars for step in steps):
        return found
    in_left_out = {name: cell for cell in left_out for name in read_flow(cell)[0].defines}
    known: set[str] = set()
    cells = {cell.id: cell for step in steps for cell in step.cells}
    for step in steps:
        for name, place in step.flow.uses.items():
            if name in known or name in BUILTINS or name in step.flow.optional or name in step.flow.defines:
                continue
            cell = cells[place.cell]
            if name in in_left_out:
                other = in_left_out[name]
                message = (
                    f"{cell.label} (step `{step.name}`) uses `{name}`, which only {other.label} defines, "
                    "and that is left out."
                )
                fix = f"Remove the tag that leaves {other.label} out, or define `{name}` in a step."
                found.append(at(cell, "MN303", message, fix=fix, line=place.line, variable=name, step=step.name))
            else:
                near = did_you_mean(name, known)
                message = f"{cell.label} (step `{step.name}`) uses `{name}`, which nothing before it defines.{near}"
                fix = f"Define `{name}` before, or correct its name."
                found.append(at(cell, "MN301", message, fix=fix, line=place.line, variable=name, step=step.name))
        # `builtins.double = ...` makes a name as well.
        known |= set(step.flow.defines) | {dotted.rpartition(".")[2] for dotted in step.patches}
    return found


def check_prev(steps: Sequence[Step], tagged: Sequence[tuple[Cell, CellTags]]) -> list[Diagnostic]:
    """Find `prev:` tags that cannot hold, and names that differ too little."""
    found: list[Diagnostic] = []
    first: dict[str, int] = {}
    for position, step in enumerate(steps):
        first.setdefault(step.tag, position)
    folded: dict[str, str] = {}
    for tag in first:
        twin = folded.setdefault(tag.lower().replace("-", "_"), tag)
        if twin != tag:
            cell = steps[first[tag]].cells[0]
            message = f"{cell.label}: the steps `{twin}` and `{tag}` differ in case or punctuation only."
            found.append(
                at(cell, "MN109", message, fix=f"Name both `{twin}`, or make them clearly different.", step=tag)
            )
    last = {step.tag: position for position, step in enumerate(steps)}
    by_cell = {cell.id: position for position, step in enumerate(steps) for cell in step.cells}
    for cell, tags in tagged:
        position = by_cell.get(cell.id, -1)
        for name in tags.prev if position >= 0 else ():
            own = steps[position].tag
            if name not in first:
                message = f"{cell.label}: `prev:{name}` names a step that does not exist.{did_you_mean(name, first)}"
                usable = [f"`{known}`" for known in first if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", known)]
                fix = f"The steps are {', '.join(usable)}."
                found.append(at(cell, "MN103", message, fix=fix, variable=name, step=own))
            elif first[name] > position or name == own:
                where = "itself" if name == own else f"a step that the notebook runs later (step {last[name] + 1})"
                message = f"{cell.label}: step `{own}` asks to run after `{name}`, {where}: that is a cycle."
                fix = f"Remove `prev:{name}`, or move the cells of `{name}` above."
                found.append(at(cell, "MN104", message, fix=fix, variable=name, step=own))
    return found


def check_outputs(steps: Sequence[Step]) -> list[Diagnostic]:
    """Find declared outputs that their step does not have."""
    found: list[Diagnostic] = []
    known: set[str] = set()
    for step in steps:
        known |= set(step.flow.defines)
        if step.flow.barrier or step.flow.stars:
            return found
        for output in step.settings.outputs:
            for name in (output.variable, *output.inputs):
                if name not in known:
                    cell = next((c for c in step.cells if output.name in c.settings.get("outputs", {})), step.cells[0])
                    message = (
                        f"{cell.label} (step `{step.name}`) declares the output `{output.name}` as the variable "
                        f"`{name}`, which the step does not have.{did_you_mean(name, known)}"
                    )
                    fix = "Correct `variable` in the output's settings, or define the variable."
                    found.append(at(cell, "MN206", message, fix=fix, variable=name, step=step.name))
    return found
