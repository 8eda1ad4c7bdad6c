"""What a gate demands of a model, as the step's settings say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_ROWS = 50
CHAMPION = "champion"


@dataclass(frozen=True)
class MetricRule:
    """What is demanded of one metric.

    Parameters
    ----------
    name
        The metric.
    at_least, at_most
        Bounds of its value, in its own unit.
    min_improvement, max_worse
        By how much it must be better than the champion's, or may be worse, in its own unit.
    min_improvement_percent, max_worse_percent
        The same in percent of the champion's value.
    beyond_noise
        The whole interval of the improvement must be more than what is demanded, and not its middle alone.
    """

    name: str
    at_least: float | None = None
    at_most: float | None = None
    min_improvement: float | None = None
    min_improvement_percent: float | None = None
    max_worse: float | None = None
    max_worse_percent: float | None = None
    beyond_noise: bool = False

    @property
    def compared(self) -> bool:
        """Whether the champion's value counts for it."""
        relative = (self.min_improvement, self.min_improvement_percent, self.max_worse, self.max_worse_percent)
        return self.beyond_noise or any(bound is not None for bound in relative)


@dataclass(frozen=True)
class SliceRule:
    """What is demanded of groups of rows, by the gate's first metric.

    Parameters
    ----------
    columns
        The columns to group by; each one alone, or several together.
    min_rows
        Smaller groups are not judged.
    at_least, at_most
        Bounds of the value in the worst group.
    max_worse, max_worse_percent
        By how much a group may be worse than with the champion; 0 when neither is told.
    max_spread
        How far the best and the worst group may be apart, in the metric's unit.
    """

    columns: tuple[tuple[str, ...], ...] = ()
    min_rows: int = MIN_ROWS
    at_least: float | None = None
    at_most: float | None = None
    max_worse: float | None = None
    max_worse_percent: float | None = None
    max_spread: float | None = None


@dataclass(frozen=True)
class Gate:
    """What must hold of a model before it may be promoted; the first metric leads.

    Parameters
    ----------
    metrics
        The rules, the leading metric's first.
    slices
        What is demanded of groups of rows.
    compare
        The alias of the version that the model is held against; empty for none.
    new_signature
        The model may take or give something else than the champion.
    memory_mb
        Most memory (MiB, resident) that loading the model and predicting its sample rows may take.
    promote
        A model that passes becomes the champion at once.
    """

    metrics: tuple[MetricRule, ...]
    slices: SliceRule = field(default_factory=SliceRule)
    compare: str = CHAMPION
    new_signature: bool = False
    memory_mb: int | None = None
    promote: bool = False

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return the gate that an output's validated `evaluate` setting describes."""
        slices = dict(told.get("slices", {}))
        # The one that leads comes first; of the others the order says nothing.
        order = sorted(told["metrics"], key=lambda name: name != told.get("leads"))
        columns = tuple((item,) if isinstance(item, str) else tuple(item) for item in slices.pop("columns", ()))
        return cls(
            tuple(MetricRule(name, **told["metrics"][name]) for name in order),
            SliceRule(columns, **slices),
            told.get("compare", CHAMPION),
            told.get("signature", "keep") == "change",
            told.get("memory_mb"),
            told.get("promote", "by hand") == "automatic",
        )
