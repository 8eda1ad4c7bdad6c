"""What a search tries: values and ranges of parameters, and the trials that a grid or a random choice makes of them."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.steps.literals import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.steps import StepGraph

Direction = Literal["min", "max"]
# Of a range without whole numbers, where nobody says how many.
_RANDOM_TRIALS = 20
# A random choice among few values meets the same ones again and again.
_DRAWS = 50


class SearchError(UsageError):
    """A search cannot be made as asked."""

    code = "search"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones when both are; with `log`, each magnitude as likely."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Say whether it is one of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, source: random.Random) -> float:
        """Return a number of the range."""
        if self.log:
            # Half a number further at both ends, so that the first and the last are as likely as their share.
            wide = 0.5 if self.whole else 0.0
            drawn = math.exp(source.uniform(math.log(self.low - wide), math.log(self.high + wide)))
            return min(max(round(drawn), int(self.low)), int(self.high)) if self.whole else drawn
        return source.randint(int(self.low), int(self.high)) if self.whole else source.uniform(self.low, self.high)


@dataclass(frozen=True)
class Search:
    """A search as asked for.

    Parameters
    ----------
    space
        For each parameter the values to try, or a range.
    metric, direction
        Which metric decides, and whether the smallest or the largest is best.
    method
        `grid`: all combinations; `random`: so many, drawn with `seed`.
    trials
        How many at most; None for all of a grid, and 20 of a random choice.
    patience
        Ends the search after so many trials in a row that were not better; None for never.
    stop_by
        A metric of an early step: a trial that is worse by it than the median of the earlier ones ends there.
    """

    space: Mapping[str, tuple[Any, ...] | Range] = field(hash=False)
    metric: str
    direction: Direction = "min"
    method: Literal["grid", "random"] = "grid"
    trials: int | None = None
    seed: int = 0
    patience: int | None = None
    stop_by: str = ""

    def choices(self) -> tuple[dict[str, Any], ...]:
        """Return the parameters of each trial, in their order; no two are equal.

        Raises
        ------
        SearchError
            When a grid is to have all numbers of a range.
        """
        if self.method == "grid":
            return tuple(itertools.islice(self._grid(), self.trials))
        return tuple(self._drawn())

    def better(self, value: float, than: float) -> bool:
        """Say whether a value of the metric is better than another."""
        return value < than if self.direction == "min" else value > than

    def to_json(self) -> dict[str, Any]:
        """Return the search as JSON."""
        space = {
            name: {"low": given.low, "high": given.high, "log": given.log}
            if isinstance(given, Range)
            else [as_json(value) for value in given]
            for name, given in self.space.items()
        }
        more = {"direction": self.direction, "method": self.method, "trials": self.trials, "seed": self.seed}
        return {"parameters": space, "metric": self.metric, **more, "patience": self.patience, "stop_by": self.stop_by}

    def _grid(self) -> Iterator[dict[str, Any]]:
        columns = []
        for name, given in self.space.items():
            if isinstance(given, Range) and not given.whole:
                message = f"A grid cannot have every number of `{name}` from {given.low:g} to {given.high:g}."
                raise SearchError(message, hint='List the values, or take the method "random".')
            columns.append(range(int(given.low), int(given.high) + 1) if isinstance(given, Range) else given)
        for values in itertools.product(*columns):
            yield dict(zip(self.space, values, strict=True))

    def _drawn(self) -> Iterator[dict[str, Any]]:
        source = random.Random(self.seed)  # noqa: S311 - a choice to be repeated, no secret
        wanted = self.trials or _RANDOM_TRIALS
        seen: set[str] = set()
        for _ in range(wanted * _DRAWS):
            drawn = {
                name: given.draw(source) if isinstance(given, Range) else source.choice(given)
                for name, given in self.space.items()
            }
            if repr(drawn) not in seen:
                seen.add(repr(drawn))
                yield drawn
            if len(seen) == wanted:
                return


def declared_search(graph: StepGraph) -> Mapping[str, Any]:
    """Return the search that the notebook's settings ask for; empty when there is none."""
    return next((step.settings.search for step in graph.steps if step.settings.search), {})


def search_from(given: Mapping[str, Any], graph: StepGraph) -> Search:
    """Return the search that settings ask for.

    Raises
    ------
    SearchError
        When a parameter is not declared, a range is none, or something that a search needs is not there.
    """
    known = [parameter.name for parameter in graph.parameters]
    space: dict[str, tuple[Any, ...] | Range] = {}
    for name, values in given.get("parameters", {}).items():
        if name not in known:
            message = f"The notebook has no parameter `{name}` to search.{did_you_mean(name, known)}"
            raise SearchError(message, hint=f"Its parameters are {', '.join(known) or 'none'}.")
        space[name] = _range(name, values) if isinstance(values, dict) else tuple(values)
    if not space:
        message = "No parameter is given values to try."
        raise SearchError(message, hint="Write --grid NAME=VALUE,VALUE, or `search` in the parameter cell's settings.")
    if not given.get("metric"):
        message = "No metric is named that decides which trial is best."
        raise SearchError(message, hint="Write --metric NAME; a cell tagged `pipeline-metrics` measures them.")
    options = {name: value for name, value in given.items() if name != "parameters" and value is not None}
    return Search(space, **options)


def _range(name: str, given: Mapping[str, Any]) -> Range:
    made = Range(given["low"], given["high"], bool(given.get("log", False)))
    if not made.low < made.high or (made.log and made.low <= 0):
        message = (
            f"The range of `{name}`, {made.low:g} to {made.high:g}, is none{' on a logarithmic scale' * made.log}."
        )
        raise SearchError(message, hint="The low end is below the high one, and above 0 on a logarithmic scale.")
    return made
