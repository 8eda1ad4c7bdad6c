"""How good a model is: against fixed bounds, and against the champion on the very same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_nb.validation.metrics import LOOPED_TIMES, Answers, CannotMeasure, Metric, find_metric
from mlops_nb.validation.resampling import LEVEL, TIMES, Interval, interval, resampled
from mlops_nb.validation.verdict import Decision, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.validation.gate import Gate, MetricRule


def judge_metrics(  # noqa: PLR0913, PLR0917 - what is judged, by what
    subject: str,
    gate: Gate,
    answers: Answers,
    known: Mapping[str, Any],
    evidence: Mapping[str, Any],
    training: Answers | None = None,
) -> Verdict:
    """Hold each metric of a model against its bounds.

    Parameters
    ----------
    subject
        `MODEL VERSION`.
    gate
        What is demanded.
    answers
        The model's, on the evaluation data.
    known
        Metrics that the run measured itself: a name that is no metric here is looked up there.
    evidence
        What else the verdict is to keep: hashes of the model and of the data.
    training
        The model's answers on its training data: told beside those on the evaluation data.
    """
    findings: list[Finding] = []
    measured: dict[str, Any] = {}
    for rule in gate.metrics:
        metric = find_metric(rule.name)
        if metric is None and isinstance(known.get(rule.name), int | float):
            value, found = float(known[rule.name]), None
            measured[rule.name] = {"value": value, "from": "run"}
        elif metric is None:
            findings.append(_not_found(rule.name, known))
            continue
        else:
            try:
                value = metric.value(answers)
            except (CannotMeasure, ValueError, TypeError) as error:
                message = f"`{rule.name}` cannot be measured on the evaluation data: {error}."
                findings.append(Finding("METRIC_UNDEFINED", rule.name, message))
                continue
            samples = resampled(lambda w, m=metric: m.weighted(answers, w), len(answers), _times(metric))  # type: ignore[misc]
            found = interval(samples)
            measured[rule.name] = {"value": value, "direction": metric.direction, **_bounds(found)}
            if training is not None:
                measured[rule.name]["training"] = _or_none(metric, training)
        findings += _against_bounds(rule, value, found)
    decision: Decision = "refuse" if any(finding.severity == "error" for finding in findings) else "pass"
    return Verdict("model-metrics", subject, decision, tuple(findings), {**evidence, "metrics": measured})


def _not_found(name: str, known: Mapping[str, Any]) -> Finding:
    numbers = sorted(known)
    there = f"; the run has {', '.join(f'`{item}`' for item in numbers)}" if numbers else ""
    message = f"There is no metric `{name}`: neither one that can be computed, nor one that the run measured{there}."
    return Finding("METRIC_NOT_FOUND", name, message, details={"known": numbers})


def _against_bounds(rule: MetricRule, value: float, found: Interval | None) -> list[Finding]:
    told = f"`{rule.name}` is {value:.6g}" + (f" ({found})" if found else "")
    details = {"value": value, **_bounds(found)}
    findings = []
    if rule.at_least is not None and not value >= rule.at_least:
        message = f"{told}, and must be at least {rule.at_least:g}."
        findings.append(Finding("BELOW_THRESHOLD", rule.name, message, details={**details, "at_least": rule.at_least}))
    if rule.at_most is not None and not value <= rule.at_most:
        message = f"{told}, and must be at most {rule.at_most:g}."
        findings.append(Finding("ABOVE_THRESHOLD", rule.name, message, details={**details, "at_most": rule.at_most}))
    return findings


@dataclass(frozen=True)
class Change:
    """How one model differs from another by one metric; improvements are positive whatever direction is better.

    `percent` is of the baseline's size; None where that is 0.
    """

    metric: Metric
    candidate: float
    baseline: float
    improvement: float
    percent: float | None
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "candidate": self.candidate,
            "baseline": self.baseline,
            "direction": self.metric.direction,
            "improvement": self.improvement,
            "improvement_percent": self.percent,
            **_bounds(self.interval),
        }

    def least(self, absolute: float | None, percent: float | None) -> float:
        """Return a bound told in the metric's unit, in percent of the baseline or in both, in the metric's unit.

        Of a baseline of 0 no percentage is a number; the absolute part of the bound is what counts then.
        """
        told = [] if absolute is None else [absolute]
        if percent is not None:
            told.append(percent / 100.0 * abs(self.baseline))
        return max(told, default=0.0)

    @property
    def told(self) -> str:
        """The change in words."""
        better = "better" if self.improvement > 0 else "worse"
        size = "equal" if self.improvement == 0 else f"{abs(self.improvement):.4g} {better}"
        size += f" ({abs(self.percent):.3g} %)" if self.percent and self.improvement else ""
        within = f"; improvement {self.interval}, {self.interval.level:.3g} confidence" if self.interval else ""
        return f"{self.candidate:.6g} against {self.baseline:.6g}: {size}{within}"


def change_of(metric: Metric, candidate: Answers, baseline: Answers, level: float = LEVEL) -> Change:
    """Return how a candidate differs from a baseline on the same rows, with a paired bootstrap interval.

    Raises
    ------
    CannotMeasure
        When either has no value of the metric on these rows.
    """
    values = metric.value(candidate), metric.value(baseline)
    improvement = float(metric.improvement(*values))

    def improvements(weights: np.ndarray) -> np.ndarray:
        one, other = metric.weighted(candidate, weights), metric.weighted(baseline, weights)
        return np.asarray(metric.improvement(one, other))

    samples = resampled(improvements, len(candidate), _times(metric))
    percent = None if values[1] == 0 else 100.0 * improvement / abs(values[1])
    return Change(metric, *values, improvement, percent, interval(samples, level))


def judge_comparison(
    subject: str,
    gate: Gate,
    candidate: Answers,
    baseline: Answers | None,
    evidence: Mapping[str, Any],
) -> Verdict:
    """Hold a model against the one in use, on the same rows; equal is not better.

    Parameters
    ----------
    subject
        `MODEL VERSION`.
    gate
        What is demanded. The leading metric must always be better; others where their rules say so.
    candidate, baseline
        What each answered for the same rows; no baseline when no model is in use yet, and then nothing is demanded.
    evidence
        What else the verdict is to keep: hashes of the models and of the data.
    """
    if baseline is None:
        message = f"No version is `{gate.compare or 'compared with'}` yet: the bounds of the metrics alone decide."
        finding = Finding("NO_CHAMPION", gate.compare, message, "info")
        return Verdict("model-comparison", subject, "pass", (finding,), evidence)
    findings: list[Finding] = []
    changes: dict[str, Any] = {}
    for position, rule in enumerate(gate.metrics):
        metric = find_metric(rule.name)
        if metric is None:
            if rule.compared or position == 0:
                message = f"`{rule.name}` cannot be computed anew for the champion, so that nothing can be compared."
                findings.append(Finding("METRIC_NOT_FOUND", rule.name, message))
            continue
        try:
            change = change_of(metric, candidate, baseline)
        except (CannotMeasure, ValueError, TypeError) as error:
            message = f"`{rule.name}` cannot be compared on the evaluation data: {error}."
            severity = "error" if rule.compared or position == 0 else "info"
            findings.append(Finding("METRIC_UNDEFINED", rule.name, message, severity))  # type: ignore[arg-type]
            continue
        changes[rule.name] = change.to_json()
        findings.append(_compared(rule, change, leads=position == 0))
    decision: Decision = "refuse" if any(finding.severity == "error" for finding in findings) else "pass"
    ordered = sorted(findings, key=lambda finding: finding.severity != "error")
    return Verdict("model-comparison", subject, decision, tuple(ordered), {**evidence, "changes": changes})


def _compared(rule: MetricRule, change: Change, *, leads: bool) -> Finding:
    details = change.to_json()
    place = f"`{rule.name}` is {change.told}"
    may_lose = rule.max_worse is not None or rule.max_worse_percent is not None
    asked = rule.min_improvement is not None or rule.min_improvement_percent is not None
    if may_lose and not asked:
        # Where a rule says what may be lost, the metric need not gain.
        most = change.least(rule.max_worse, rule.max_worse_percent)
        if change.improvement < -most:
            message = f"{place}; at most {most:.4g} worse is allowed."
            return Finding("WORSE_THAN_CHAMPION", rule.name, message, details={**details, "allowed": most})
    elif leads or rule.compared:
        least = change.least(rule.min_improvement, rule.min_improvement_percent)
        if change.improvement == 0:
            message = f"{place}; a model that is no better is not promoted."
            return Finding("NOT_BETTER", rule.name, message, details=details)
        if change.improvement < 0:
            return Finding("WORSE_THAN_CHAMPION", rule.name, f"{place}.", details=details)
        if change.improvement < least:
            message = f"{place}; at least {least:.4g} better is asked for."
            return Finding("IMPROVEMENT_TOO_SMALL", rule.name, message, details={**details, "least": least})
        if rule.beyond_noise and (change.interval is None or change.interval.low <= least):
            message = f"{place}; the rows do not show that it is more than {least:.4g} better."
            return Finding("WITHIN_NOISE", rule.name, message, details={**details, "least": least})
    return Finding("COMPARED", rule.name, f"{place}.", "info", details)


def _times(metric: Metric) -> int:
    return LOOPED_TIMES if metric.looped else TIMES


def _bounds(found: Interval | None) -> dict[str, Any]:
    return {} if found is None else {"low": found.low, "high": found.high, "level": found.level}


def _or_none(metric: Metric, answers: Answers) -> float | None:
    try:
        return metric.value(answers)
    except (CannotMeasure, ValueError, TypeError):
        return None
