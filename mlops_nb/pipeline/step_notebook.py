"""A step as a notebook of its own: the user's cells, and around them the cells that hand the state over.

The user's cells keep their ids, tags and text. The added cells are tagged `mlops-nb`, hidden in JupyterLab, and leave
no name behind in the kernel:

1. `prepare`, then the prelude cells whose effects the step needs (only where there are any);
2. `begin`: thaws the state before the step;
3. the step's own cells;
4. `publish`: glues declared outputs and metrics (only where there are any);
5. `end`: freezes what changed and publishes the evidence.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from mlops_nb.notebook import Role, code_cell, new_document, read_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_nb.notebook import Notebook
    from mlops_nb.steps.step import Step

ADDED = "mlops-nb"
REPLAYED = "mlops-nb-replay"
# Cells that the notebook does not have in this place.
ADDED_TAGS = frozenset({ADDED, REPLAYED})
_HIDDEN = {"jupyter": {"source_hidden": True}}


def step_document(  # noqa: PLR0913 - what a step notebook is made of
    notebook: Notebook,
    step: Step,
    *,
    store_url: str,
    state: str,
    names: Iterable[str] | None,
    unchecked: Iterable[str] = (),
    kept: Iterable[str] = (),
    live: bool = False,
    seed: int | None = None,
    gates: Mapping[str, Any] | None = None,
    folders: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the notebook document that runs one step.

    Parameters
    ----------
    notebook
        The whole notebook, for its kernel and the cells as written.
    step
        The step.
    store_url
        The artifact store, as the kernel reaches it.
    state
        Digest of the state before the step, empty for none.
    names
        What to thaw of it; everything when `None`.
    unchecked
        Names of which no step has looked yet whether they come back as what they were.
    kept
        Names whose values were seen to come back as something else.
    live
        The kernel is that of the step before: what is there stays, and only what is missing is thawed.
    seed
        Where the random streams of a fresh kernel start.
    gates
        By what the step's datasets are judged, by output, as `put_gates` gives it.
    folders
        Those in which the kernel notes what is opened in C.
    """
    cells: list[dict[str, Any]] = []
    start = {} if live or seed is None else {"seed": seed}
    if step.replay and not live:
        cells.append(_added("prepare", _call("handover", "prepare", **start)))
        start = {}
        cells += [_own(notebook, cell.index, f"replay-{cell.id}"[:64], (*cell.tags, REPLAYED)) for cell in step.replay]
    wanted = None if names is None else sorted(names)
    numbered = [step.number] if step.history and not live else []
    look: dict[str, Any] = {} if live or not unchecked else {"unchecked": sorted(unchecked)}
    if folders:
        look["folders"] = list(folders)
    begin = "go_on" if live else "begin"
    cells.append(_added("begin", _call("handover", begin, store_url, state, wanted, *numbered, **look, **start)))
    for cell in step.cells:
        tags = cell.tags
        if read_tags(cell)[0].role is Role.PARAMETERS and "parameters" not in tags:
            # Kale's tag for what Papermill calls `parameters`.
            tags = (*tags, "parameters")
        cells.append(_own(notebook, cell.index, cell.id, tags))
    if step.settings.outputs or step.metrics:
        spec: dict[str, Any] = {
            "step": step.name,
            "outputs": [output.published() for output in step.settings.outputs],
            "metrics": list(step.metrics),
        }
        if gates:
            spec["gates"] = dict(gates)
        cells.append(_added("publish", _call("scraps.glue", "publish", store_url, json.dumps(spec, sort_keys=True))))
    noted: dict[str, Any] = {"history": step.history} | ({"kept": sorted(kept)} if kept else {})
    noted |= {"changes": list(step.changes)} if step.changes else {}
    end = _call("handover", "end", step.name, list(step.flow.imports), list(step.patches), **noted)
    cells.append(_added("end", end))
    return new_document(cells, notebook)


def _call(room: str, function: str, *arguments: object, **named: object) -> str:
    written = [*(repr(argument) for argument in arguments), *(f"{name}={value!r}" for name, value in named.items())]
    given = ",\n    ".join(written)
    inside = f"\n    {given},\n" if given else ""
    # No import statement: it would leave a name in the user's namespace.
    return f'__import__("mlops_nb.{room}", fromlist=["{function}"]).{function}({inside})'


def _added(name: str, source: str) -> dict[str, Any]:
    return code_cell(source, f"mlops-nb-{name}", tags=(ADDED,), metadata=_HIDDEN)


def _own(notebook: Notebook, index: int, cell_id: str, tags: tuple[str, ...]) -> dict[str, Any]:
    written = notebook.document["cells"][index]
    metadata = deepcopy({key: value for key, value in written.get("metadata", {}).items() if key != "papermill"})
    metadata["tags"] = list(tags)
    if not tags:
        del metadata["tags"]
    return code_cell(notebook.cells[index].source, cell_id, metadata=metadata)
