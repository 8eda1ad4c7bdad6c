"""Kernels that tell what a stored state holds, in a copy of the project.

Every one has a fresh copy of the project's folder, always at the same path, so that two runs which print where they
are print the same; the person's files are not touched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.notebook_run import Limits
from mlops_nb.execution.verifying.contents import Contents
from mlops_nb.execution.verifying.copies import copy_project
from mlops_nb.handover import CAME_BACK_DIFFERENT, CameBackDifferent, State
from mlops_nb.handover.witness import CONTENTS_MIME
from mlops_nb.metadata import StepError
from mlops_nb.notebook import code_cell, new_document, write_notebook
from mlops_nb.pipeline import ADDED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.execution.kernels.kernel import Watch
    from mlops_nb.execution.notebook_run import Ending
    from mlops_nb.execution.step_record import OpenSession
    from mlops_nb.steps import StepGraph


# Where the random streams of all kernels start whose contents are compared.
SEED = 20_011_225


class VerificationStopped(MlopsNbError):  # noqa: N818 - the name of the fact
    """The verification was ended before it had an answer."""

    code = "verification-stopped"
    # What shells report for a program that an interrupt ended.
    exit_code = 130


@dataclass(frozen=True)
class Witnesses:
    """Copies of the project at `root` below `place`, and kernels in them."""

    graph: StepGraph
    root: Path
    place: Path
    open_session: OpenSession
    watch: Watch
    tolerance: float = 0.0

    @property
    def copy_root(self) -> Path:
        """The folder of every copy."""
        return self.place / "copy" / (self.root.name or "root")

    @property
    def numbers_to(self) -> str:
        """The store that takes the variables' numbers; empty when nobody compares them with a tolerance."""
        return str(self.place / "numbers") if self.tolerance else ""

    def copy(self) -> Path:
        """Make a fresh copy of the project where the last one was, and return its notebook."""
        notebook = self.graph.notebook.path.absolute()
        copy_project(self.root, self.copy_root, keep=notebook)
        return self.copy_root / notebook.relative_to(self.root)

    def thawed(self, state: str, store_url: str, label: str) -> Contents:
        """Return what a stored state holds, told by a kernel that thaws it.

        What comes back as something else is left out, as it is from every step that would use it.
        """
        store = ArtifactStore(store_url)
        held = State.from_json(store.get(state))
        while True:
            names = sorted(name for item in held.covariables if not item.problem for name in item.names)
            try:
                return self._thawed(store.put(held.to_json().encode())[0], store_url, label, names)
            except _Different as found:
                items = [
                    item if found.names.isdisjoint(item.names) else replace(item, problem=CAME_BACK_DIFFERENT)
                    for item in held.covariables
                ]
                held = replace(held, covariables=tuple(items))

    def _thawed(self, state: str, store_url: str, label: str, unchecked: list[str]) -> Contents:
        place = self.place / "thawed.ipynb"
        given = f"{store_url!r}, {state!r}, unchecked={unchecked!r}, seed={SEED}"
        call = f'__import__("mlops_nb.handover", fromlist=["begin"]).begin({given})'
        cells = [code_cell(call, f"{ADDED}-begin"), tell_cell(label, self.numbers_to)]
        write_notebook(new_document(cells, self.graph.notebook), place)
        folder = self.copy_root / self.graph.notebook.path.absolute().parent.relative_to(self.root)
        with self.open_session(self.graph.notebook.kernel_name, folder, self.watch) as live:
            ending = live.run(place, {}, Limits(), unheard)
        self.go_on()
        executed = json.loads(place.read_text(encoding="utf-8"))
        contents = told_contents(executed)
        if label not in contents:
            error = error_in(executed, ending, self.graph)
            if error.ename == CameBackDifferent.__name__:
                raise _Different(frozenset(json.loads(error.evalue)))
            message = f"The state that the pipeline left cannot be thawed: {error.ename}: {error.evalue}."
            raise MlopsNbError(message, hint="This is a fault of mlops_nb; please report it.")
        return contents[label]

    def go_on(self) -> None:
        """Go on, unless somebody has ended this.

        Raises
        ------
        VerificationStopped
            When the watch was cancelled.
        """
        if self.watch.cancelled.is_set():
            message = f"The verification was stopped: {self.watch.why_cancelled}."
            raise VerificationStopped(message)


class _Different(Exception):  # noqa: N818 - the name of the fact
    """Variables whose values came back as something else."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(names)
        self.names = names


def unheard(what: str, cell: str) -> None:
    """Take no notice of a cell that starts or ends."""
    del what, cell


def tell_cell(label: str, numbers_to: str) -> dict[str, Any]:
    """Return the cell that tells what the kernel holds."""
    room = '__import__("mlops_nb.handover.witness", fromlist=["tell"])'
    return code_cell(f"{room}.tell({label!r}, {numbers_to!r})", f"{ADDED}-tell-{label}"[:64], tags=(ADDED,))


def told_contents(executed: Mapping[str, Any]) -> dict[str, Contents]:
    """Return what the cells of an executed notebook told, by label."""
    told = [
        output["data"][CONTENTS_MIME]
        for cell in executed["cells"]
        for output in cell.get("outputs", ())
        if CONTENTS_MIME in output.get("data", {})
    ]
    return {item["label"]: Contents.from_dict(item) for item in told}


def error_in(executed: Mapping[str, Any], ending: Ending, graph: StepGraph) -> StepError:
    """Return what ended an executed notebook before its last cell."""
    for cell in executed["cells"]:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error" and "raises-exception" not in cell["metadata"].get("tags", ()):
                trace = "\n".join(output.get("traceback", ()))
                number = place_of(graph, cell["id"])[1] or 0
                return StepError(cell["id"], number, output["ename"], output["evalue"], trace)
    begun = [cell for cell in executed["cells"] if cell["metadata"].get("papermill", {}).get("status") == "running"]
    cell_id = begun[-1]["id"] if begun else ""
    why = ending.ended or ending.crashed or "a cell ended the kernel"
    return StepError(cell_id, place_of(graph, cell_id)[1] or 0, "KernelEnded", why, "")


def place_of(graph: StepGraph, cell: str) -> tuple[str, int | None]:
    """Return the step of a cell and its number."""
    for step in graph.steps:
        for own in step.cells:
            if own.id == cell:
                return step.name, own.index + 1
    return "", None
