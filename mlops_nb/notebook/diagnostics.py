"""Diagnostics are values: what is wrong with a notebook, where, and how to mend it.

The command line, CI annotations and JupyterLab all show the same ones. A code, once released, keeps its meaning;
`CODES` is the whole table, and docs/diagnostics.md explains each entry.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_nb.notebook.cells import Cell


class Severity(StrEnum):
    """How much a diagnostic weighs: an error refuses the run, the others only inform."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


CODES: dict[str, tuple[Severity, str]] = {
    # The file.
    "MN001": (Severity.ERROR, "the notebook's language is not Python"),
    "MN002": (Severity.ERROR, "the notebook has no code cell"),
    "MN003": (Severity.ERROR, "no cell is tagged as a step"),
    "MN004": (Severity.WARNING, "the file is in an old notebook format"),
    "MN005": (Severity.ERROR, "a code cell is not valid Python"),
    "MN006": (Severity.ERROR, "the notebook's kernel is not on this machine"),
    # Tags.
    "MN101": (Severity.ERROR, "a tag looks like one of ours but is not"),
    "MN102": (Severity.ERROR, "a step's name cannot be used"),
    "MN103": (Severity.ERROR, "`prev:` names a step that does not exist"),
    "MN104": (Severity.ERROR, "`prev:` asks for an order that the notebook does not have"),
    "MN105": (Severity.ERROR, "tags of one cell contradict each other"),
    "MN106": (Severity.NOTICE, "a step is continued after another one: it runs in parts, in the notebook's order"),
    "MN107": (Severity.WARNING, "a setting of Kale's has no meaning here and is kept for its export"),
    "MN108": (Severity.WARNING, "code stands before the first step"),
    "MN109": (Severity.ERROR, "two steps' names differ in case or punctuation only"),
    # Settings and parameters.
    "MN201": (Severity.ERROR, "a step's settings do not fit their schema"),
    "MN202": (Severity.ERROR, "two cells of a step set the same setting differently"),
    "MN203": (Severity.ERROR, "more than one cell is tagged as the parameters"),
    "MN204": (Severity.WARNING, "a parameter's default is not a plain value"),
    "MN205": (Severity.ERROR, "a parameter cell does more than assign"),
    "MN206": (Severity.ERROR, "a declared output is not defined by its step"),
    # Dataflow.
    "MN301": (Severity.ERROR, "a name is used that nothing before it defines"),
    "MN302": (Severity.NOTICE, "the names a step reads cannot be known: it takes the whole namespace"),
    "MN303": (Severity.ERROR, "a step uses what only a skipped or test cell defines"),
    "MN305": (Severity.NOTICE, "a value cannot leave its process: its steps share one kernel"),
    "MN306": (Severity.ERROR, "a value cannot be handed to the step that needs it"),
    # Steps of other notebooks and of packages.
    "MN401": (Severity.ERROR, "the notebook or package of an imported step is not there, or is of another version"),
    "MN402": (Severity.ERROR, "an imported step does not exist, or cannot stand alone"),
    "MN403": (Severity.ERROR, "an imported step is called with other names than it takes"),
    "MN404": (Severity.ERROR, "an imported step is given a value of another type than it takes"),
}


@dataclass(frozen=True)
class Diagnostic:
    """One finding: a code of `CODES`, its place (cell id, cell number and line from 1, variable) and its mend."""

    code: str
    message: str
    cell: str | None = None
    cell_number: int | None = None
    line: int | None = None
    variable: str | None = None
    step: str | None = None
    fix: str = ""

    @property
    def severity(self) -> Severity:
        """The severity that the table gives this code."""
        return CODES[self.code][0]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that every surface shows, the severity included."""
        return {"severity": self.severity.value, **asdict(self)}


def at(  # noqa: PLR0913 - one keyword per part of the place
    cell: Cell,
    code: str,
    message: str,
    *,
    fix: str = "",
    line: int | None = None,
    variable: str | None = None,
    step: str | None = None,
) -> Diagnostic:
    """Return a diagnostic placed at `cell`."""
    return Diagnostic(code, message, cell.id, cell.index + 1, line, variable, step, fix)


def has_errors(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> bool:
    """Say whether any of them refuses the run."""
    return any(found.severity is Severity.ERROR for found in diagnostics)
