"""Metrics under many weightings at once are scikit-learn's metrics, one weighting at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_nb.validation.metrics import METRICS, Answers, CannotMeasure, find_metric
from mlops_nb.validation.resampling import draws, interval, resampled

if TYPE_CHECKING:
    from collections.abc import Callable

STREAM = np.random.default_rng(7)
ROWS = 300
TRUTH = STREAM.integers(2, size=ROWS)
# Rounded, so that many rows have one score: ties are where rankings go wrong.
CHANCE = np.round(np.clip(0.35 * TRUTH + STREAM.normal(0.3, 0.25, ROWS), 0.01, 0.99), 1)
BINARY = Answers(TRUTH, (CHANCE > 0.5).astype(int), np.c_[1 - CHANCE, CHANCE], (0, 1))
NUMBERS = Answers(STREAM.normal(100, 5, ROWS), STREAM.normal(100, 6, ROWS))
WEIGHTS = np.vstack([np.ones(ROWS), *draws(ROWS, 4, seed=3)])

SKLEARN: dict[str, Callable[..., float]] = {
    "mae": sk.mean_absolute_error,
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "mape": sk.mean_absolute_percentage_error,
    "r2": sk.r2_score,
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
}
OF_PROBABILITY = {"log_loss", "brier", "roc_auc", "average_precision"}
OF_NUMBERS = {"mae", "mse", "rmse", "mape", "r2"}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_what_scikit_learn_computes_for_each_weighting(name: str) -> None:
    answers = NUMBERS if name in OF_NUMBERS else BINARY
    given: Any = CHANCE if name in OF_PROBABILITY else answers.predicted
    expected = [SKLEARN[name](answers.actual, given, sample_weight=row) for row in WEIGHTS]
    np.testing.assert_allclose(METRICS[name].weighted(answers, WEIGHTS), expected, rtol=1e-9)
    assert METRICS[name].value(answers) == pytest.approx(expected[0], rel=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_the_direction_is_that_of_a_model_that_is_right(name: str) -> None:
    answers = NUMBERS if name in OF_NUMBERS else BINARY
    right = Answers(answers.actual, answers.actual, None if name in OF_NUMBERS else np.eye(2)[TRUTH], answers.classes)
    metric = METRICS[name]
    assert metric.improvement(metric.value(right), metric.value(answers)) > 0


def test_names_of_scikit_learns_scorers_are_known_and_the_negated_ones_point_upwards() -> None:
    found = find_metric("neg_mean_absolute_error")
    assert found is not None
    assert found.higher_is_better
    assert found.value(NUMBERS) == -METRICS["mae"].value(NUMBERS)
    looped = find_metric("neg_median_absolute_error")
    assert looped is not None
    assert looped.value(NUMBERS) == pytest.approx(-sk.median_absolute_error(NUMBERS.actual, NUMBERS.predicted))
    jaccard = find_metric("jaccard")
    assert jaccard is not None
    assert len(jaccard.weighted(BINARY, WEIGHTS)) == len(WEIGHTS)
    assert find_metric("accuraccy") is None


def test_more_than_two_classes_have_a_loss_and_an_accuracy_but_no_ranking() -> None:
    truth = np.array(["red", "green", "blue", "green"], dtype=object)
    given = np.array([[0.1, 0.2, 0.7], [0.2, 0.6, 0.2], [0.8, 0.1, 0.1], [0.3, 0.3, 0.4]])
    answers = Answers(truth, np.array(["red", "green", "blue", "red"], dtype=object), given, ("blue", "green", "red"))
    assert METRICS["log_loss"].value(answers) == pytest.approx(sk.log_loss(truth, given))
    assert METRICS["accuracy"].value(answers) == 0.75
    with pytest.raises(CannotMeasure, match="two classes"):
        METRICS["roc_auc"].value(answers)
    strange = Answers(np.array(["white"], dtype=object), answers.predicted[:1], given[:1], answers.classes)
    with pytest.raises(CannotMeasure, match="does not know the class 'white'"):
        METRICS["log_loss"].value(strange)


def test_a_metric_without_a_value_says_so() -> None:
    alone = Answers(np.ones(5, int), np.ones(5, int), np.full((5, 2), 0.5), (0, 1))
    with pytest.raises(CannotMeasure, match="no value"):
        METRICS["roc_auc"].value(alone)
    with pytest.raises(CannotMeasure, match="predict_proba"):
        METRICS["brier"].value(Answers(TRUTH, TRUTH, None, (0, 1)))


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(200):
        rows = np.random.default_rng(seed).normal(3.0, 1.0, 80)
        samples = resampled(lambda w, r=rows: (w @ r) / w.sum(axis=1), len(rows), 400)  # type: ignore[misc]
        found = interval(samples)
        assert found is not None
        inside += found.low <= 3.0 <= found.high
    # Of 200 intervals at 95 %, 190 are expected; percentile intervals of 80 rows are a little narrow.
    assert 180 <= inside <= 198


def test_each_sample_draws_as_many_rows_as_there_are_and_the_seed_decides() -> None:
    samples = np.vstack(list(draws(50, 7, seed=1)))
    assert samples.shape == (7, 50)
    assert (samples.sum(axis=1) == 50).all()
    assert np.array_equal(samples, np.vstack(list(draws(50, 7, seed=1))))
    assert not np.array_equal(samples, np.vstack(list(draws(50, 7, seed=2))))
