"""A step of a past run as a notebook to look at and to mend.

The executed notebook of a step says what it began with and holds its cells as they were (`read_executed`).
`reopened_document` makes of it, and of those of the steps whose kernel it shared:

1. a markdown head, which says what happened and what to do next;
2. the prelude cells whose effects the step needs, as in the run;
3. one hidden cell that loads the state before the step, and shows what was loaded;
4. the steps' own cells, with their ids, tags and outputs as they were; in front of the one that failed, a mark;
5. where a person is to decide about the step: a hidden cell that loads what it left, and how to decide.

All of it is in the notebook: any Jupyter front end can run it, with a kernel that has mlops_nb.
"""

from __future__ import annotations

import ast
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.notebook.file import code_cell, markdown_cell
from mlops_nb.pipeline.step_notebook import ADDED, ADDED_TAGS, REPLAYED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOAD = f"{ADDED}-load"
LEFT = f"{ADDED}-left"
INJECTED = "injected-parameters"
_BEGIN = f"{ADDED}-begin"
_PREPARE = f"{ADDED}-prepare"
# What Papermill and we wrote into cells while they ran.
_OF_THE_RUN = frozenset({"papermill", "execution"})
# No import statement: it would leave a name in the namespace.
_CALL = '__import__("mlops_nb.handover.reopening", fromlist=["{0}"]).{0}'
_KALE = "pipeline-parameters"


@dataclass(frozen=True)
class Beginning:
    """What a step began with, as its executed notebook says.

    `state` is the digest of the state before it, `names` what it was given of it (everything when `None`), `number`
    the execution count of its first cell where it matters, `seed` where its kernel's random streams started. `live`
    when it went on in the kernel of the step before.
    """

    state: str = ""
    names: tuple[str, ...] | None = None
    number: int = 0
    seed: int | None = None
    live: bool = False


@dataclass(frozen=True)
class Executed:
    """A step's executed notebook.

    `before` are the cells in front of the state's, `cells` the step's own with the injected parameters. `stopped` is
    the id of the own cell that did not end, if one did not; `outside` the id of the added cell, if it was one.
    """

    beginning: Beginning
    before: tuple[Mapping[str, Any], ...]
    cells: tuple[Mapping[str, Any], ...]
    stopped: str = ""
    outside: str = ""


def read_executed(document: Mapping[str, Any]) -> Executed:
    """Read a step's executed notebook, however far it came."""
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    begin = next((cell for cell in code if cell.get("id") == _BEGIN), None)
    # Between two cells, none was running when the run was killed.
    unfinished = next((cell for cell in code if _did_not_end(cell)), next(filter(_did_not_begin, code), None))
    stopped = str(unfinished.get("id", "")) if unfinished is not None else ""
    is_own = unfinished is not None and not ADDED_TAGS.intersection(_tags(unfinished))
    return Executed(
        _beginning(_text(begin)) if begin is not None else Beginning(),
        tuple(_clean(cell) for cell in code if cell.get("id") == _PREPARE or REPLAYED in _tags(cell)),
        tuple(_clean(cell) for cell in code if not ADDED_TAGS.intersection(_tags(cell))),
        stopped if is_own else "",
        "" if is_own else stopped,
    )


def reopened_document(  # noqa: PLR0913 - what the notebook is made of
    chain: Sequence[tuple[str, Executed]],
    metadata: Mapping[str, Any],
    *,
    head: str,
    load: Sequence[object],
    folder: str,
    failed: str = "",
    mark: str = "",
    left: Sequence[object] = (),
    ask: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """Return the notebook of a reopened step.

    Parameters
    ----------
    chain
        Names and executed notebooks of the steps that shared the kernel, the step itself last.
    metadata
        Of the executed notebook: its kernel and language.
    head
        What the markdown cell at the top says.
    load
        Arguments of `handover.load` by position: store, state, names, number.
    folder
        The source notebook's folder.
    failed
        The id of the cell in front of which `mark` stands.
    mark
        Markdown.
    left
        Arguments of `handover.load` for the state after the step; none when nobody is to decide about it.
    ask
        What is to be decided, as markdown, and as the source of a code cell.
    """
    first = chain[0][1]
    seed = {} if first.before or first.beginning.seed is None else {"seed": first.beginning.seed}
    source = _loading(load, {"folder": folder, **seed})
    stand = f"{_CALL.format('stand_in')}({folder!r})\n"
    cells: list[dict[str, Any]] = [_markdown(head, f"{ADDED}-head")]
    # What the prelude imports may lie beside the source notebook.
    cells += [_hidden(cell, stand if cell.get("id") == _PREPARE else "") for cell in first.before]
    cells.append(_hidden(code_cell(source, LOAD, tags=(ADDED,))))
    for position, (name, executed) in enumerate(chain):
        if len(chain) > 1:
            what = "The step" if position == len(chain) - 1 else "Shares the kernel: the step"
            cells.append(_markdown(f"**{what} `{name}`**", f"{ADDED}-step-{position + 1}"))
        for number, cell in enumerate(executed.cells, 1):
            if failed and cell.get("id") == failed and position == len(chain) - 1:
                cells.append(_markdown(mark, f"{ADDED}-mark"))
            copied: dict[str, Any] = deepcopy(dict(cell))
            if INJECTED in _tags(cell):
                copied["id"] = f"{ADDED}-parameters-{position + 1}-{number}"
            cells.append(copied)
    if left:
        cells.append(_hidden(code_cell(_loading(left, {"folder": folder, **seed, "left": True}), LEFT, tags=(ADDED,))))
        cells += [_markdown(ask[0], f"{ADDED}-ask"), code_cell(ask[1], f"{ADDED}-decide", tags=(ADDED,))]
    kept = {key: deepcopy(value) for key, value in metadata.items() if key in {"kernelspec", "language_info"}}
    return {"cells": cells, "metadata": kept, "nbformat": 4, "nbformat_minor": 5}


def _loading(arguments: Sequence[object], more: Mapping[str, object]) -> str:
    written = [*map(repr, arguments), *(f"{name}={value!r}" for name, value in more.items())]
    inside = "".join(f"    {argument},\n" for argument in written)
    return f"{_CALL.format('load')}(\n{inside})"


def is_added(cell: Mapping[str, Any]) -> bool:
    """Say whether a cell of a reopened notebook is not the source notebook's: ours, or the run's parameters."""
    return bool({*ADDED_TAGS, INJECTED}.intersection(_tags(cell)))


def up_to(document: Mapping[str, Any], failed: str) -> list[int]:
    """Return the places of the code cells that lead up to the cell that failed; without it, those that only load."""
    code = {place: cell.get("id") for place, cell in enumerate(document["cells"]) if cell["cell_type"] == "code"}
    if failed in code.values():
        return [place for place in code if place < next(end for end, key in code.items() if key == failed)]
    loaded = next((end for end, key in code.items() if key == LOAD), -1)
    return [place for place, key in code.items() if place <= loaded or key == LEFT]


def _beginning(source: str) -> Beginning:
    """Return what the arguments of the cell that begins a step say; they are literals that we wrote."""
    call = ast.parse(source, mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return Beginning()
    _, state, names, number, *_ = (*(ast.literal_eval(argument) for argument in call.args), 0)
    seed = next((ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "seed"), None)
    return Beginning(state, None if names is None else tuple(names), number, seed, live=call.func.attr == "go_on")


def _did_not_end(cell: Mapping[str, Any]) -> bool:
    if cell["metadata"].get("papermill", {}).get("status") in {"running", "failed"}:
        return True
    expected = "raises-exception" in _tags(cell)
    return not expected and any(output["output_type"] == "error" for output in cell["outputs"])


def _did_not_begin(cell: Mapping[str, Any]) -> bool:
    return bool(cell["metadata"].get("papermill", {}).get("status") == "pending")


def _clean(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a cell as it was before it ran, with the outputs of the run."""
    cleaned = deepcopy(dict(cell))
    metadata = {key: value for key, value in cleaned["metadata"].items() if key not in _OF_THE_RUN}
    tags = _tags(cell)
    if _KALE in tags and tags[-1] == "parameters":
        # Added for Papermill; the notebook has Kale's tag alone.
        tags = tags[:-1]
    if tags:
        metadata["tags"] = tags
    else:
        metadata.pop("tags", None)
    cleaned["metadata"] = metadata
    return cleaned


def _hidden(cell: Mapping[str, Any], stand: str = "") -> dict[str, Any]:
    copied: dict[str, Any] = {**deepcopy(dict(cell)), "source": stand + _text(cell)}
    if ADDED in _tags(cell):
        copied["metadata"]["jupyter"] = {"source_hidden": True}
    copied["outputs"], copied["execution_count"] = [], None
    return copied


def _markdown(source: str, cell_id: str) -> dict[str, Any]:
    return {**markdown_cell(source, cell_id), "metadata": {"tags": [ADDED]}}


def _tags(cell: Mapping[str, Any]) -> list[str]:
    found = cell.get("metadata", {}).get("tags", [])
    return [str(tag) for tag in found] if isinstance(found, list) else []


def _text(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return "".join(source) if isinstance(source, list) else str(source)
