"""Changed values ask for a new model, and the same distribution does so no more often than is stated."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.validation import (
    DriftLimits,
    StatisticsError,
    TableStatistics,
    Verdict,
    infer_schema,
    judge_values,
    table_statistics,
)
from mlops_nb.validation.distances import chi_squared, holm, jensen_shannon, kolmogorov_smirnov, pooled, wasserstein
from mlops_nb.validation.domain_classifier import tell_apart
from tests.validation.tables import halves, people, rides

if TYPE_CHECKING:
    from collections.abc import Callable

# Every difference counts as large enough, so that the tests alone decide.
BY_CHANCE_ALONE = DriftLimits(wasserstein=0, jensen_shannon=0, psi=0, missing=0, auc=0.5, false_positive_rate=0.2)
RATE = DriftLimits().false_positive_rate


@pytest.fixture(scope="module")
def census() -> pd.DataFrame:
    return people()


def drifted(verdict: Verdict) -> set[str]:
    return {finding.subject for finding in verdict.findings if finding.code == "DRIFT"}


# --- the same distribution --------------------------------------------------------------------------------------------


def at_most(rate: float, draws: int) -> float:
    """Return how often something of that rate happens at the most, but for one time in a thousand."""
    return float(rate * draws + 3.1 * np.sqrt(draws * rate * (1 - rate)) + 0.5)


@pytest.mark.row(35)
def test_people_of_the_same_census_ask_for_a_new_model_no_more_often_than_is_stated(census: pd.DataFrame) -> None:
    draws, asked = 40, 0
    for seed in range(draws):
        one, other = halves(census, seed, 400)
        asked += judge_values(other, table_statistics(one)).decision == "retrain"

    assert asked <= at_most(RATE, draws)


@pytest.mark.row(35)
def test_the_corrected_tests_alone_keep_the_stated_rate() -> None:
    # Half of the rate belongs to single columns, half to all of them together.
    draws, asked, least = 200, 0, 1.0
    schema = replace(infer_schema(_drawn(0, 50)), drift=BY_CHANCE_ALONE)
    for seed in range(draws):
        verdict = judge_values(_drawn(2 * seed, 150), table_statistics(_drawn(2 * seed + 1, 200)), schema=schema)
        asked += verdict.decision == "retrain"
        least = min(least, *(feature["corrected"] for feature in verdict.evidence["features"]))

    assert asked <= at_most(BY_CHANCE_ALONE.false_positive_rate / 2, draws)
    assert least < 0.1, "small p-values do come"
    assert asked > 0


def _drawn(seed: int, rows: int) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "normal": draws.normal(size=rows),
            "skewed": draws.lognormal(size=rows),
            "count": draws.poisson(2, size=rows),
            "kind": draws.choice(list("abcd"), p=[0.6, 0.25, 0.1, 0.05], size=rows),
        }
    )


@pytest.mark.row(35)
def test_the_classifier_keeps_its_part_of_the_rate() -> None:
    draws, found = 40, 0
    for seed in range(draws):
        apart = tell_apart(_drawn(2 * seed, 160), _drawn(2 * seed + 1, 160))
        assert apart is not None
        found += apart.p_value <= 0.1

    assert found <= at_most(0.1, draws)


# --- another distribution ---------------------------------------------------------------------------------------------


SHIFTS: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "longer rides": ("distance", lambda table: table.assign(distance=table["distance"] * 1.3)),
    "a wider spread about the same mean": (
        "fare",
        lambda table: table.assign(fare=table["fare"].mean() + (table["fare"] - table["fare"].mean()) * 1.5),
    ),
    "less cash": (
        "payment",
        lambda table: table.assign(payment=table["payment"].where(table.index % 2 == 0, "credit card")),
    ),
    "a new zone": (
        "pickup_zone",
        lambda table: table.assign(pickup_zone=table["pickup_zone"].where(table.index % 5 > 0, "New Harbour")),
    ),
    "fares that are missing": ("fare", lambda table: table.assign(fare=table["fare"].where(table.index % 9 > 0))),
    "more passengers": ("passengers", lambda table: table.assign(passengers=(table["passengers"] + 1).clip(upper=6))),
}


@pytest.mark.row(35)
@pytest.mark.parametrize("what", SHIFTS)
def test_a_shift_asks_for_a_new_model_names_the_column_and_stops_nothing(what: str) -> None:
    column, shift = SHIFTS[what]
    before, now = halves(rides(), 7)
    verdict = judge_values(shift(now), table_statistics(before))

    assert judge_values(now, table_statistics(before)).decision == "pass"
    assert verdict.decision == "retrain"
    assert drifted(verdict) == {column}


@pytest.mark.row(35)
def test_columns_that_change_together_only_are_seen_by_the_classifier(census: pd.DataFrame) -> None:
    before, now = halves(census[["age", "hours_per_week", "education_num"]], 3, 3_000)
    # Each column as it was, and no row: ages go with the hours of somebody else.
    draws = np.random.default_rng(0)
    now = now.assign(age=np.sort(now["age"]), hours_per_week=np.sort(now["hours_per_week"]))
    now = now.iloc[draws.permutation(len(now))]

    alone = judge_values(now, table_statistics(before))
    together = judge_values(now, table_statistics(before), rows=before)

    assert alone.decision == "pass"
    assert together.decision == "retrain"
    assert [finding.code for finding in together.findings] == ["DRIFT_TOGETHER"]
    assert set(together.evidence["together"]["features"][:2]) == {"age", "hours_per_week"}


def test_what_is_more_than_chance_and_does_not_matter_asks_for_nothing() -> None:
    draws = np.random.default_rng(1)
    before = pd.DataFrame({"x": draws.normal(size=200_000)})
    now = pd.DataFrame({"x": draws.normal(0.03, size=200_000)})
    verdict = judge_values(now, table_statistics(before))

    (feature,) = verdict.evidence["features"]
    assert feature["corrected"] < 1e-6
    assert feature["value"] < feature["limit"]
    assert verdict.decision == "pass"


def test_one_vital_column_is_enough_and_others_add_up() -> None:
    before, now = halves(rides(), 7)
    now = now.assign(distance=now["distance"] * 1.5, fare=now["fare"] * 1.5)
    reference, schema = table_statistics(before), infer_schema(before)

    def judged(**importances: float) -> Verdict:
        columns = {
            name: replace(column, importance=importances.get(name, 0.1)) for name, column in schema.columns.items()
        }
        return judge_values(now, reference, schema=replace(schema, columns=columns))

    assert judged(distance=1.0).decision == "retrain"
    assert judged(distance=0.5, fare=0.5).decision == "retrain"
    little = judged(distance=0.5, fare=0.4)
    assert little.decision == "pass"
    assert {finding.severity for finding in little.findings} == {"warning"}
    assert drifted(judged(distance=0.0)) == {"fare"}


def test_ids_and_times_are_not_compared_and_few_rows_say_so() -> None:
    table = rides()
    later = table.assign(pickup=table["pickup"] + pd.Timedelta(days=900), ride=[f"x{n}" for n in range(len(table))])

    assert judge_values(later, table_statistics(table)).decision == "pass"
    few = judge_values(table.head(20).assign(fare=1e6), table_statistics(table))
    assert (few.decision, few.findings[0].code) == ("pass", "TOO_FEW_ROWS")


# --- statistics -------------------------------------------------------------------------------------------------------


@pytest.mark.row(9)
def test_statistics_read_back_from_their_document_judge_as_the_table_does(census: pd.DataFrame) -> None:
    before, now = halves(census, 5, 4_000)
    now = now.assign(age=now["age"] + 4)
    statistics = table_statistics(before)
    document = statistics.to_json()

    assert TableStatistics.from_json(document) == statistics
    assert json.loads(document)["columns"]["age"]["missing" if "missing" in document else "rows"] == 4_000
    assert judge_values(now, TableStatistics.from_json(document)) == judge_values(now, statistics)
    assert document == table_statistics(before.sample(frac=1, random_state=1)).to_json(), "the order of rows is nothing"


@pytest.mark.parametrize("text", ["", "{}", '{"mlops_nb_statistics": 99}', '{"mlops_nb_statistics": 1, "rows": 1}'])
def test_what_is_no_document_of_statistics_is_refused(text: str) -> None:
    with pytest.raises(StatisticsError):
        TableStatistics.from_json(text)


def test_tests_and_distances_are_those_of_the_textbook() -> None:
    stats = pytest.importorskip("scipy.stats")
    draws = np.random.default_rng(3)
    one, other = np.sort(draws.normal(size=400)), np.sort(draws.normal(0.15, size=300))
    counts = np.array([[40.0, 60.0, 20.0], [30.0, 50.0, 45.0]])

    statistic, p_value = kolmogorov_smirnov(one, 400, other)
    expected = stats.ks_2samp(one, other, method="exact")
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue, rel=0.1)
    assert chi_squared(*counts) == pytest.approx(stats.chi2_contingency(counts, correction=False)[:2])
    assert wasserstein(one, other, 1.0) == pytest.approx(stats.wasserstein_distance(one, other), rel=0.02)
    distance = pytest.importorskip("scipy.spatial.distance")
    assert jensen_shannon(*counts) == pytest.approx(distance.jensenshannon(*counts, base=2))
    assert [side.tolist() for side in pooled(np.array([90.0, 1, 9, 0]), np.array([95.0, 0, 4, 1]))] == [
        [90, 10],
        [95, 5],
    ]
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


# --- the cell call ----------------------------------------------------------------------------------------------------


def test_a_cell_judges_a_table_and_shows_it() -> None:
    before, now = halves(rides(), 7)
    schema = mlops_nb.infer_schema(before)
    moved = now.assign(distance=now["distance"] * 1.5)

    assert mlops_nb.validate_data(now.iloc[:0], schema).decision == "stop"
    assert mlops_nb.validate_data(now, reference=before).decision == "pass"
    verdict = mlops_nb.validate_data(moved, reference=mlops_nb.table_statistics(before), name="rides of April")
    assert verdict.decision == "retrain"
    assert repr(verdict).startswith("↻ rides of April: retrain, the values have changed")
    html = verdict._repr_html_()
    assert "<svg" in html
    assert "Wasserstein distance" in html
    with pytest.raises(mlops_nb.MlopsNbError, match="nothing to judge"):
        mlops_nb.validate_data(now)


def test_what_is_shown_below_a_cell_is_escaped() -> None:
    evil = "<script>alert('x')</script>"
    before = pd.DataFrame({evil: ["a", "b"] * 100, "n": range(200)})
    now = pd.DataFrame({evil: [evil, "b"] * 100, "n": [value * 9 for value in range(200)]})

    for verdict in (
        mlops_nb.validate_data(now, mlops_nb.infer_schema(before), name=evil),
        mlops_nb.validate_data(now, reference=before, name=evil),
    ):
        assert verdict.decision != "pass"
        assert evil not in verdict._repr_html_()
        assert "&lt;script&gt;" in verdict._repr_html_()
