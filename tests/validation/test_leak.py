"""Rows that a model learned from are found among those it is judged on, and rows that are merely alike are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from mlops_nb.validation.leak import judge_leak, judge_same_data, most_by_chance, row_hashes

DATA = Path(__file__).parents[2] / "notebooks" / "data"


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Return census rows by columns in which many people are alike."""
    columns = ["age", "education_num", "workclass", "marital_status", "occupation", "hours_per_week"]
    return pd.read_csv(DATA / "adult-income.csv", na_values="?", nrows=12_000)[columns]


def test_people_who_are_alike_are_no_leak(people: pd.DataFrame) -> None:
    decisions, shares = [], []
    for seed in range(12):
        train, test = train_test_split(people, test_size=0.25, random_state=seed)
        verdict = judge_leak("income", test, [train])
        decisions.append(verdict.decision)
        shares.append(verdict.evidence["shared_rows"] / verdict.evidence["rows"])
    assert min(shares) > 0.2, "many have a twin"
    assert decisions == ["pass"] * 12


@pytest.mark.row(15)
@pytest.mark.parametrize("leaked", [1.0, 0.15])
def test_rows_of_the_training_data_are_found_among_people_who_are_alike(people: pd.DataFrame, leaked: float) -> None:
    train, test = train_test_split(people, test_size=0.25, random_state=0)
    mixed = pd.concat([train.sample(int(leaked * len(test)), random_state=1), test]).head(len(test))
    verdict = judge_leak("income", mixed, [train])
    assert verdict.decision == "stop"
    (found,) = verdict.findings
    assert found.code == "LEAKED_ROWS"
    assert found.details["shared_rows"] > found.details["allowed_rows"]
    assert len(found.details["sample_rows"]) == 5
    assert set(found.details["sample_rows"][0]["values"]) == set(people.columns)


def test_where_no_rows_are_alike_a_few_of_the_training_rows_suffice() -> None:
    numbers = pd.DataFrame(np.random.default_rng(0).normal(size=(4_000, 3)), columns=list("abc"))
    clean = judge_leak("m", numbers[:1000], [numbers[1000:2000], numbers[2000:]])
    leaky = judge_leak("m", numbers[:1010], [numbers[1000:2000], numbers[2000:]])
    assert (clean.decision, leaky.decision) == ("pass", "stop")
    assert leaky.findings[0].details["shared_rows"] == 10
    assert judge_leak("m", numbers[:1010], [numbers[1000:]], allowed_share=0.01).decision == "pass"


def test_training_data_that_nobody_named_is_told() -> None:
    verdict = judge_leak("m", pd.DataFrame({"a": [1]}), [])
    assert (verdict.decision, verdict.findings[0].code) == ("pass", "TRAINING_NOT_NAMED")


def test_rows_are_the_same_whatever_types_their_columns_have() -> None:
    one = pd.DataFrame({"n": [1, 2], "t": ["a", None], "c": pd.Categorical(["x", "y"]), "f": [True, False]})
    other = pd.DataFrame(
        {"n": [1.0, 2.0], "t": pd.array(["a", None], dtype="string"), "c": ["x", "y"], "f": [1, 0]}, index=[7, 8]
    )
    assert np.array_equal(row_hashes(one), row_hashes(other))
    assert len(set(row_hashes(pd.DataFrame({"a": [1, 2, 1], "b": [2, 1, 1]})))) == 3


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.01, 0.3, 0.7, 0.999])
@pytest.mark.parametrize("rows", [50, 1_000, 20_000])
def test_chance_is_exceeded_as_seldom_as_it_says(rows: int, share: float) -> None:
    from scipy.stats import binom

    most = most_by_chance(rows, share)
    assert binom.sf(most, rows, share) <= 2e-4
    assert most == pytest.approx(binom.ppf(1 - 1e-4, rows, share), abs=2 + 0.02 * rows * share * (1 - share))


def test_steps_that_read_the_judged_data_are_named() -> None:
    verdict = judge_same_data("tips", "X_test", {"train": "X_test", "tune": "X_all"})
    assert verdict.decision == "stop"
    assert [finding.details["step"] for finding in verdict.findings] == ["train", "tune"]
    assert judge_same_data("tips", "X_test", {}).decision == "pass"
