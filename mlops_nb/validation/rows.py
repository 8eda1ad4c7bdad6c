"""A judge of rows that a model is to predict from: do they have its columns, of their types, with nothing missing.

The rows are turned into what the model was shown on the way, so that what is judged is what is predicted from. Rows
come in pieces; a reader notes what is wrong in each, and gives one verdict on all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

JUDGE = "model-input"
_SHOWN = 5
_TRUTHS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


@dataclass
class _Wrong:
    """What is wrong with one column: how often, and the first places."""

    code: str
    what: str
    count: int = 0
    rows: list[int] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


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
    """

    columns: Sequence[Mapping[str, Any]]
    by_position: bool = False
    rows: int = 0
    _wrong: dict[tuple[str, str], _Wrong] = field(default_factory=dict)

    def read(self, piece: pd.DataFrame) -> pd.DataFrame:
        """Return a piece of the rows as the model's input: its columns, in their order, of their types."""
        import pandas as pd

        names = self._names(list(map(str, piece.columns)))
        found: dict[str, Any] = {}
        for column, name in zip(self.columns, names, strict=True):
            wanted = str(column["name"])
            if name is None:
                self._note("MISSING_COLUMN", wanted, "the column is not there", [], [])
                continue
            values = piece.iloc[:, list(map(str, piece.columns)).index(name)].reset_index(drop=True)
            found[wanted] = self._converted(wanted, values, str(column["dtype"]))
            missing = found[wanted].isna() & values.isna()
            if not column.get("nullable", False) and missing.any():
                self._note("MISSING_VALUE", wanted, "missing", _places(missing, self.rows), [], int(missing.sum()))
        self.rows += len(piece)
        return pd.DataFrame(found)

    def verdict(self, subject: str, evidence: Mapping[str, Any] | None = None) -> Verdict:
        """Return the verdict on all rows read: `stop` when one of them does not fit."""
        findings = [
            Finding(wrong.code, name, _told(name, wrong), details={"count": wrong.count, "rows": wrong.rows})
            for (_, name), wrong in self._wrong.items()
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

    def _converted(self, name: str, values: pd.Series, dtype: str) -> pd.Series:
        """Return a column in the type of the signature; what cannot be is noted, and missing in the result."""
        import pandas as pd

        kind = dtype.partition("[")[0]
        if kind.startswith(("int", "uint", "float", "double", "decimal")):
            numbers = pd.to_numeric(values, errors="coerce")
            whole: Any = kind
            self._note_lost(name, values, numbers, "no number", "WRONG_TYPE")
            if kind.startswith(("int", "uint")):
                broken = numbers.notna() & (numbers % 1 != 0)
                self._note_where(name, values, broken, "no whole number", "WRONG_TYPE")
                # Whole where all are there; with a missing one, as pandas reads it: a float.
                return numbers.astype(whole) if numbers.notna().all() and not broken.any() else numbers
            return numbers.astype("float32" if kind == "float32" else "float64")
        if kind == "bool":
            truths = values.map(lambda value: value if isinstance(value, bool) else _TRUTHS.get(str(value)))
            self._note_lost(name, values, truths, "neither true nor false", "WRONG_TYPE")
            return truths.astype(bool) if truths.notna().all() else truths
        if kind.startswith(("datetime64", "date")):
            times: pd.Series = pd.to_datetime(values, errors="coerce", utc=", " in dtype)
            self._note_lost(name, values, times, "no time", "WRONG_TYPE")
            return times
        if kind == "category":
            return values.astype("category")
        texts = values.isna() | values.map(lambda value: isinstance(value, str))
        self._note_where(name, values, ~texts.astype(bool), "no text", "WRONG_TYPE")
        return values

    def _note_lost(self, name: str, before: pd.Series, after: pd.Series, what: str, code: str) -> None:
        self._note_where(name, before, before.notna() & after.isna(), what, code)

    def _note_where(self, name: str, values: pd.Series, where: pd.Series, what: str, code: str) -> None:
        if where.any():
            shown = [str(value) for value in values[where].head(_SHOWN)]
            self._note(code, name, what, _places(where, self.rows), shown, int(where.sum()))

    def _note(self, code: str, name: str, what: str, rows: list[int], values: list[str], count: int = 0) -> None:  # noqa: PLR0913, PLR0917 - what is wrong, and where
        wrong = self._wrong.setdefault((code, name), _Wrong(code, what))
        wrong.count += count
        wrong.rows = [*wrong.rows, *rows][:_SHOWN]
        wrong.examples = [*wrong.examples, *values][:_SHOWN]


def _places(where: Any, before: int) -> list[int]:
    return [before + int(place) for place in where.to_numpy().nonzero()[0][:_SHOWN]]


def _told(name: str, wrong: _Wrong) -> str:
    if wrong.code == "MISSING_COLUMN":
        return f"The model takes a column `{name}`, and the data has none."
    many = "1 value is" if wrong.count == 1 else f"{wrong.count} values are"
    example = f", {wrong.examples[0]!r}" if wrong.examples else ""
    return f"In column `{name}` {many} {wrong.what}; the first is in row {wrong.rows[0]}{example}."
