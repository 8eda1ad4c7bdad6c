"""Intervals and curves against scikit-learn, against tables of books, and against simulation, on real predictions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    auc,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    precision_score,
    recall_score,
    roc_auc_score,
)

from mlops_nb.widgets.curves import curves_of
from mlops_nb.widgets.intervals import intervals_of
from mlops_nb.widgets.predictions import Predictions

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data"


@pytest.fixture(scope="module")
def binary() -> Predictions:
    """Return a rule's answers for real people: the share of high incomes among those with as much schooling."""
    people = pd.read_csv(DATA / "adult-income.csv", nrows=3000)
    actual = (people["income"] == ">50K").to_numpy("float64")
    probability = people["education_num"].map(pd.Series(actual).groupby(people["education_num"]).mean()).to_numpy()
    return Predictions("binary", actual, (probability >= 0.4).astype("float64"), probability)


@pytest.fixture(scope="module")
def regression() -> Predictions:
    """Return a rule's answers for real rides: a fifth of the fare as the tip."""
    rides = pd.read_csv(DATA / "taxis.csv").query("payment == 'credit card'")
    return Predictions("regression", rides["tip"].to_numpy("float64"), 0.2 * rides["fare"].to_numpy("float64"))


def measured(told: Predictions) -> dict[str, float]:
    if told.task == "regression":
        squares = float(mean_squared_error(told.actual, told.predicted))
        return {"mae": float(mean_absolute_error(told.actual, told.predicted)), "mse": squares, "rmse": squares**0.5}
    return {
        "accuracy": float(accuracy_score(told.actual, told.predicted)),
        "precision": float(precision_score(told.actual, told.predicted)),
        "recall": float(recall_score(told.actual, told.predicted)),
        "roc_auc": float(roc_auc_score(told.actual, told.probability)),
        "brier": float(brier_score_loss(told.actual, told.probability)),
        "log_loss": float(log_loss(told.actual, told.probability)),
    }


def rows(told: Predictions, kept: Any) -> Predictions:
    probability = None if told.probability is None else told.probability[kept]
    return Predictions(told.task, told.actual[kept], told.predicted[kept], probability)


@pytest.mark.parametrize("which", ["binary", "regression"])
def test_every_interval_is_around_what_scikit_learn_measures(which: str, request: pytest.FixtureRequest) -> None:
    told = request.getfixturevalue(which)
    metrics = measured(told)

    found = intervals_of(told, {f"metrics.{name}": value for name, value in metrics.items()})

    assert {name.partition(".")[2] for name in found} == set(metrics)
    for name, value in metrics.items():
        one = found[f"metrics.{name}"]
        assert one.value == pytest.approx(value, rel=1e-9)
        assert one.low < value < one.high


def test_a_number_that_the_predictions_do_not_give_has_no_interval(binary: Predictions) -> None:
    metrics = measured(binary)

    assert intervals_of(binary, {"accuracy": metrics["accuracy"] + 1e-3}) == {}
    assert intervals_of(binary, {"f1": 0.5, "mae": 0.2}) == {}
    few = rows(binary, slice(0, 5))
    assert intervals_of(few, {"accuracy": float(accuracy_score(few.actual, few.predicted))}) == {}


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 15 of 148.
    for hits, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        actual = np.ones(of)
        predicted = np.where(np.arange(of) < hits, 1.0, 0.0)
        one = intervals_of(Predictions("binary", actual, predicted), {"accuracy": hits / of})["accuracy"]
        assert (round(one.low, 4), round(one.high, 4)) == (low, high)


@pytest.mark.parametrize("which", ["binary", "regression"])
def test_intervals_hold_what_they_promise_in_samples_of_real_rows(which: str, request: pytest.FixtureRequest) -> None:
    """Of 300 samples about 95 % of the intervals hold the value of all rows: 285, give or take four deviations."""
    told = request.getfixturevalue(which)
    truth = measured(told)
    random = np.random.default_rng(7)
    held = dict.fromkeys(truth, 0)
    for _ in range(300):
        sample = rows(told, random.integers(0, len(told), 600))
        for name, one in intervals_of(sample, measured(sample)).items():
            held[name] += one.low <= truth[name] <= one.high

    # The means of squares have a heavy tail, with which a normal interval is known to be short.
    least = {"mse": 0.85, "rmse": 0.85, "mae": 0.90}
    spread = 4 * math.sqrt(0.95 * 0.05 / 300)
    for name, count in held.items():
        assert least.get(name, 0.95 - spread) <= count / 300 <= 1.0, name


def test_the_roc_and_the_precision_curve_have_the_areas_that_scikit_learn_finds(binary: Predictions) -> None:
    told = curves_of(binary)

    assert told is not None
    roc = told["curves"]["roc"]
    assert auc(roc["x"], roc["y"]) == pytest.approx(roc_auc_score(binary.actual, binary.probability), abs=1e-4)
    assert (roc["x"][0], roc["y"][0], roc["x"][-1], roc["y"][-1]) == (0, 0, 1, 1)
    pr = told["curves"]["pr"]
    assert pr["y"][-1] == pytest.approx(binary.actual.mean(), abs=1e-4)
    assert pr["x"] == sorted(pr["x"])
    # A rule that answers with the share of each group is calibrated.
    calibration = told["curves"]["calibration"]
    assert np.allclose(calibration["x"], calibration["y"], atol=0.1)
    assert sum(calibration["rows"]) == len(binary)


def test_a_curve_of_many_points_is_thinned_without_losing_its_shape() -> None:
    random = np.random.default_rng(1)
    actual = (random.random(50_000) < 0.3).astype("float64")
    probability = np.clip(random.normal(0.3 + 0.2 * actual, 0.15), 0, 1)
    told = curves_of(Predictions("binary", actual, (probability > 0.5).astype("float64"), probability))

    assert told is not None
    roc = told["curves"]["roc"]
    assert len(roc["x"]) <= 160
    assert auc(roc["x"], roc["y"]) == pytest.approx(roc_auc_score(actual, probability), abs=2e-3)


def test_the_curves_of_a_regression_tell_its_errors(regression: Predictions) -> None:
    told = curves_of(regression)

    assert told is not None
    residuals, characteristic = told["curves"]["residuals"], told["curves"]["characteristic"]
    width = residuals["x"][1] - residuals["x"][0]
    assert 0.98 <= sum(residuals["y"]) * width <= 1.0001
    off = np.abs(regression.predicted - regression.actual)
    at = len(characteristic["x"]) // 2
    share = float((off <= characteristic["x"][at] * 1.0001).mean())
    assert characteristic["y"][at] == pytest.approx(share, abs=0.01)
    by = told["curves"]["by_prediction"]
    assert all(low <= middle <= high for low, middle, high in zip(by["low"], by["y"], by["high"], strict=True))


def test_one_class_alone_has_no_curve() -> None:
    ones = np.ones(50)

    assert curves_of(Predictions("binary", ones, ones, ones * 0.7)) is None
    assert curves_of(Predictions("classes", np.array(["a", "b"]), np.array(["a", "a"]))) is None
