"""A table that is not what its schema says is stopped, with the column, the rule, how many rows, and which."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.validation import ColumnSchema, Rule, TableSchema, infer_schema, judge_schema, widen
from tests.validation.tables import halves, people, rides

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.validation import Finding


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return rides()


@pytest.fixture(scope="module")
def schema(table: pd.DataFrame) -> TableSchema:
    return infer_schema(table, "rides")


def only(table: Any, schema: TableSchema) -> Finding:
    verdict = judge_schema(table, schema)
    assert verdict.decision == "stop"
    assert len(verdict.findings) == 1, verdict
    return verdict.findings[0]


def test_the_table_that_a_schema_was_read_off_passes(table: pd.DataFrame, schema: TableSchema) -> None:
    assert judge_schema(table, schema).decision == "pass"
    assert judge_schema(table.sample(200, random_state=1), schema).decision == "pass"
    assert schema.columns["pickup"].type == "datetime"
    assert schema.columns["color"].domain == ("green", "yellow")
    assert schema.columns["ride"].unique
    assert (schema.columns["fare"].min, schema.columns["fare"].max) == (0.0, 225.0)


def test_a_schema_of_one_half_of_the_people_lets_the_other_half_pass() -> None:
    stopped = 0
    for seed in range(10):
        one, other = halves(people(), seed)
        stopped += judge_schema(other, infer_schema(one)).decision != "pass"

    assert stopped == 0


@pytest.mark.row(32)
def test_a_new_column_is_named(table: pd.DataFrame, schema: TableSchema) -> None:
    found = only(table.assign(surge=1.5), schema)

    assert (found.code, found.subject) == ("NEW_COLUMN", "surge")
    assert "`surge` (number) is not in the schema" in found.message
    assert judge_schema(table.assign(surge=1.5), replace(schema, other_columns="allow")).decision == "pass"


@pytest.mark.row(33)
def test_a_missing_column_is_named_and_the_one_that_it_became(table: pd.DataFrame, schema: TableSchema) -> None:
    verdict = judge_schema(table.rename(columns={"color": "colour"}), schema)

    assert [(found.code, found.subject) for found in verdict.findings] == [
        ("MISSING_COLUMN", "color"),
        ("NEW_COLUMN", "colour"),
    ]
    assert "Did you mean `colour`?" in verdict.findings[0].message


@pytest.mark.row(33)
def test_a_column_that_is_too_often_empty_is_named_with_its_rows(table: pd.DataFrame, schema: TableSchema) -> None:
    sparse = table.copy()
    sparse.loc[sparse.index[:700], "dropoff_zone"] = None
    found = only(sparse, schema)

    assert (found.code, found.subject) == ("PRESENCE", "dropoff_zone")
    assert found.details["count"] > 700
    assert [row["row"] for row in found.details["rows"]] == [0, 1, 2, 3, 4]
    assert judge_schema(table, schema).decision == "pass", "a few are missing in the training data too"


def spoiled(column: str, rows: dict[int, Any]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        copy = table.copy()
        if any(isinstance(value, str) for value in rows.values()) and copy[column].dtype.kind in "if":
            copy[column] = copy[column].astype(object)
        for row, value in rows.items():
            copy.loc[row, column] = value
        return copy

    return spoil


SPOILED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str, list[Any], str]] = {
    "text among numbers": (spoiled("fare", {3: "7.5 dollars"}), "WRONG_TYPE", "fare", [3], "'7.5 dollars'"),
    "all numbers as text": (
        lambda table: table.assign(fare=table["fare"].astype(str)),
        "WRONG_TYPE",
        "fare",
        [0, 1, 2, 3, 4],
        "6,433 rows",
    ),
    "half a passenger": (
        lambda table: table.assign(passengers=table["passengers"].astype(float).where(table.index != 8, 1.5)),
        "WRONG_TYPE",
        "passengers",
        [8],
        "1.5",
    ),
    "times as text": (
        lambda table: table.assign(pickup=table["pickup"].astype(str)),
        "WRONG_TYPE",
        "pickup",
        [0, 1, 2, 3, 4],
        "a time",
    ),
    "an unknown category": (
        spoiled("payment", {9: "credit crad"}),
        "OUT_OF_DOMAIN",
        "payment",
        [9],
        "Did you mean `credit card`?",
    ),
    "a number out of range": (spoiled("fare", {7: 9_999.0, 9: -3.0}), "OUT_OF_RANGE", "fare", [7, 9], "-3 to 9999"),
    "an infinite number": (spoiled("tip", {5: np.inf}), "NOT_FINITE", "tip", [5], "1 infinite"),
    "an id twice": (spoiled("ride", {6: "r5"}), "NOT_UNIQUE", "ride", [5, 6], "'r5'"),
    "no rows": (lambda table: table.head(0), "EMPTY", "the table", [], "0 rows"),
}


@pytest.mark.row(34)
@pytest.mark.parametrize("what", SPOILED)
def test_values_that_may_not_be_are_named_with_their_rows(table: pd.DataFrame, schema: TableSchema, what: str) -> None:
    spoil, code, column, rows, told = SPOILED[what]
    found = only(spoil(table), schema)

    assert (found.code, found.subject) == (code, column)
    assert [row["row"] for row in found.details.get("rows", ())] == rows
    assert told in found.message


@pytest.mark.row(34)
def test_nan_where_every_value_must_be_is_no_number(table: pd.DataFrame, schema: TableSchema) -> None:
    verdict = judge_schema(spoiled("tip", {5: np.nan})(table), schema)

    assert {(found.code, found.subject) for found in verdict.findings} == {("PRESENCE", "tip"), ("NOT_FINITE", "tip")}
    assert verdict.findings[1].details["found"] == {"nan": 1, "infinite": 0}


def test_a_rule_across_columns_stops_the_rows_that_break_it(table: pd.DataFrame, schema: TableSchema) -> None:
    rules = (
        Rule("the total covers the parts", "total >= fare + tip + tolls"),
        Rule("cash has no tip", "tip == 0", when="payment == 'cash'"),
        Rule("time passes", "dropoff >= pickup"),
    )
    broken = spoiled("total", {4: 1.0})(spoiled("dropoff", {6: pd.Timestamp("2019-01-01")})(table))
    cash = int(np.flatnonzero(table["payment"] == "cash")[0])
    broken.loc[cash, ["tip", "total"]] = [5.0, 200.0]

    assert judge_schema(table, replace(schema, rules=rules)).decision == "pass"
    found = judge_schema(broken, replace(schema, rules=rules)).findings
    assert [(one.code, one.subject, one.details["count"]) for one in found] == [
        ("RULE", "the total covers the parts", 1),
        ("RULE", "cash has no tip", 1),
        ("RULE", "time passes", 1),
    ]
    assert found[0].details["rows"][0]["values"]["total"] == 1.0


def test_columns_that_are_unique_together_are_held_to_it(table: pd.DataFrame, schema: TableSchema) -> None:
    keyed = replace(schema, keys=(("pickup", "dropoff", "total"),))
    twice = pd.concat([table, table.head(1).assign(ride="new")], ignore_index=True)

    assert judge_schema(table, keyed).decision == "pass"
    assert only(twice, keyed).code == "NOT_UNIQUE"


def test_a_column_that_may_be_absent_and_one_of_any_type_are_no_reason_to_stop(
    table: pd.DataFrame, schema: TableSchema
) -> None:
    columns = schema.columns | {"tolls": replace(schema.columns["tolls"], required=False), "note": ColumnSchema("any")}
    loose = replace(schema, columns=columns)

    assert judge_schema(table.drop(columns="tolls").assign(note="x"), loose).decision == "pass"


@pytest.mark.parametrize("what", [name for name in SPOILED if name != "no rows"])
def test_a_schema_is_widened_just_so_that_a_table_passes(table: pd.DataFrame, schema: TableSchema, what: str) -> None:
    spoil, _, column, *_ = SPOILED[what]
    wider = widen(schema, spoil(table))

    assert judge_schema(spoil(table), wider).decision == "pass"
    changed = {name for name in wider.columns if wider.columns[name] != schema.columns.get(name)}
    assert changed == {column}


@pytest.mark.parametrize(
    "as_other",
    [
        lambda frame: frame.to_numpy(),
        lambda frame: frame["a"],
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.astype({"b": "float32", "a": "int16"}),
    ],
    ids=["array", "series", "nullable", "narrow"],
)
def test_any_kind_of_table_is_judged(as_other: Callable[[pd.DataFrame], Any]) -> None:
    frame = pd.DataFrame({"a": range(200), "b": np.linspace(-1.0, 1.0, 200)})
    other = as_other(frame)

    assert judge_schema(other, infer_schema(other)).decision == "pass"


def test_text_is_text_however_pandas_stores_it() -> None:
    plain = pd.DataFrame({"a": pd.Series(["x", "y"] * 50, dtype=object)})
    schema = infer_schema(plain)

    for dtype in ("string", "category", "str"):
        assert judge_schema(plain.astype(dtype), schema).decision == "pass"
