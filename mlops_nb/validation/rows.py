"""A judge of rows that a model is to predict from: do they have its columns, of their types, with nothing missing.

The rows are turned into what the model was shown on the way, so that what is judged is what is predicted from. Rows
come in pieces of a file, or as the values of a request; a reader notes what is wrong in each, and gives one verdict on
all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import did_you_mean
from mlops_nb.validation.json_values import ABSENT, column_of
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

JUDGE = "model-input"
_SHOWN = 5
_LONGEST = 80
_TRUTHS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


@dataclass
class _Wrong:
    """What is wrong with one column: how often, and the first places, with the values there."""

    code: str
    what: str
    count: int = 0
    places: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Violation:
    """One value, or one column of a row, that a model does not take; rows are counted from 0."""

    code: str
    row: int
    column: str
    message: str


@dataclass
class RowsReader:
    """Reads rows in pieces as a model's input.

    Parameters
    ----------
    columns
        For each column of the signature its `name`, `dtype` (a logical type, the same in pandas 2 and 3) and whether it
        may be missing (`nullable`).
    by_position
        Whether columns go by their place where the names are not there: a model that was shown an array has no names.
    like
        The pandas types of the columns in the model's sample rows, by name; a column becomes of that very type.
    shown
        How many places of one kind of fault are kept.
    """

    columns: Sequence[Mapping[str, Any]]
    by_position: bool = False
    like: Mapping[str, Any] = field(default_factory=dict)
    shown: int = _SHOWN
    rows: int = 0
    _wrong: dict[tuple[str, str, str], _Wrong] = field(default_factory=dict)

    def read(self, piece: pd.DataFrame) -> pd.DataFrame:
        """Return a piece of a file's rows as the model's input: its columns, in their order, of their types."""
        import pandas as pd

        names = self._names(list(map(str, piece.columns)))
        found: dict[str, Any] = {}
        for column, name in zip(self.columns, names, strict=True):
            wanted = str(column["name"])
            if name is None:
                self._note("MISSING_COLUMN", wanted, "the column is not there", [])
                continue
            values = piece.iloc[:, list(map(str, piece.columns)).index(name)].reset_index(drop=True)
            read = self._converted(wanted, values, str(column["dtype"]))
            missing = read.isna() & values.isna()
            if not column.get("nullable", False) and missing.any():
                self._note(
                    "MISSING_VALUE", wanted, "missing", _places(missing, self.rows, self.shown), int(missing.sum())
                )
            found[wanted] = self._as_trained(wanted, read)
        self.rows += len(piece)
        return pd.DataFrame(found)

    def read_json(self, values: Mapping[str, Sequence[Any]], count: int) -> dict[str, Any]:
        """Return values out of JSON as the model's input: its columns as arrays, in their order, of their types.

        Parameters
        ----------
        values
            By column, `count` values each: as JSON has them, `None` for a missing one, `ABSENT` where a row has none.
            Columns that the model does not take are noted.
        """
        found: dict[str, Any] = {}
        for column in self.columns:
            name = str(column["name"])
            given = values.get(name)
            if given is None:
                given = [ABSENT] * count
            found[name], problems = column_of(given, str(column["dtype"]), self.like.get(name))
            for place, code, what in problems:
                self._note(code, name, what, [(self.rows + place, _short(json.dumps(given[place])))], 1)
            self._note_missing(name, given, nullable=bool(column.get("nullable", False)))
        for name in values.keys() - found.keys():
            for place, value in enumerate(values[name]):
                if value is not ABSENT:
                    self._note("UNKNOWN_COLUMN", name, "not taken", [(self.rows + place, "")], 1)
        self.rows += count
        return found

    @property
    def fits(self) -> bool:
        """Whether nothing was wrong with any row so far."""
        return not self._wrong

    @property
    def faults(self) -> int:
        """How many values were wrong, those that are not shown among them."""
        return sum(wrong.count for wrong in self._wrong.values())

    def violations(self) -> list[Violation]:
        """Return the first `shown` faults in values of a request, row by row, an entry a value."""
        names = [str(column["name"]) for column in self.columns]
        places = [
            (row, name, value, wrong) for (_, name, _), wrong in self._wrong.items() for row, value in wrong.places
        ]
        return [
            Violation(wrong.code, row, name, _told_of_row(name, wrong, row, value, names))
            for row, name, value, wrong in sorted(places, key=lambda place: place[:2])[: self.shown]
        ]

    def verdict(self, subject: str, evidence: Mapping[str, Any] | None = None) -> Verdict:
        """Return the verdict on all rows read: `stop` when one of them does not fit."""
        findings = [
            Finding(
                wrong.code,
                name,
                _told(name, wrong),
                details={"count": wrong.count, "rows": [row for row, _ in wrong.places]},
            )
            for (_, name, _), wrong in self._wrong.items()
        ]
        if not self.rows:
            findings.append(Finding("NO_ROWS", subject, f"{subject} has no rows."))
        told = {"rows": self.rows, "columns": [str(column["name"]) for column in self.columns], **(evidence or {})}
        return Verdict(JUDGE, subject, "stop" if findings else "pass", tuple(findings), told)

    def _names(self, given: list[str]) -> list[str | None]:
        wanted = [str(column["name"]) for column in self.columns]
        if self.by_position and not set(wanted) <= set(given) and len(given) == len(wanted):
            return list(given)
        return [name if name in given else None for name in wanted]

    def _note_missing(self, name: str, given: Sequence[Any], *, nullable: bool) -> None:
        for place, value in enumerate(given):
            if value is ABSENT:
                self._note("MISSING_COLUMN", name, "not there", [(self.rows + place, "")], 1)
            elif value is None and not nullable:
                self._note("MISSING_VALUE", name, "missing", [(self.rows + place, "")], 1)

    def _converted(self, name: str, values: pd.Series, dtype: str) -> pd.Series:
        """Return a column in the type of the signature; what cannot be is noted, and missing in the result."""
        import pandas as pd

        kind = dtype.partition("[")[0]
        like = self.like.get(name)
        if kind == "category" and like is not None and not isinstance(like, pd.CategoricalDtype):
            # The file of the sample rows keeps no categories that are numbers.
            return self._converted(name, values, str(like).lower()).astype("category")
        if kind.startswith(("int", "uint", "float", "double", "decimal")):
            return self._numbers(name, values, kind)
        if kind == "bool":
            truths = values.map(lambda value: value if isinstance(value, bool) else _TRUTHS.get(str(value)))
            self._note_lost(name, values, truths, "neither true nor false")
            return truths.astype(bool) if truths.notna().all() else truths
        if kind.startswith(("datetime64", "date")):
            return self._times(name, values, dtype)
        if kind == "timedelta64":
            lasting: pd.Series = pd.to_timedelta(values, errors="coerce")
            self._note_lost(name, values, lasting, "no duration")
            return lasting
        if kind == "category":
            if isinstance(like, pd.CategoricalDtype):
                unknown = values.notna() & ~values.isin(like.categories)
                self._note_where(name, values, unknown, "no category that the model knows", "UNKNOWN_CATEGORY")
                return values.where(~unknown).astype(like)
            return values.astype("category")
        texts = values.isna() | values.map(lambda value: isinstance(value, str))
        self._note_where(name, values, ~texts.astype(bool), "no text")
        return values

    def _numbers(self, name: str, values: pd.Series, kind: str) -> pd.Series:
        import numpy as np
        import pandas as pd

        numbers = pd.to_numeric(values, errors="coerce")
        self._note_lost(name, values, numbers, "no number")
        if not kind.startswith(("int", "uint")):
            return numbers.astype("float32" if kind == "float32" else "float64")
        broken = numbers.notna() & (numbers % 1 != 0)
        self._note_where(name, values, broken, "no whole number")
        limits = np.iinfo(kind)
        # As a float the largest of 64 bits is one too many.
        most = limits.max if numbers.dtype.kind in "iu" else np.nextafter(float(limits.max), 0)
        beyond = (numbers < limits.min) | (numbers > most)
        self._note_where(name, values, beyond.astype(bool), f"not between {limits.min} and {limits.max}")
        # Whole where all are there; with a missing one, as pandas reads it: a float.
        whole: Any = kind
        return numbers.astype(whole) if numbers.notna().all() and not (broken | beyond).any() else numbers

    def _times(self, name: str, values: pd.Series, dtype: str) -> pd.Series:
        import pandas as pd

        aware = ", " in dtype
        try:
            times: pd.Series = pd.to_datetime(values, errors="coerce", utc=aware, format="ISO8601")
            if (times.isna() & values.notna()).any():
                # Of another form than ISO 8601, the same in the whole column.
                times = pd.to_datetime(values, errors="coerce", utc=aware)
            offset = not aware and getattr(times.dtype, "tz", None) is not None
        except ValueError:
            # Of several offsets.
            offset = True
            times = values
        if offset:
            self._note_where(name, values, values.notna(), "a time with an offset from UTC")
            return pd.to_datetime(pd.Series([None] * len(values)))
        self._note_lost(name, values, times, "no time")
        return times.dt.date if dtype == "date" and str(self.like.get(name)) == "object" else times

    def _as_trained(self, name: str, values: pd.Series) -> pd.Series:
        """Return a column in the very type that it has in the sample rows, where that can hold it."""
        import numpy as np

        like = self.like.get(name)
        if like is None or values.dtype == like or values.dtype.name == "category":
            return values
        if isinstance(like, np.dtype) and like.kind in "iub" and values.isna().any():
            return values
        return values if self._wrong else values.astype(like)

    def _note_lost(self, name: str, before: pd.Series, after: pd.Series, what: str) -> None:
        self._note_where(name, before, before.notna() & after.isna(), what)

    def _note_where(self, name: str, values: pd.Series, where: pd.Series, what: str, code: str = "WRONG_TYPE") -> None:
        if where.any():
            shown = [_short(value) for value in values[where].head(self.shown)]
            rows = [row for row, _ in _places(where, self.rows, self.shown)]
            self._note(code, name, what, list(zip(rows, shown, strict=True)), int(where.sum()))

    def _note(self, code: str, name: str, what: str, places: list[tuple[int, str]], count: int = 0) -> None:
        wrong = self._wrong.setdefault((code, name, what), _Wrong(code, what))
        wrong.count += count
        wrong.places = [*wrong.places, *places][: self.shown]


def _places(where: Any, before: int, most: int) -> list[tuple[int, str]]:
    return [(before + int(place), "") for place in where.to_numpy().nonzero()[0][:most]]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _told(name: str, wrong: _Wrong) -> str:
    if wrong.code == "MISSING_COLUMN":
        return f"The model takes a column `{name}`, and the data has none."
    many = "1 value is" if wrong.count == 1 else f"{wrong.count} values are"
    row, value = wrong.places[0]
    return f"In column `{name}` {many} {wrong.what}; the first is in row {row}{f', {value!r}' if value else ''}."


def _told_of_row(name: str, wrong: _Wrong, row: int, value: str, names: Sequence[str]) -> str:
    if wrong.code == "MISSING_COLUMN":
        return f"Row {row} has no `{name}`, which the model takes."
    if wrong.code == "UNKNOWN_COLUMN":
        return f"Row {row} has a `{name}`, which the model does not take.{did_you_mean(name, names)}"
    return f"`{name}` in row {row} is {wrong.what}{f': {value}' if value else ''}."
