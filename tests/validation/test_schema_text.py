"""A schema's file: the same schema comes back, hand edits count, and a slip is answered with its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.validation import (
    Approval,
    Reference,
    Rule,
    RuleError,
    SchemaError,
    TableSchema,
    body_of,
    changes,
    infer_schema,
    parse_rule,
    parse_schema,
    schema_text,
    table_statistics,
)
from tests.validation.tables import people, rides


@pytest.fixture(scope="module")
def schema() -> TableSchema:
    return infer_schema(rides(), "rides")


def test_the_schema_of_a_text_is_the_one_that_was_written(schema: TableSchema) -> None:
    more = {"yes": schema.columns["tip"], "a: b, c": replace(schema.columns["tip"], note="é\n#")}
    odd = replace(
        schema,
        rules=(Rule("it's: [odd]", 'payment != "x, y" # no', when="tip > 0"),),
        keys=(("ride",), ("pickup", "total")),
        reference=Reference("a" * 64, 6433, "b" * 64, "20261123-183228-897a91"),
        approvals=(Approval(1, "c" * 64, "ada@host", "2026-11-23T18:32:28+00:00", 'no: "yes", {on}'),),
        columns=schema.columns | more,
    )

    for one in (schema, odd, infer_schema(people(), "people")):
        again = parse_schema(schema_text(one))
        assert again == one
        assert again.columns == one.columns
        assert again.content == one.content


def test_a_text_is_the_same_for_the_same_table_and_tells_what_was_seen(schema: TableSchema) -> None:
    statistics = table_statistics(rides())
    text = schema_text(schema, statistics)

    assert text == schema_text(infer_schema(rides(), "rides"), table_statistics(rides()))
    assert "fare:  # seen: 220 different values, 1 to 150" in text


def test_comments_and_order_are_no_change_and_a_demand_is(schema: TableSchema) -> None:
    text = schema_text(schema)
    body = body_of(text)
    commented = schema_text(schema, body=body.replace("\ncolumns:", "\n# looked at with Grace\ncolumns:"))

    assert "looked at with Grace" in commented
    assert parse_schema(commented).content == schema.content
    stricter = parse_schema(text.replace("max: 225", "max: 200"))
    assert stricter.content != schema.content
    assert changes(schema, stricter) == ("~ column `fare`: max 225 → 200",)


def test_only_what_was_approved_counts_as_approved(schema: TableSchema) -> None:
    approval = Approval(1, schema.content, "ada@host", "2026-11-23T18:32:28+00:00", "first look")
    approved = replace(schema, approvals=(approval,))

    assert not schema.approved
    assert parse_schema(schema_text(approved)).approved
    assert not parse_schema(schema_text(approved).replace("max: 225", "max: 9000")).approved


SLIPS = {
    "typ: text": "`columns.color.typ` is not known. Did you mean `type`?",
    "type: txt": "`columns.color.type` must be one of boolean, integer, number, text",
    "type: text\n    presence: 2": "`columns.color.presence` must be from 0 to 1, and is 2",
    "type: text\n    min: 0": "`columns.color.min` is for numbers and durations, and the column is of type text",
    "type: text\n    domain: green": "`columns.color.domain` must be a list of values",
    "type: text\n    unique: 7": "`columns.color.unique` must be true or false, and is 7",
    "type: text\nrules: [{check: colour == 'green'}]": "There is no column `colour`. Did you mean `color`?",
    "type: text\nother_columns: no": "`other_columns` must be stop or allow",
    "type: text\ndrift: {psy: 1}": "`drift.psy` is not known. Did you mean `psi`?",
    "type: text\n  - x": "is not valid YAML",
    "type: text\n    note: !!python/object/apply:os.getcwd []": "is not valid YAML",
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_file_is_answered_with_its_place(slip: str) -> None:
    with pytest.raises(SchemaError) as told:
        parse_schema(f"columns:\n  color:\n    {slip}\n", "rides.yaml")

    assert str(told.value).startswith("rides.yaml")
    assert SLIPS[slip] in str(told.value)


# --- rules ------------------------------------------------------------------------------------------------------------


RULES = {
    "a + b * 2 > 3": [False, True, True],
    "not a == 1 or b >= 2": [False, True, True],
    "a in (1, 3) and c not in ('x',)": [False, False, True],
    "1 < a <= 3": [False, True, True],
    "abs(a - b) < 1": [True, True, True],
    "length(c) == 2": [False, True, False],
    "lower(c) == 'yy'": [False, True, False],
    "missing(c) or c != 'x'": [False, True, True],
    "col('odd name') / a == 1": [True, True, True],
    "-a < -1": [False, True, True],
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_holds_for_the_rows_that_meet_it(rule: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0], "c": ["x", "YY", None], "odd name": [1, 2, 3]})
    held, judged = parse_rule(rule, dict.fromkeys(table.columns)).holds(table)

    # A row whose value is missing is not judged, and holds.
    assert (held | ~judged).tolist() == [one or not known for one, known in zip(RULES[rule], judged, strict=True)]
    assert judged[:2].all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("__import__('os').system('true')", "is no function of rules"),
        ("a.__class__ == 1", "means nothing in a rule"),
        ("(lambda: 1)() == 1", "is no function of rules"),
        ("[x for x in a] == 1", "means nothing in a rule"),
        ("a ** 9 > 1", "means nothing in a rule"),
        ("'x' * 1000000000 == c", "Only numbers and columns are computed with"),
        ("a is 1", "Compare with =="),
        ("a + 1", "compare it with something"),
        ("eval(a) == 1", "is no function of rules"),
        ("a ==", "This is no condition"),
        ("a == 1" + " or a == 1" * 80, "may have"),
        ("b = 1", "This is no condition"),
    ],
)
def test_a_rule_that_means_nothing_here_is_refused_and_never_evaluated(text: str, told: str) -> None:
    with pytest.raises(RuleError, match=r"\^|characters") as refused:
        parse_rule(text)

    assert told in refused.value.message


def test_a_rule_whose_values_cannot_be_compared_says_so() -> None:
    table = rides().head(10)

    with pytest.raises(UsageError, match="cannot be computed"):
        parse_rule("color > fare").holds(table)
