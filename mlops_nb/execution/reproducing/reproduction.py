"""What a reproduction answers: whether a past run came out again, where it first did not, and the likely cause."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.verifying.verification import Difference, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.snapshot import EnvironmentChange

# Numbers may be so far apart, relative to the largest of their variable: some hundred roundings of a float64.
TOLERANCE = 1e-12


class CannotReproduce(MlopsNbError):  # noqa: N818 - the name of the fact
    """A run cannot be run again as it was: something that it stood on is gone."""

    code = "cannot-reproduce"
    exit_code = 2


@dataclass(frozen=True)
class Cause:
    """Why a run came out otherwise, as far as that can be told.

    `kind` is `data`, `code`, `package`, `python`, `hardware`, `variable` (of the environment), `random`, `order` or
    `unknown`; `certain` when an experiment showed it, rather than that it is the only thing known to differ.
    """

    kind: str
    text: str
    certain: bool = False


@dataclass(frozen=True)
class Reproduction:
    """The answer.

    Attributes
    ----------
    run
        The run that was reproduced.
    verdict
        `identical`, `equal within tolerance`, `equal as far as it can be compared`, or `different`.
    differences
        What came out otherwise, the first place first; `one` is the past run, `other` the reproduction.
    unstable
        Outputs of cells that differ between two reproductions too (times, addresses): not held against it.
    causes
        Why, the likeliest first; empty when nothing differs.
    environment
        How this environment differs from that of the run.
    not_compared
        Variables, outputs and files that could not be compared, with the reason.
    compared
        How many steps, variables, outputs and artifacts were compared.
    tolerance
        How far numbers may be apart, relative to the largest of their variable.
    seconds
        How long the run took then and now.
    """

    run: str
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    unstable: tuple[Difference, ...] = ()
    causes: tuple[Cause, ...] = ()
    environment: tuple[EnvironmentChange, ...] = ()
    not_compared: Mapping[str, str] = field(default_factory=dict, hash=False)
    compared: Mapping[str, int] = field(default_factory=dict, hash=False)
    tolerance: float = TOLERANCE
    seconds: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def exit_code(self) -> int:
        """0 when it came out again, 1 when it did not."""
        return 1 if self.verdict is Verdict.DIFFERENT else 0

    @property
    def first(self) -> Difference | None:
        """The first difference that counts."""
        return next((item for item in self.differences if not item.close), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "run": self.run,
            "verdict": self.verdict.value,
            "reproduced": self.exit_code == 0,
            "first": told(self.first) if self.first else None,
            "differences": [told(item) for item in self.differences],
            "unstable": [told(item) for item in self.unstable],
            "causes": [asdict(cause) for cause in self.causes],
            "environment": [{**asdict(change), "message": change.message} for change in self.environment],
            "not_compared": dict(self.not_compared),
            "compared": dict(self.compared),
            "tolerance": {"numbers": self.tolerance, "of": "the largest of their variable", "pixels": "2 of 255"},
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def told(item: Difference) -> dict[str, Any]:
    """Return a difference as JSON, with its sentence."""
    return {**asdict(item), "message": sentence(item)}


def sentence(item: Difference) -> str:
    """Return a difference as a sentence."""
    place = f"{item.place}: " if item.place else ""
    names = {"variable": f"`{item.name}`", "output": item.name, "figure": f"the figure ({item.name})"}
    subject = names.get(item.what, f"{item.what} {item.name}".strip())
    return f"{place}{subject} was {item.one} and is {item.other}"
