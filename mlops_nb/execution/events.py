"""What happens during a run, told as it happens: the terminal and JupyterLab show the same events."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RunEvent:
    """One event of a run.

    `kind` is one of `run-started`, `step-started`, `cell-started`, `cell-done`, `step-done`, `run-done`, `notice`.
    `cell` and `cells` count the user's own cells of the step, from 1.
    """

    kind: str
    run: str
    step: str = ""
    status: str = ""
    text: str = ""
    cell: int = 0
    cells: int = 0
    seconds: float | None = None
    expected_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in {"", 0, None}}


def silent(event: RunEvent) -> None:
    """Listen to nothing."""
    del event
