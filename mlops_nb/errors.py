"""The errors a person reads: a stable code, the fact and its place, and the next act.

Every error that leaves a room is an `MlopsNbError`; the subclasses live beside whoever raises them. What the person
asked for wrongly (`UsageError`) is kept apart from what went wrong while doing it, because they end a command with
different exit codes.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class MlopsNbError(Exception):
    """Something failed, told as a fact and a next act.

    Parameters
    ----------
    message
        The fact and its place, one sentence.
    hint
        What to do next; empty when there is nothing to suggest.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the fact, and the next act on a line of its own."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(MlopsNbError):
    """What was asked for cannot be done as asked: a wrong name, value, file or notebook."""

    code = "usage"
    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean `x`?" for the nearest known name, or nothing when none is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean `{near[0]}`?" if near else ""
