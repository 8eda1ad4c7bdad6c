"""A model against bounds, against the champion, and on groups of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.validation.behaviour import judge_behaviour
from mlops_nb.validation.gate import Gate
from mlops_nb.validation.metrics import Answers
from mlops_nb.validation.performance import judge_comparison, judge_metrics
from mlops_nb.validation.slices import judge_slices, slices_of

if TYPE_CHECKING:
    from mlops_nb.validation import Verdict

ROWS = 400
STREAM = np.random.default_rng(11)
TRUTH = STREAM.normal(20.0, 4.0, ROWS)
NOISE = STREAM.normal(0.0, 1.0, ROWS)


def off_by(size: float | np.ndarray) -> Answers:
    """Return answers whose errors are `size` times the same noise."""
    return Answers(TRUTH, TRUTH + size * NOISE)


def gate(leads: str = "mae", /, slices: Any = None, **rules: Any) -> Gate:
    return Gate.from_json({"leads": leads, "metrics": {leads: {}, **rules}, **({"slices": slices} if slices else {})})


def codes(verdict: Verdict, severity: str = "error") -> list[str]:
    return [finding.code for finding in verdict.findings if finding.severity == severity]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_metric_within_its_bounds_passes_and_is_kept_with_its_interval() -> None:
    verdict = judge_metrics("tips 1", gate(mae={"at_most": 1.0}), off_by(1.0), {}, {"data": "d"}, off_by(0.5))
    assert verdict.decision == "pass"
    told = verdict.evidence["metrics"]["mae"]
    assert told["low"] < told["value"] < told["high"]
    assert told["value"] == pytest.approx(np.abs(NOISE).mean())
    assert told["training"] == pytest.approx(told["value"] / 2)
    assert verdict.evidence["data"] == "d"


def test_a_metric_beyond_its_bounds_is_refused_with_value_and_bound() -> None:
    verdict = judge_metrics("tips 1", gate(mae={"at_most": 0.5}, r2={"at_least": 0.99}), off_by(1.0), {}, {})
    assert verdict.decision == "refuse"
    assert codes(verdict) == ["ABOVE_THRESHOLD", "BELOW_THRESHOLD"]
    assert verdict.findings[0].details["at_most"] == 0.5
    assert "must be at most 0.5" in verdict.findings[0].message


def test_a_metric_that_is_not_found_or_has_no_value_is_refused() -> None:
    verdict = judge_metrics("tips 1", gate(maee={}, brier={}), off_by(1.0), {"rmse": 1.0}, {})
    assert verdict.decision == "refuse"
    assert codes(verdict) == ["METRIC_NOT_FOUND", "METRIC_UNDEFINED"]


def test_a_metric_that_the_run_measured_itself_is_held_against_bounds_too() -> None:
    rules: dict[str, Any] = {"recall_gap": {"at_most": 0.1}}
    good, bad = (judge_metrics("tips 1", gate(**rules), off_by(1.0), {"recall_gap": gap}, {}) for gap in (0.05, 0.2))
    assert (good.decision, bad.decision) == ("pass", "refuse")
    assert bad.evidence["metrics"]["recall_gap"] == {"value": 0.2, "from": "run"}
    assert judge_metrics("t 1", gate(**rules), off_by(1.0), {"recall_gap": float("nan")}, {}).decision == "refuse"


# --- against the champion ---------------------------------------------------------------------------------------------


@pytest.mark.row(37)
@pytest.mark.parametrize(
    ("candidate", "rule", "decision", "code"),
    [
        (0.9, {}, "pass", ""),
        (1.0, {}, "refuse", "NOT_BETTER"),
        (1.1, {}, "refuse", "WORSE_THAN_CHAMPION"),
        (0.9, {"min_improvement": 0.05}, "pass", ""),
        (0.9, {"min_improvement": 0.2}, "refuse", "IMPROVEMENT_TOO_SMALL"),
        (0.9, {"min_improvement_percent": 9}, "pass", ""),
        (0.9, {"min_improvement_percent": 11}, "refuse", "IMPROVEMENT_TOO_SMALL"),
        (0.9, {"beyond_noise": True}, "pass", ""),
        (1.05, {"max_worse": 0.1}, "pass", ""),
        (1.05, {"max_worse_percent": 4}, "refuse", "WORSE_THAN_CHAMPION"),
    ],
)
def test_a_candidate_passes_only_when_it_is_better_by_what_is_asked(
    candidate: float, rule: dict[str, Any], decision: str, code: str
) -> None:
    verdict = judge_comparison("tips 2", gate(mae=rule), off_by(candidate), off_by(1.0), {})
    assert verdict.decision == decision
    assert codes(verdict) == ([code] if code else [])
    change = verdict.evidence["changes"]["mae"]
    assert change["direction"] == "lower"
    assert change["improvement"] == pytest.approx((1.0 - candidate) * np.abs(NOISE).mean(), abs=1e-12)
    assert change["improvement_percent"] == pytest.approx(100 * (1.0 - candidate))


def test_better_by_luck_is_not_better_beyond_noise() -> None:
    other = Answers(TRUTH, TRUTH + np.random.default_rng(5).permutation(NOISE) * 0.995)
    plain = judge_comparison("tips 2", gate(), other, off_by(1.0), {})
    demanding = judge_comparison("tips 2", gate(mae={"beyond_noise": True}), other, off_by(1.0), {})
    assert (plain.decision, demanding.decision) == ("pass", "refuse")
    assert codes(demanding) == ["WITHIN_NOISE"]


def test_the_direction_of_a_metric_where_higher_is_better_is_kept() -> None:
    better = judge_comparison("tips 2", gate("r2"), off_by(0.9), off_by(1.0), {})
    worse = judge_comparison("tips 2", gate("r2"), off_by(1.1), off_by(1.0), {})
    assert (better.decision, worse.decision) == ("pass", "refuse")
    assert better.evidence["changes"]["r2"]["direction"] == "higher"


@pytest.mark.row(37)
def test_of_a_champion_without_any_error_no_percentage_is_told() -> None:
    rule = {"min_improvement_percent": 5}
    equal = judge_comparison("tips 2", gate(mae=rule), off_by(0.0), off_by(0.0), {})
    worse = judge_comparison("tips 2", gate(mae=rule), off_by(0.1), off_by(0.0), {})
    assert [codes(equal), codes(worse)] == [["NOT_BETTER"], ["WORSE_THAN_CHAMPION"]]
    assert worse.evidence["changes"]["mae"]["improvement_percent"] is None
    # And upwards from nothing, where any gain is one.
    found = Answers(np.array([0, 1, 1, 0] * 20), np.array([0, 1, 0, 0] * 20), None, (0, 1))
    none = Answers(found.actual, np.zeros(80, int), None, (0, 1))
    assert judge_comparison("t 2", gate("recall", recall=rule), found, none, {}).decision == "pass"


@pytest.mark.row(37)
def test_the_first_model_is_judged_by_its_own_values_alone() -> None:
    verdict = judge_comparison("tips 1", gate(mae={"min_improvement": 5}), off_by(1.0), None, {})
    assert (verdict.decision, codes(verdict, "info")) == ("pass", ["NO_CHAMPION"])


def test_another_metric_may_lose_only_what_its_rule_says() -> None:
    rules: dict[str, Any] = {"r2": {"max_worse": 0.001}}
    # Fewer large errors for more small ones: a smaller mean, a larger square.
    lucky = Answers(TRUTH, TRUTH + np.where(np.arange(ROWS) % 40 == 0, 8.0, 0.6 * NOISE))
    verdict = judge_comparison("tips 2", gate(**rules), lucky, off_by(1.0), {})
    assert codes(verdict) == ["WORSE_THAN_CHAMPION"]
    assert verdict.findings[0].subject == "r2"


# --- groups of rows ---------------------------------------------------------------------------------------------------

TABLE = pd.DataFrame({"color": np.where(np.arange(ROWS) % 4 == 0, "green", "yellow"), "hour": np.arange(ROWS) % 24})
GREEN = (TABLE["color"] == "green").to_numpy()


@pytest.mark.row(38)
def test_better_overall_and_worse_in_one_group_is_refused_with_the_group_its_size_and_interval() -> None:
    candidate, champion = off_by(np.where(GREEN, 1.5, 0.6)), off_by(1.0)
    rules = gate(slices={"columns": ["color"]})
    assert judge_comparison("tips 2", rules, candidate, champion, {}).decision == "pass"
    verdict = judge_slices("tips 2", rules, TABLE, candidate, champion, {})
    assert verdict.decision == "refuse"
    (found,) = [finding for finding in verdict.findings if finding.severity == "error"]
    assert (found.code, found.subject) == ("SLICE_WORSE", "color=green")
    assert found.details["rows"] == 100
    assert found.details["low"] < found.details["value"] < found.details["high"]
    assert found.details["change"]["high"] < 0
    assert "color=green (100 rows)" in found.message
    allowed = gate(slices={"columns": ["color"], "max_worse_percent": 90})
    assert judge_slices("tips 2", allowed, TABLE, candidate, champion, {}).decision == "pass"


@pytest.mark.row(38)
def test_groups_that_are_too_far_apart_or_beyond_a_bound_are_refused() -> None:
    candidate = off_by(np.where(GREEN, 3.0, 1.0))
    far = judge_slices("t 1", gate(slices={"columns": ["color"], "max_spread": 1.0}), TABLE, candidate, None, {})
    bound = judge_slices("t 1", gate(slices={"columns": ["color"], "at_most": 2.0}), TABLE, candidate, None, {})
    assert [codes(far), codes(bound)] == [["SLICE_SPREAD"], ["SLICE_ABOVE_THRESHOLD"]]
    assert far.findings[0].details["worst"]["slice"] == "color=green"
    assert far.findings[0].details["spread"] > 1.0


def test_a_group_that_is_worse_by_chance_is_told_and_not_refused() -> None:
    other = Answers(TRUTH, TRUTH + np.random.default_rng(5).permutation(NOISE) * 0.98)
    rules = gate(slices={"columns": ["color", "hour", ["color", "hour"]], "min_rows": 10})
    verdict = judge_slices("t 2", rules, TABLE, other, off_by(1.0), {})
    assert verdict.decision == "pass"
    assert "SLICE_MAYBE_WORSE" in codes(verdict, "warning")


def test_small_groups_are_counted_and_not_judged_and_an_unknown_column_is_an_error() -> None:
    verdict = judge_slices(
        "t 1", gate(slices={"columns": [["color", "hour"], "colour"], "min_rows": 101}), TABLE, off_by(1.0), None, {}
    )
    assert codes(verdict) == ["SLICE_COLUMN_MISSING"]
    assert codes(verdict, "info") == ["SLICES_TOO_SMALL"]
    assert verdict.evidence["slices"] == []


def test_numbers_are_grouped_by_quartiles_and_missing_values_are_a_group() -> None:
    table = pd.DataFrame({"fare": [*np.linspace(1, 100, 99), np.nan], "kind": ["a", None] * 50})
    sizes = {group.name: len(group) for group in slices_of(table, ("fare",))}
    assert list(sizes.values()) == [25, 25, 25, 24, 1]
    assert sizes["fare=(missing)"] == 1
    assert {group.name for group in slices_of(table, ("kind",))} == {"kind=a", "kind=(missing)"}


# --- for information --------------------------------------------------------------------------------------------------


def test_calibration_and_robustness_are_told_and_decide_nothing() -> None:
    table = pd.DataFrame({"fare": TRUTH, "luck": NOISE})

    def answer(rows: pd.DataFrame, truth: np.ndarray) -> Answers:
        if rows["luck"].isna().any():
            message = "no luck"
            raise ValueError(message)
        return Answers(truth, rows["fare"].fillna(0.0).to_numpy() + 0.1 * rows["luck"].to_numpy())

    verdict = judge_behaviour("t 1", gate(), table, answer(table, TRUTH), answer, {})
    assert verdict.decision == "pass"
    by_code = {finding.code: finding for finding in verdict.findings}
    assert by_code["FAILS_ON_HARM"].subject == "luck"
    assert (by_code["MOST_SENSITIVE"].subject, by_code["MOST_SENSITIVE"].details["harm"]) == ("fare", "missing")
    assert len(verdict.evidence["calibration"]["bins"]) == 10
    assert by_code["CALIBRATION"].details["error"] < 0.1
