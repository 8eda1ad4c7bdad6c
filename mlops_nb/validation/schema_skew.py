"""Whether a table is what its schema says it must be: schema skew, which stops a run before anything is trained on it.

Every column is checked whole, and every kind of fault is one finding: the column, what was demanded, how many rows of
how many, and the first of them with their ids and values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.errors import did_you_mean
from mlops_nb.validation.frames import (
    as_frame,
    counted,
    kind_of,
    numbers_of,
    percent,
    plain,
    samples,
    seconds_of,
)
from mlops_nb.validation.rules import RuleError, parse_rule
from mlops_nb.validation.schema import NUMERIC
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd

    from mlops_nb.validation.schema import ColumnSchema, Rule, TableSchema

JUDGE = "data-schema"
# The column that stands for the table where a finding is about no column.
TABLE = "the table"
_NAMED = 5


def judge_schema(table: Any, schema: TableSchema, *, subject: str = "") -> Verdict:
    """Say whether a table is what its schema says: `stop` where it is not.

    Parameters
    ----------
    table
        A pandas frame or series, a NumPy array, or an Arrow table.
    schema
        What it must look like.
    subject
        What the verdict calls the table; the schema's output when empty.
    """
    frame = as_frame(table)
    findings = [*_shape(frame, schema)]
    for name, column in schema.columns.items():
        if name in frame.columns and len(frame):
            findings += _column(frame, name, column)
    if len(frame):
        findings += _across(frame, schema)
    evidence = {
        "rows": len(frame),
        "columns": len(frame.columns),
        "schema": {"version": schema.version, "content": schema.content},
    }
    return Verdict(JUDGE, subject or schema.output, "stop" if findings else "pass", tuple(findings), evidence)


def _shape(frame: pd.DataFrame, schema: TableSchema) -> Iterator[Finding]:
    if len(frame) < schema.rows:
        message = f"The table has {counted(len(frame), 'row')}, and at least {schema.rows:,} are demanded."
        yield Finding("EMPTY", TABLE, message, details={"count": len(frame), "minimum": schema.rows})
    for name, column in schema.columns.items():
        if column.required and name not in frame.columns:
            near = did_you_mean(name, [other for other in frame.columns if other not in schema.columns])
            yield Finding(
                "MISSING_COLUMN", name, f"The column `{name}` is missing.{near}", details={"rule": "required"}
            )
    for name in frame.columns:
        if name not in schema.columns and schema.other_columns == "stop":
            kind = kind_of(frame[name])
            details = {"rule": "other_columns: stop", "type": kind, "rows": _first_values(frame, str(name))}
            yield Finding(
                "NEW_COLUMN", str(name), f"The column `{name}` ({kind}) is not in the schema.", details=details
            )


def _first_values(frame: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    import numpy as np

    return samples(frame, np.ones(len(frame), dtype=bool), [name], 2)


def _column(frame: pd.DataFrame, name: str, column: ColumnSchema) -> Iterator[Finding]:
    series = frame[name]
    missing = series.isna().to_numpy(dtype=bool)
    present = 1 - float(missing.mean())
    if present < column.presence:
        rule = f"presence at least {column.presence:g}"
        told = f"has no value in too many rows, and may have none in {percent(1 - column.presence)}"
        yield _found(frame, "PRESENCE", name, missing, told, rule, presence=present)
    wrong = wrong_type(series, column)
    if wrong.any():
        rule = f"type {column.type}"
        told = f"is to be {_article(column.type)}, and holds something else: {_examples(series, wrong)}"
        yield _found(frame, "WRONG_TYPE", name, wrong, told, rule)
        # What it holds cannot be held against a range or a domain of another type.
    else:
        yield from _values(frame, name, column)
    if column.unique:
        again = series.duplicated(keep=False).to_numpy(dtype=bool) & ~missing
        if again.any():
            told = f"is to have no value twice: {_examples(series, again)}"
            yield _found(frame, "NOT_UNIQUE", name, again, told, "unique")


def _values(frame: pd.DataFrame, name: str, column: ColumnSchema) -> Iterator[Finding]:
    import numpy as np

    series = frame[name]
    kind = kind_of(series)
    if column.type in NUMERIC or (column.type == "duration" and kind == "duration"):
        numbers = seconds_of(series) if kind == "duration" else numbers_of(series) if kind != "empty" else None
        if numbers is not None:
            infinite = np.isinf(numbers)
            # NaN is told as well where no value may be missing: it comes out of a division, and is no gap in the data.
            nan = np.isnan(numbers) if column.presence == 1 else np.zeros(len(numbers), dtype=bool)
            not_finite = nan if column.infinite else nan | infinite
            if not_finite.any():
                told = f"is to be finite: {_of_each(numbers)}"
                yield _found(frame, "NOT_FINITE", name, not_finite, told, "finite", found=_how_many(numbers))
            yield from _range(frame, name, column, numbers, infinite)
    if column.domain is not None:
        known = set(column.domain)
        strange = [value for value in series.dropna().unique() if plain(value) not in known]
        outside = series.isin(strange).to_numpy(dtype=bool) if strange else np.zeros(len(series), dtype=bool)
        share = float(outside.mean())
        if share > column.unseen:
            allowed = f"; {percent(column.unseen)} of the rows may" if column.unseen else ""
            told = (
                f"has values outside its domain: {_examples(series, outside)}{_near(series, outside, column)}{allowed}"
            )
            yield _found(frame, "OUT_OF_DOMAIN", name, outside, told, "domain", unseen=column.unseen)


def _near(series: pd.Series, outside: np.ndarray, column: ColumnSchema) -> str:
    import numpy as np

    value = series.iloc[int(np.flatnonzero(outside)[0])]
    return did_you_mean(str(value), [str(known) for known in column.domain or ()])


def _range(
    frame: pd.DataFrame, name: str, column: ColumnSchema, numbers: np.ndarray, infinite: np.ndarray
) -> Iterator[Finding]:
    import numpy as np

    low = numbers < (column.min if column.min is not None else -np.inf)
    high = numbers > (column.max if column.max is not None else np.inf)
    outside = (low | high) & ~infinite
    if outside.any():
        bounds = f"{_bound(column.min, '-∞')} to {_bound(column.max, '∞')}"
        found = numbers[outside]
        reach = f"{found.min():g}" if len(np.unique(found)) == 1 else f"{found.min():g} to {found.max():g}"
        told = f"is to be within {bounds}, and has {reach}"
        details = {"min": column.min, "max": column.max, "lowest": plain(found.min()), "highest": plain(found.max())}
        yield _found(frame, "OUT_OF_RANGE", name, outside, told, f"range {bounds}", **details)


def _bound(value: float | None, without: str) -> str:
    return without if value is None else f"{value:g}"


def _across(frame: pd.DataFrame, schema: TableSchema) -> Iterator[Finding]:
    for key in schema.keys:
        names = [name for name in key if name in frame.columns]
        if len(names) == len(key):
            again = frame.duplicated(names, keep=False).to_numpy(dtype=bool)
            if again.any():
                told = f"are to have no combination twice: {counted(int(again.sum()), 'row')}"
                yield _found(frame, "NOT_UNIQUE", ", ".join(key), again, told, "key", columns=names)
    for rule in schema.rules:
        yield from _rule(frame, rule, schema)


def _rule(frame: pd.DataFrame, rule: Rule, schema: TableSchema) -> Iterator[Finding]:
    text = rule.check + (f" (when {rule.when})" if rule.when else "")
    try:
        check = parse_rule(rule.check)
        when = parse_rule(rule.when) if rule.when else None
        columns = [*check.columns, *(when.columns if when else ())]
        absent = [name for name in columns if name not in frame.columns]
        if absent:
            # Missing columns that are required have a finding of their own.
            if not any(name in schema.columns and schema.columns[name].required for name in absent):
                details = {"rule": text, "columns": absent}
                message = f"The rule `{rule.name}` cannot be judged: there is no column `{absent[0]}`."
                yield Finding("RULE", rule.name, message, details=details)
            return
        held, judged = check.holds(frame)
        broken = judged & ~held
        if when is not None:
            applies, known = when.holds(frame)
            broken &= applies & known
    except RuleError as error:
        yield Finding(
            "RULE", rule.name, f"The rule `{rule.name}` cannot be judged: {error.message}", details={"rule": text}
        )
        return
    if broken.any():
        told = f"The rule `{rule.name}`, {text}, does not hold"
        yield _found(frame, "RULE", rule.name, broken, told, text, columns=list(dict.fromkeys(columns)), whole=True)


def _found(  # noqa: PLR0913, PLR0917 - what a finding consists of
    frame: pd.DataFrame,
    code: str,
    subject: str,
    wrong: np.ndarray,
    told: str,
    rule: str,
    *,
    columns: list[str] | None = None,
    whole: bool = False,
    **details: Any,
) -> Finding:
    """Return a finding with its rows: how many, their share, and the first of them."""
    count, share = int(wrong.sum()), float(wrong.mean())
    where = f" ({counted(count, 'row')}, {percent(share)})"
    noun = "" if whole else f"`{subject}` " if columns is None else f"The columns `{'`, `'.join(columns)}` "
    message = f"{noun}{told}{where}."
    given = {"rule": rule, "count": count, "share": share, **details}
    return Finding(code, subject, message, details=given | {"rows": samples(frame, wrong, columns or [subject])})


def wrong_type(series: pd.Series, column: ColumnSchema) -> np.ndarray:
    """Return which values of a column are not of its declared type, bool, shape (n,); missing ones never are."""
    import numpy as np

    kind = kind_of(series)
    none: np.ndarray = np.zeros(len(series), dtype=bool)
    wanted = column.type
    if wanted in {"any", kind} or kind == "empty" or (wanted == "number" and kind == "integer"):
        return none
    present: np.ndarray = series.notna().to_numpy(dtype=bool)
    if wanted == "integer" and kind == "number":
        # A column of whole numbers becomes one of floats as soon as a value is missing.
        numbers = numbers_of(series)
        fraction = np.isfinite(numbers) & (numbers % 1 != 0)
        wrong: np.ndarray = fraction & present
        return wrong
    if kind == "mixed":
        present = present & ~np.array([_is_of(value, wanted) for value in series], dtype=bool)
    return present


def _is_of(value: Any, wanted: str) -> bool:
    import numpy as np
    import pandas as pd

    types: dict[str, tuple[type, ...]] = {
        "boolean": (bool, np.bool_),
        "integer": (int, np.integer),
        "number": (int, float, np.integer, np.floating),
        "text": (str,),
        "datetime": (pd.Timestamp, np.datetime64),
        "duration": (pd.Timedelta, np.timedelta64),
    }
    if wanted != "boolean" and isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, types[wanted])


def _article(wanted: str) -> str:
    return {"integer": "a whole number", "text": "text", "datetime": "a time"}.get(wanted, f"a {wanted}")


def _examples(series: pd.Series, wrong: np.ndarray) -> str:
    """Return the first different values that are wrong, in quotes where they are text."""
    found = list(dict.fromkeys(repr(plain(value)) for value in series[wrong].head(1_000)))
    return ", ".join(found[:_NAMED]) + ("…" if len(found) > _NAMED else "")


def _how_many(numbers: np.ndarray) -> dict[str, int]:
    import numpy as np

    return {"nan": int(np.isnan(numbers).sum()), "infinite": int(np.isinf(numbers).sum())}


def _of_each(numbers: np.ndarray) -> str:
    found = _how_many(numbers)
    return ", ".join(
        f"{count:,} {name}" for name, count in (("NaN", found["nan"]), ("infinite", found["infinite"])) if count
    )
