"""Metrics by name: what each is computed from, which direction is better, and its value under many weightings at once.

A metric takes a matrix of weights, one row a weighting of the rows that are scored, and answers with one value each.
Weights of one give the metric itself, the counts of a bootstrap sample its value on that sample, and all samples cost
a few matrix products instead of a loop. Names and definitions are scikit-learn's (`sklearn.metrics`), the weighted
forms as its `sample_weight` has them; a scorer of scikit-learn that is not among ours is computed in a loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Values = np.ndarray
# Probabilities closer to 0 or 1 than this are taken for this: one sure mistake would be an infinite loss.
_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
# Where weights under bootstrap are tried one after the other.
LOOPED_TIMES = 200


@dataclass(frozen=True)
class Answers:
    """What a model answered for rows whose truth is known.

    Parameters
    ----------
    actual
        The truth, shape (n,).
    predicted
        What `predict` gave, shape (n,).
    probability
        What `predict_proba` gave, shape (n, classes); None for a model without.
    classes
        The classes in the order of the probabilities; the second of two is the one that is looked for.
    """

    actual: Values = field(repr=False)
    predicted: Values = field(repr=False)
    probability: Values | None = field(default=None, repr=False)
    classes: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.actual)

    def rows(self, chosen: Values) -> Answers:
        """Return the answers for some of the rows: a mask or positions."""
        probability = None if self.probability is None else self.probability[chosen]
        return Answers(self.actual[chosen], self.predicted[chosen], probability, self.classes)

    @property
    def positive(self) -> Values:
        """Which rows are truly of the class that is looked for, as 0.0 and 1.0, shape (n,)."""
        if len(self.classes) > 2:  # noqa: PLR2004 - a yes and a no
            message = "it is for two classes"
            raise CannotMeasure(message)
        wanted = self.classes[-1] if self.classes else np.max(self.actual)
        return np.asarray(self.actual == wanted, dtype=float)

    @property
    def score(self) -> Values:
        """The probability of the class that is looked for, shape (n,)."""
        if self.probability is None:
            message = "the model has no `predict_proba`"
            raise CannotMeasure(message)
        return np.asarray(self.probability[:, -1], dtype=float)

    @property
    def said(self) -> Values:
        """Which rows are predicted to be of the class that is looked for, as 0.0 and 1.0, shape (n,)."""
        wanted = self.classes[-1] if self.classes else np.max(self.actual)
        return np.asarray(self.predicted == wanted, dtype=float)

    @property
    def error(self) -> Values:
        """What was predicted less what was true, shape (n,)."""
        difference: Values = np.asarray(self.predicted, dtype=float) - np.asarray(self.actual, dtype=float)
        return difference


class CannotMeasure(ValueError):  # noqa: N818 - the name of the fact
    """A metric has no value for these answers, for a reason that can be said."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    `weighted` takes answers for n rows and weights, shape (m, n), and gives m values; NaN where there is none.
    `looped` says that many weightings are dear.
    """

    name: str
    higher_is_better: bool
    weighted: Callable[[Answers, Values], Values] = field(repr=False)
    looped: bool = False

    @property
    def direction(self) -> Literal["higher", "lower"]:
        """Which values are better, in a word."""
        return "higher" if self.higher_is_better else "lower"

    def value(self, answers: Answers) -> float:
        """Return its value.

        Raises
        ------
        CannotMeasure
            When these answers have none.
        """
        found = float(self.weighted(answers, np.ones((1, len(answers))))[0])
        if np.isnan(found):
            message = "these rows give it no value"
            raise CannotMeasure(message)
        return found

    def improvement(self, candidate: Any, baseline: Any) -> Any:
        """Return by how much a value is better than another, in the metric's own unit; negative where it is worse."""
        return candidate - baseline if self.higher_is_better else baseline - candidate


def find_metric(name: str) -> Metric | None:
    """Return the metric of a name, ours or a scorer of scikit-learn; None when there is none."""
    if name in METRICS:
        return METRICS[name]
    if name.startswith("neg_") and _SKLEARN.get(name[4:], name[4:]) in METRICS:
        return _negated(name, METRICS[_SKLEARN.get(name[4:], name[4:])])
    return METRICS[_SKLEARN[name]] if name in _SKLEARN else _of_sklearn(name)


def _negated(name: str, metric: Metric) -> Metric:
    return Metric(name, not metric.higher_is_better, lambda answers, weights: -metric.weighted(answers, weights))


def _of_sklearn(name: str) -> Metric | None:
    from sklearn.metrics import get_scorer, get_scorer_names

    if name not in get_scorer_names():
        return None
    scorer = get_scorer(name)
    # What a scorer is made of has no public door; without it each sample would ask the model again.
    score, options, sign = scorer._score_func, scorer._kwargs, scorer._sign  # noqa: SLF001
    if scorer._response_method != "predict":  # noqa: SLF001
        return None

    def weighted(answers: Answers, weights: Values) -> Values:
        found = []
        for row in weights:
            drawn = np.repeat(np.arange(len(answers)), row.astype(int))
            found.append(sign * score(answers.actual[drawn], answers.predicted[drawn], **options))
        return np.asarray(found, dtype=float)

    return Metric(name, higher_is_better=True, weighted=weighted, looped=True)


def _mean(values: Values, weights: Values) -> Values:
    return _ratio(weights @ values, weights.sum(axis=1))


def _ratio(above: Values, below: Values) -> Values:
    found: Values = np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
    return found


def _r2(answers: Answers, weights: Values) -> Values:
    actual = np.asarray(answers.actual, dtype=float)
    # Around one fixed value first: the difference of two large sums would lose digits.
    actual = actual - actual.mean()
    total = weights.sum(axis=1)
    spread = weights @ actual**2 - _ratio((weights @ actual) ** 2, total)
    found: Values = 1.0 - _ratio(weights @ answers.error**2, spread)
    return found


def _percentage(answers: Answers, weights: Values) -> Values:
    size = np.abs(np.asarray(answers.actual, dtype=float))
    return _mean(np.abs(answers.error) / np.maximum(size, _LEAST_PROBABILITY), weights)


def _precision(answers: Answers, weights: Values) -> Values:
    said = answers.said
    return _ratio(weights @ (said * answers.positive), weights @ said)


def _recall(answers: Answers, weights: Values) -> Values:
    positive = answers.positive
    return _ratio(weights @ (answers.said * positive), weights @ positive)


def _f1(answers: Answers, weights: Values) -> Values:
    said, positive = answers.said, answers.positive
    return _ratio(2.0 * (weights @ (said * positive)), weights @ (said + positive))


def _balanced(answers: Answers, weights: Values) -> Values:
    right = (answers.predicted == answers.actual).astype(float)
    recalls = []
    for one in answers.classes or np.unique(answers.actual):
        of_class = (answers.actual == one).astype(float)
        recalls.append(_ratio(weights @ (right * of_class), weights @ of_class))
    # A sample without a class says nothing of that class.
    found = np.asarray(recalls)
    there = ~np.isnan(found)
    return _ratio(np.where(there, found, 0.0).sum(axis=0), there.sum(axis=0).astype(float))


def _log_loss(answers: Answers, weights: Values) -> Values:
    if answers.probability is None:
        message = "the model has no `predict_proba`"
        raise CannotMeasure(message)
    given = answers.probability / answers.probability.sum(axis=1, keepdims=True)
    place = {one: position for position, one in enumerate(answers.classes)}
    unknown = [one for one in np.unique(answers.actual).tolist() if one not in place]
    if unknown:
        message = f"the model does not know the class {unknown[0]!r}"
        raise CannotMeasure(message)
    of_truth = given[np.arange(len(answers)), [place[one] for one in answers.actual.tolist()]]
    return _mean(-np.log(np.clip(of_truth, _LEAST_PROBABILITY, 1.0)), weights)


def _sorted_by_score(answers: Answers, weights: Values) -> tuple[Values, Values, Values]:
    """Return summed weights of found and of other rows down the ranking, and where a run of equal scores ends."""
    score = answers.score
    order = np.argsort(-score, kind="stable")
    positive = answers.positive[order]
    ordered = weights[:, order]
    ends = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]
    found = np.cumsum(ordered * positive, axis=1)[:, ends]
    other = np.cumsum(ordered * (1.0 - positive), axis=1)[:, ends]
    return found, other, ends


def _roc_auc(answers: Answers, weights: Values) -> Values:
    found, other, _ = _sorted_by_score(answers, weights)
    steps = np.diff(other, axis=1, prepend=0.0)
    before = np.c_[np.zeros(len(found)), found[:, :-1]]
    area = (steps * (found + before) / 2.0).sum(axis=1)
    return _ratio(area, found[:, -1] * other[:, -1])


def _average_precision(answers: Answers, weights: Values) -> Values:
    found, other, _ = _sorted_by_score(answers, weights)
    seen = found + other
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return _ratio((np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1), found[:, -1])


def _right(answers: Answers, weights: Values) -> Values:
    return _mean((answers.predicted == answers.actual).astype(float), weights)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mae", False, lambda a, w: _mean(np.abs(a.error), w)),  # noqa: FBT003 - a table
        Metric("mse", False, lambda a, w: _mean(a.error**2, w)),  # noqa: FBT003
        Metric("rmse", False, lambda a, w: np.sqrt(_mean(a.error**2, w))),  # noqa: FBT003
        Metric("mape", False, _percentage),  # noqa: FBT003
        Metric("r2", True, _r2),  # noqa: FBT003
        Metric("accuracy", True, _right),  # noqa: FBT003
        Metric("balanced_accuracy", True, _balanced),  # noqa: FBT003
        Metric("precision", True, _precision),  # noqa: FBT003
        Metric("recall", True, _recall),  # noqa: FBT003
        Metric("f1", True, _f1),  # noqa: FBT003
        Metric("log_loss", False, _log_loss),  # noqa: FBT003
        Metric("brier", False, lambda a, w: _mean((a.score - a.positive) ** 2, w)),  # noqa: FBT003
        Metric("roc_auc", True, _roc_auc),  # noqa: FBT003
        Metric("average_precision", True, _average_precision),  # noqa: FBT003
    )
}
_SKLEARN = {
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "mean_absolute_percentage_error": "mape",
    "brier_score": "brier",
}
