"""What a verification answers: whether pipeline and notebook compute the same, and where they first do not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata import StepError
    from mlops_nb.notebook import Diagnostic


class Verdict(StrEnum):
    """How a verification ended."""

    IDENTICAL = "identical"
    CLOSE = "equal within tolerance"
    PARTLY = "equal as far as it can be compared"
    DIFFERENT = "different"
    REFUSED = "refused"
    BROKEN = "broken in itself"


@dataclass(frozen=True)
class Difference:
    """One thing that two runs do not agree on.

    Attributes
    ----------
    what
        `variable`, `sharing` (which variables hold one object), `random stream`, `output`, `figure`, `file` or
        `error`.
    name
        The variable, the part of the output (`stdout`, `text/plain`), the file.
    one, other
        What the whole notebook has and what the other run has, in a few words.
    run
        The other run: `chain`, `parallel`, or `again` for the notebook compared with itself.
    step, cell, cell_number
        Where it shows first; a cell's number counts from 1 as JupyterLab does.
    close
        It is within the tolerance.
    """

    what: str
    name: str
    one: str
    other: str
    run: str = ""
    step: str = ""
    cell: str = ""
    cell_number: int | None = None
    close: bool = False

    @property
    def place(self) -> str:
        """Where it is, as messages name it."""
        parts = [f"step `{self.step}`" if self.step else "", f"cell {self.cell_number}" if self.cell_number else ""]
        return ", ".join(part for part in parts if part)

    @property
    def message(self) -> str:
        """The difference as a sentence."""
        place = f"{self.place}: " if self.place else ""
        names = {"variable": f"`{self.name}`", "output": self.name, "figure": f"the figure ({self.name})"}
        subject = names.get(self.what, f"{self.what} {self.name}".strip())
        return f"{place}{subject} is {self.one} in the notebook and {self.other} in the {_RUNS.get(self.run, self.run)}"


_RUNS = {
    "chain": "pipeline",
    "parallel": "pipeline with its steps in parallel",
    "again": "same notebook run again",
}


@dataclass(frozen=True)
class Verification:
    """The answer.

    Attributes
    ----------
    notebook
        Its path.
    verdict
        How it ended.
    differences
        What the pipeline has otherwise than the notebook, the first place first.
    unstable
        What differs between two runs of the whole notebook, and so is not held against the pipeline.
    not_compared
        Variables whose content nobody can read or that cannot leave their process, with the reason.
    diagnostics
        What refuses the pipeline.
    error
        What the notebook itself raises.
    compared
        How many variables, outputs and figures were compared.
    seconds
        Of the whole notebook and of the pipeline, as a chain and in parallel.
    """

    notebook: str
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    unstable: tuple[Difference, ...] = ()
    not_compared: Mapping[str, str] = field(default_factory=dict, hash=False)
    diagnostics: tuple[Diagnostic, ...] = ()
    error: StepError | None = None
    compared: Mapping[str, int] = field(default_factory=dict, hash=False)
    seconds: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def exit_code(self) -> int:
        """0 when the pipeline computes what the notebook does, 2 when it was refused, 1 otherwise."""
        return {Verdict.IDENTICAL: 0, Verdict.CLOSE: 0, Verdict.PARTLY: 0, Verdict.REFUSED: 2}.get(self.verdict, 1)

    @property
    def reason(self) -> str:
        """The verdict's reason as a sentence; empty when there is nothing to say."""
        if self.verdict is Verdict.BROKEN and self.error is not None:
            number = self.error.cell_number
            return f"{f'cell {number} raises ' if number else ''}{self.error.ename}: {self.error.evalue}"
        if self.verdict is Verdict.REFUSED:
            errors = [found for found in self.diagnostics if found.severity.value == "error"]
            return f"{errors[0].code}: {errors[0].message}" if errors else ""
        return self.differences[0].message if self.differences else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "notebook": self.notebook,
            "verdict": self.verdict.value,
            "equal": self.exit_code == 0,
            "reason": self.reason,
            "differences": [{**asdict(item), "message": item.message} for item in self.differences],
            "unstable": [{**asdict(item), "message": item.message} for item in self.unstable],
            "not_compared": dict(self.not_compared),
            "diagnostics": [found.as_dict() for found in self.diagnostics],
            "error": asdict(self.error) if self.error else None,
            "compared": dict(self.compared),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }
