"""Ready checks pass for models that work, and fail for those that are broken on purpose, saying how and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_nb import checks
from mlops_nb.validation.finite import first_not_finite
from mlops_nb.validation.learning import judge_convergence, judge_losses

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data" / "taxis.csv"


@pytest.fixture(scope="module")
def rides() -> pd.DataFrame:
    return pd.read_csv(DATA).query("payment == 'credit card'").head(2000).reset_index(drop=True)


@pytest.fixture(scope="module", name="X")
def features(rides: pd.DataFrame) -> pd.DataFrame:
    return rides[["distance", "fare", "passengers"]].astype(float)


@pytest.fixture(scope="module")
def tips(rides: pd.DataFrame) -> pd.Series:
    return rides["tip"]


def boosting(**more: Any) -> GradientBoostingRegressor:
    return GradientBoostingRegressor(**{"n_estimators": 20, "random_state": 0, **more})


def failed(check: Callable[[], object]) -> str:
    """Return what a check that must fail says."""
    with pytest.raises(checks.CheckFailed) as caught:
        check()
    return str(caught.value)


# --- converges --------------------------------------------------------------------------------------------------------


WORKING = [
    Ridge(),
    boosting(),
    RandomForestRegressor(10, random_state=0),
    make_pipeline(StandardScaler(), SGDRegressor(random_state=0)),
    make_pipeline(StandardScaler(), MLPRegressor(max_iter=40, learning_rate_init=0.01, random_state=0)),
]


@pytest.mark.row(81)
@pytest.mark.parametrize("model", WORKING, ids=lambda model: type(model).__name__ + str(len(str(model))))
def test_a_working_training_converges(model: Any, X: pd.DataFrame, tips: pd.Series) -> None:
    verdict = checks.converges(model, X, tips)

    assert verdict.decision == "pass"
    assert verdict.evidence["fall"] > 0.1
    assert verdict.evidence["held_out_loss"] < verdict.evidence["constant_loss"]


@pytest.mark.row(81)
@pytest.mark.parametrize(
    "model",
    [
        boosting(learning_rate=0.0),
        make_pipeline(StandardScaler(), SGDRegressor(learning_rate="constant", eta0=1e-12, random_state=0)),
        make_pipeline(
            StandardScaler(), MLPRegressor(solver="sgd", learning_rate_init=1e-12, max_iter=20, random_state=0)
        ),
    ],
    ids=["boosting", "sgd", "network"],
)
def test_a_learning_rate_of_zero_does_not_converge(model: Any, X: pd.DataFrame, tips: pd.Series) -> None:
    assert "LOSS_DOES_NOT_FALL" in failed(lambda: checks.converges(model, X, tips))


def test_a_learning_rate_that_is_far_too_large_does_not_converge(X: pd.DataFrame, tips: pd.Series) -> None:
    wild = make_pipeline(StandardScaler(), SGDRegressor(learning_rate="constant", eta0=1e3, random_state=0))

    assert "The loss goes from" in failed(lambda: checks.converges(wild, X, tips))


@pytest.mark.row(81)
@pytest.mark.parametrize("model", [boosting(), RandomForestRegressor(10, random_state=0)], ids=["boosting", "forest"])
def test_shuffled_labels_teach_nothing(model: Any, X: pd.DataFrame, tips: pd.Series) -> None:
    shuffled = tips.sample(frac=1, random_state=1).reset_index(drop=True)
    told = failed(lambda: checks.converges(model, X, shuffled))

    assert "LEARNS_NOTHING" in told
    assert "Do the labels belong to these rows?" in told


@pytest.mark.row(81)
def test_a_classifier_converges_and_does_not_on_shuffled_labels(rides: pd.DataFrame, X: pd.DataFrame) -> None:
    model = GradientBoostingClassifier(n_estimators=10, random_state=0)
    far = (rides["distance"] > 2).map({True: "far", False: "near"})
    features = X[["fare", "passengers"]]

    assert checks.converges(model, features, far).decision == "pass"
    assert checks.converges(LogisticRegression(), features, far).decision == "pass"
    shuffled = far.sample(frac=1, random_state=3).reset_index(drop=True)
    assert failed(lambda: checks.converges(model, features, shuffled)).startswith(("LEARNS", "LOSS_DOES_NOT_FALL"))


def test_shuffled_labels_seldom_pass_by_chance(X: pd.DataFrame, tips: pd.Series) -> None:
    model = boosting(n_estimators=5)
    few, targets = X.head(400), tips.head(400).to_numpy()
    draws = [np.random.default_rng(seed).permutation(targets) for seed in range(60)]
    passed = sum(judge_convergence(model, few, drawn).decision == "pass" for drawn in draws)

    # The rate is 5 % by the margin, and less because a wrong model is worse than a constant: 9 or more of 60 have a
    # probability below 0.3 %.
    assert passed < 9


def test_losses_of_any_training_are_judged() -> None:
    assert checks.converges([1.0, 0.5, 0.2, 0.1]).evidence["fall"] == pytest.approx(0.9)
    assert "LOSS_DOES_NOT_FALL" in failed(lambda: checks.converges([1.0, 1.0, 1.0]))
    assert "LOSS_RISES_AGAIN" in failed(lambda: checks.converges([1.0, 0.1, 0.9]))
    assert "TOO_FEW_LOSSES" in failed(lambda: checks.converges([1.0]))
    assert "The loss is nan in iteration 3 of 4." in failed(lambda: checks.converges([1.0, 0.5, np.nan, 0.1]))
    assert "to 5 in 2 iterations: it rises" in failed(lambda: checks.converges([4.0, 5.0]))


def test_a_training_function_gives_a_model_its_losses_or_both(X: pd.DataFrame, tips: pd.Series) -> None:
    assert checks.converges(lambda x, y: Ridge().fit(x, y), X, tips).decision == "pass"
    assert checks.converges(lambda x, y: (Ridge().fit(x, y), [3.0, 1.0]), X, tips).evidence["first"] == 3.0
    assert checks.converges(lambda *_: [3.0, 1.0], X, tips).decision == "pass"


def test_the_model_that_is_checked_stays_as_it_is(X: pd.DataFrame, tips: pd.Series) -> None:
    model = Ridge().fit(X.head(10), tips.head(10))
    before = model.coef_.copy()

    checks.converges(model, X, tips)

    assert model.coef_.tolist() == before.tolist()


def test_a_verdict_is_json(X: pd.DataFrame, tips: pd.Series) -> None:
    verdict = judge_losses([1.0, float("nan")])

    assert type(verdict).from_json(verdict.to_json()) == verdict
    assert verdict.evidence["losses"] == [1.0, "nan"]


# --- overfits a few ---------------------------------------------------------------------------------------------------


@pytest.mark.row(81)
def test_a_model_that_works_knows_a_few_rows_by_heart(X: pd.DataFrame, tips: pd.Series) -> None:
    assert checks.overfits_a_few(boosting(n_estimators=100), X, tips).decision == "pass"
    assert checks.overfits_a_few(LinearRegression(), X, tips, rows=3).evidence["R²"] == pytest.approx(1)
    network = make_pipeline(StandardScaler(), MLPRegressor(learning_rate_init=0.01, random_state=0))
    assert checks.overfits_a_few(network, X, tips).decision == "pass"


@pytest.mark.row(81)
def test_a_model_with_a_learning_rate_of_zero_does_not(X: pd.DataFrame, tips: pd.Series) -> None:
    told = failed(lambda: checks.overfits_a_few(boosting(learning_rate=0.0), X, tips))

    assert "Trained on 8 rows alone, the model reaches R² 0 on these very rows, and 0.95 would be knowing them." in told


def test_a_model_that_loses_its_inputs_does_not(X: pd.DataFrame, tips: pd.Series) -> None:
    blind = make_pipeline(FunctionTransformer(lambda frame: frame * 0), boosting())

    assert "CANNOT_OVERFIT" in failed(lambda: checks.overfits_a_few(blind, X, tips))


def test_the_few_rows_are_of_all_classes_and_differ(X: pd.DataFrame) -> None:
    twice = pd.concat([X.head(1)] * 50 + [X.iloc[1:60]], ignore_index=True)
    labels = pd.Series(["rare" if row in {0, 70} else "common" for row in range(len(twice))])
    verdict = checks.overfits_a_few(GradientBoostingClassifier(n_estimators=30), twice, labels, rows=6)

    # Of the fifty rows that look alike one is taken, and the rare class is there.
    assert len([row for row in verdict.evidence["rows"] if row < 50]) <= 1
    assert {0, 70} & set(verdict.evidence["rows"])


# --- no NaN -----------------------------------------------------------------------------------------------------------


@pytest.mark.row(82)
def test_the_first_place_with_nan_is_named(X: pd.DataFrame, tips: pd.Series) -> None:
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, tips)
    places = {"data": X, "loss": [1.0, 0.5], "weights": model, "predictions": model.predict(X)}
    assert checks.no_nan(**places).decision == "pass"

    exploded = make_pipeline(StandardScaler(), Ridge()).fit(X, tips)
    exploded[-1].coef_[1] = np.inf
    holed = X.copy()
    holed.iloc[5, 1] = np.nan

    assert "inf, in `weights`, `ridge`, `coef_`, at [1]" in failed(
        lambda: checks.no_nan(**{**places, "weights": exploded})
    )
    assert "nan, in `data`, column `fare`, row 5" in failed(lambda: checks.no_nan(**{**places, "data": holed}))
    assert "nan, in `loss`, item 1" in failed(lambda: checks.no_nan(**{**places, "loss": [1.0, np.nan]}))
    assert "in `predictions`, at [0]" in failed(
        lambda: checks.no_nan(**{**places, "predictions": [np.array([np.nan])][0]})
    )
    # Broken in several places: the earliest is the cause.
    assert "in `data`" in failed(lambda: checks.no_nan(**{**places, "data": holed, "weights": exploded}))
    assert checks.no_nan(data=holed, may_miss=["fare"]).decision == "pass"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (1.0, None),
        ([1, "text", None, b""], None),
        (np.float32("inf"), ""),
        ({"a": [1.0, {"b": np.nan}]}, "`a`, item 1, `b`"),
        (pd.DataFrame({"when": [pd.Timestamp("2019-01-01"), pd.NaT]}), "column `when`, row 1"),
        (pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), "column `n`, row 1"),
        (pd.Series(["a", None]), "row 1"),
        (np.array([[1, 2], [3, np.inf]]), "at [1, 1]"),
        (np.array([1, 2]), None),
    ],
)
def test_what_is_not_finite_is_found_in_values_of_all_kinds(value: Any, where: str | None) -> None:
    found = first_not_finite(value)

    assert (found and found.where) == where


@pytest.mark.parametrize("column", range(0, 40, 3))
def test_no_column_of_a_wide_frame_is_passed_over(column: int) -> None:
    frame = pd.DataFrame(np.zeros((3, 40))).assign(bad=0.0)
    frame.iloc[1, column] = np.nan

    found = first_not_finite(frame)

    assert found is not None
    assert found.where == f"column `{column}`, row 1"


@pytest.mark.row(82)
def test_a_division_by_zero_is_named_with_its_step(X: pd.DataFrame) -> None:
    steps: list[tuple[str, Callable[[Any], Any]]] = [
        ("doubled", lambda frame: frame * 2),
        ("ratio", lambda frame: frame.assign(per_mile=frame["fare"] / frame["distance"])),
        ("total", lambda frame: frame.sum(axis=1)),
    ]
    told = failed(lambda: checks.no_nan_at_edges(steps, X))

    assert "With zeros, nan first appears in what `ratio` gives, column `per_mile`, row 0." in told
    assert checks.no_nan_at_edges(steps, X, kinds=["huge"]).decision == "pass"


@pytest.mark.row(82)
def test_huge_and_tiny_numbers_are_tried(X: pd.DataFrame) -> None:
    assert "With huge, inf first appears" in failed(lambda: checks.no_nan_at_edges(lambda x: np.exp(x["fare"]), X))
    assert "With tiny, inf" in failed(lambda: checks.no_nan_at_edges(lambda x: 1 / x["fare"] ** 12, X, kinds=["tiny"]))
    assert "raises ZeroDivisionError" in failed(
        lambda: checks.no_nan_at_edges(lambda x: 1 // int(x["fare"].iloc[0]), X)
    )


def test_a_pipeline_is_followed_step_by_step(X: pd.DataFrame, tips: pd.Series) -> None:
    logs = FunctionTransformer(np.log, feature_names_out="one-to-one")
    model = make_pipeline(StandardScaler(with_mean=False), logs, Ridge()).fit(X.clip(lower=1), tips)

    assert "`functiontransformer` gives" in failed(lambda: checks.no_nan_at_edges(model, X))


def test_a_refusal_of_the_input_is_no_nan_and_is_told(X: pd.DataFrame, tips: pd.Series) -> None:
    verdict = checks.no_nan_at_edges(Ridge().fit(X, tips), X, kinds=["missing"])

    assert [(finding.code, finding.severity) for finding in verdict.findings] == [("REFUSES_EDGE", "info")]


# --- handles ----------------------------------------------------------------------------------------------------------


@pytest.mark.row(80)
def test_an_encoder_that_takes_unseen_and_missing_values_passes(rides: pd.DataFrame) -> None:
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("hot", encoder, ["color"]), ("as is", "passthrough", ["fare"])])
    fitted = columns.fit(rides[["color", "fare"]])

    assert checks.handles(fitted, rides[["color", "fare"]], unseen=["color"], missing=["color"]).decision == "pass"
    told = failed(lambda: checks.handles(fitted, rides[["color", "fare"]], missing=["fare"]))
    assert "MISSING_VALUE_GIVES_NAN" in told
    assert checks.handles(fitted, rides[["color", "fare"]], missing=["fare"], may_give_nan=True).decision == "pass"


@pytest.mark.row(80)
def test_an_encoder_that_does_not_is_named_with_its_column(rides: pd.DataFrame) -> None:
    colors = rides[["color"]]
    strict = OneHotEncoder().fit(colors)
    told = failed(lambda: checks.handles(strict, colors, unseen=["color"]))
    assert "UNSEEN_CATEGORY_RAISES: With a category it has never seen in `color` it raises ValueError" in told

    told = failed(lambda: checks.handles(pd.get_dummies, colors, unseen=["color"]))
    assert "UNSEEN_CATEGORY_CHANGES_SHAPE" in told

    def mapped(frame: pd.DataFrame) -> pd.Series:
        return frame["color"].map({"green": 1, "yellow": 0})

    assert "UNSEEN_CATEGORY_GIVES_NAN" in failed(lambda: checks.handles(mapped, colors, unseen=["color"]))
    as_category = colors.astype("category")
    assert "UNSEEN_CATEGORY_GIVES_NAN" in failed(lambda: checks.handles(mapped, as_category, unseen=["color"]))
    assert "NO_SUCH_COLUMN" in failed(lambda: checks.handles(mapped, colors, unseen=["colour"]))
