"""How a model does on groups of rows: the worst group, how far groups are apart, and which lose by a new model.

Many groups are looked at, so each interval has the confidence `1 - 0.05 / groups` (Bonferroni): that any of them is
found worse by chance alone happens in at most one of twenty models.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_nb.validation.metrics import CannotMeasure, find_metric
from mlops_nb.validation.performance import change_of
from mlops_nb.validation.resampling import LEVEL, Interval, interval, resampled
from mlops_nb.validation.verdict import Decision, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from mlops_nb.validation.gate import Gate, SliceRule
    from mlops_nb.validation.metrics import Answers, Metric
    from mlops_nb.validation.performance import Change

# A number with more values than this is grouped by its quartiles.
MOST_VALUES = 20
_MISSING = "(missing)"


@dataclass(frozen=True)
class Slice:
    """A group of rows: its columns with their values, and which rows they are."""

    name: str
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def slices_of(table: pd.DataFrame, columns: tuple[str, ...]) -> Iterator[Slice]:
    """Yield the groups of a table by some of its columns, the largest first; missing values are a group.

    Raises
    ------
    KeyError
        When it has no such column.
    """
    keys = [_grouped(table[name]) for name in columns]
    found: dict[tuple[str, ...], list[int]] = {}
    for position, values in enumerate(zip(*keys, strict=True)):
        found.setdefault(values, []).append(position)
    for values, rows in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        yield Slice(" & ".join(f"{n}={v}" for n, v in zip(columns, values, strict=True)), np.asarray(rows))


def _grouped(column: Any) -> list[str]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MOST_VALUES:
        edges = np.unique(np.quantile(column.dropna(), [0.0, 0.25, 0.5, 0.75, 1.0]))
        places = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
        names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        return [_MISSING if gone else names[place] for place, gone in zip(places, column.isna(), strict=True)]
    return [_MISSING if gone else str(value) for value, gone in zip(column.tolist(), column.isna(), strict=True)]


def judge_slices(  # noqa: PLR0913, PLR0917 - what is judged, by what, against what
    subject: str,
    gate: Gate,
    table: pd.DataFrame,
    candidate: Answers,
    baseline: Answers | None,
    evidence: Mapping[str, Any],
) -> Verdict:
    """Judge a model by its leading metric on groups of rows, alone and against the champion.

    Parameters
    ----------
    subject
        `MODEL VERSION`.
    gate
        What is demanded of groups.
    table
        The evaluation data with the columns to group by, a row each answer.
    candidate, baseline
        What each model answered; no baseline when none is in use yet.
    evidence
        What else the verdict is to keep.
    """
    rule, name = gate.slices, gate.metrics[0].name
    metric = find_metric(name)
    findings: list[Finding] = []
    if metric is None:
        findings.append(Finding("METRIC_NOT_FOUND", name, f"`{name}` cannot be computed on groups of rows."))
        return Verdict("model-slices", subject, "refuse", tuple(findings), evidence)
    found: list[Slice] = []
    for columns in rule.columns:
        gone = [column for column in columns if column not in table.columns]
        if gone:
            message = f"The evaluation data has no column `{gone[0]}` to group by."
            findings.append(Finding("SLICE_COLUMN_MISSING", gone[0], message))
            continue
        groups = list(slices_of(table, columns))
        found += [group for group in groups if len(group) >= rule.min_rows]
        small = [group for group in groups if len(group) < rule.min_rows]
        if small:
            by, rows = " & ".join(columns), sum(map(len, small))
            message = f"{len(small)} groups by {by} with {rows} rows are smaller than {rule.min_rows}, and not judged."
            details = {"groups": [[group.name, len(group)] for group in small[:20]]}
            findings.append(Finding("SLICES_TOO_SMALL", by, message, "info", details))
    judged = [_Judged(group, metric, candidate, baseline, len(found)) for group in found]
    valued = [one for one in judged if one.value is not None]
    for one in judged:
        findings += one.findings(rule)
    findings += _spread(rule, metric, valued)
    decision: Decision = "refuse" if any(finding.severity == "error" for finding in findings) else "pass"
    ordered = sorted(findings, key=lambda finding: ("error", "warning", "info").index(finding.severity))
    told = {"metric": name, "direction": metric.direction, "slices": [one.to_json() for one in judged]}
    return Verdict("model-slices", subject, decision, tuple(ordered), {**evidence, **told})


class _Judged:
    """A group of rows with the metric's value there, and the change from the champion's."""

    def __init__(self, group: Slice, metric: Metric, candidate: Answers, baseline: Answers | None, groups: int) -> None:
        self.group, self.metric = group, metric
        self.value: float | None = None
        self.interval: Interval | None = None
        self.change: Change | None = None
        self.why = ""
        level = 1.0 - (1.0 - LEVEL) / groups
        own = candidate.rows(group.rows)
        try:
            self.value = metric.value(own)
            self.interval = interval(resampled(lambda w: metric.weighted(own, w), len(own)), level)
            if baseline is not None:
                self.change = change_of(metric, own, baseline.rows(group.rows), level)
        except (CannotMeasure, ValueError, TypeError) as error:
            self.why = str(error)

    def to_json(self) -> dict[str, Any]:
        bounds = {} if self.interval is None else {"low": self.interval.low, "high": self.interval.high}
        told = {"slice": self.group.name, "rows": len(self.group), "value": self.value, **bounds}
        return told if self.change is None else {**told, "change": self.change.to_json()}

    def findings(self, rule: SliceRule) -> Iterator[Finding]:
        name, rows = self.group.name, len(self.group)
        if self.value is None:
            message = f"{name} ({rows} rows): the metric cannot be measured, {self.why}."
            yield Finding("SLICE_NOT_JUDGED", name, message, "info", {"rows": rows})
            return
        within = f" ({self.interval})" if self.interval else ""
        place = f"{name} ({rows} rows): `{self.metric.name}` is {self.value:.4g}{within}"
        if rule.at_least is not None and self.value < rule.at_least:
            message = f"{place}, and must be at least {rule.at_least:g} in every group."
            yield Finding("SLICE_BELOW_THRESHOLD", name, message, details=self.to_json())
        if rule.at_most is not None and self.value > rule.at_most:
            message = f"{place}, and must be at most {rule.at_most:g} in every group."
            yield Finding("SLICE_ABOVE_THRESHOLD", name, message, details=self.to_json())
        change = self.change
        if change is None:
            return
        allowed = change.least(rule.max_worse, rule.max_worse_percent)
        if change.improvement >= -allowed:
            return
        told = f"{name} ({rows} rows): `{self.metric.name}` is {change.told}; at most {allowed:.4g} worse is allowed"
        if change.interval is not None and change.interval.high < -allowed:
            yield Finding("SLICE_WORSE", name, f"{told}.", details=self.to_json())
        else:
            yield Finding("SLICE_MAYBE_WORSE", name, f"{told}, and this may be chance.", "warning", self.to_json())


def _spread(rule: SliceRule, metric: Metric, judged: list[_Judged]) -> Iterator[Finding]:
    if len(judged) < 2:  # noqa: PLR2004 - one group is no spread
        return
    order = sorted(judged, key=lambda one: one.value or 0.0, reverse=metric.higher_is_better)
    best, worst = order[0], order[-1]
    spread = abs((best.value or 0.0) - (worst.value or 0.0))
    within = f" ({worst.interval})" if worst.interval else ""
    message = (
        f"The worst group is {worst.group.name} ({len(worst.group)} rows): `{metric.name}` {worst.value:.4g}{within}; "
        f"the best is {best.group.name} ({len(best.group)} rows): {best.value:.4g}. They are {spread:.4g} apart"
    )
    details = {"worst": worst.to_json(), "best": best.to_json(), "spread": spread}
    if rule.max_spread is not None and spread > rule.max_spread:
        message += f", and may be {rule.max_spread:g} apart."
        yield Finding("SLICE_SPREAD", worst.group.name, message, details=details)
    else:
        yield Finding("WORST_SLICE", worst.group.name, f"{message}.", "info", details)
