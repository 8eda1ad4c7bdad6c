"""What differs, and what is best: the columns of a comparison, computed from its items alone."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.metadata import better

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.widgets.choosing import Item

Direction = Literal["max", "min"]
# Words of a metric's name that say what it is, and not that more or less of it is better.
_NEITHER = frozenset({"bias", "count", "rows", "samples", "support", "threshold", "prevalence", "size"})
# A number that was computed in another order is the same number.
_SAME = 1e-12


@dataclass(frozen=True)
class Metric:
    """A metric of a comparison.

    Parameters
    ----------
    direction
        Which value is better; None where neither is.
    given
        Whether a person said so, or the name.
    best
        The ids of the items that have the best value; empty where all are equal or only one has it.
    """

    name: str
    direction: Direction | None
    given: bool
    best: frozenset[str]


def metrics_of(items: Sequence[Item], directions: Mapping[str, Direction | None] | None = None) -> tuple[Metric, ...]:
    """Return the metrics that any item has, in the order of recording, with the direction and the best of each.

    A number inside a scrap, `metrics.mae`, that has a short name of its own, `mae`, with the same values, is left out.

    Raises
    ------
    UsageError
        When a direction is none, or is of a metric that no item has, with the nearest.
    """
    told = directions or {}
    known = list(dict.fromkeys(name for item in items for name in item.metrics))
    for name, direction in told.items():
        if name not in known:
            message = f"No compared item has a metric `{name}`.{did_you_mean(name, known)}"
            raise UsageError(message, hint=f"The metrics are {', '.join(known)}." if known else "None has any metric.")
        if direction not in {"max", "min", None}:
            message = f"The direction of `{name}` is {direction!r}, and must be 'max', 'min' or None."
            raise UsageError(message, hint="'max': more is better; 'min': less is better; None: neither is.")
    names = [name for name in known if not _is_said_shorter(name, known, items)]
    return tuple(
        Metric(name, direction, name in told, best_of(items, name, direction))
        for name in names
        for direction in [told[name] if name in told else inferred(name)]
    )


def inferred(name: str) -> Direction | None:
    """Return which value of a metric is better as its name tells, and None where the name tells of neither."""
    return None if _NEITHER & set(re.split(r"[^a-z]+", name.lower())) else better(name)


def _is_said_shorter(name: str, known: Sequence[str], items: Sequence[Item]) -> bool:
    short = name.rpartition(".")[2]
    if short == name or short not in known:
        return False
    pairs = [(item.metrics.get(name), item.metrics.get(short)) for item in items]
    return all(one == other for one, other in pairs if one is not None)


def best_of(items: Sequence[Item], name: str, direction: Direction | None) -> frozenset[str]:
    """Return the ids of the items with the best value of a metric."""
    values = {item.id: item.metrics[name] for item in items if math.isfinite(item.metrics.get(name, math.nan))}
    if direction is None or len(values) < 2:  # noqa: PLR2004 - one alone is no best
        return frozenset()
    best = max(values.values()) if direction == "max" else min(values.values())
    found = {key for key, value in values.items() if math.isclose(value, best, rel_tol=_SAME, abs_tol=_SAME)}
    return frozenset() if len(found) == len(values) else frozenset(found)


def parameters_of(items: Sequence[Item]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of the parameters that differ, and those that are the same in all items, with their values.

    A parameter that some item does not have differs.
    """
    names = list(dict.fromkeys(name for item in items for name in item.parameters))
    differ: list[str] = []
    same: dict[str, Any] = {}
    for name in names:
        texts = {_text(item.parameters[name]) if name in item.parameters else None for item in items}
        if len(texts) > 1:
            differ.append(name)
        else:
            same[name] = items[0].parameters[name]
    return tuple(differ), same


def _text(value: Any) -> str:
    # 1 and True are equal in Python, and not the same value of a parameter.
    return json.dumps(value, sort_keys=True, default=str)
