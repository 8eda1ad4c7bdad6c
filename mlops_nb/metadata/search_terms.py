"""From a condition to SQL: every value of it is bound, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import JSON, Float, String, and_, case, cast, func, literal_column, not_, or_, select
from sqlalchemy.sql import operators
from sqlalchemy.types import Text

from mlops_nb.errors import did_you_mean
from mlops_nb.metadata import tables as t
from mlops_nb.metadata.json_values import to_text
from mlops_nb.metadata.records import RunStatus
from mlops_nb.metadata.where import Both, Either, Not, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement

    from mlops_nb.metadata.where import Condition, Name, Value

_ORDER = {"<": operators.lt, "<=": operators.le, ">": operators.gt, ">=": operators.ge}
_TEXT = {
    "pipeline": t.run.c.pipeline,
    "why": t.run.c.why,
    "reason": t.run.c.reason,
    "user": t.run.c.who_user,
    "origin": t.run.c.origin_kind,
    "notebook": t.run.c.notebook,
    "id": t.run.c.id,
    "commit": t.run.c.git_commit,
}
_TIMES = "As '2026-11-24', '2026-11-24T18:30' or '2026-11-24T18:30:00+01:00'; without a zone it is UTC."
_SHORTEST_COMMIT = 4
_MICROSECONDS = 1_000_000
# NUL and lone surrogates, as JSON in ASCII has them.
_NO_TEXT = r"\\u0000|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f]"
# A longer number may be more than a double can hold, and a database refuses to cast it.
_DIGITS = 300


def measured() -> ColumnElement[bool]:
    """Return the condition that the step run which measured a metric was not withdrawn.

    `rows.standing` asks the same of a row of `step_run`, and reading that row for each of ten thousand metrics is what
    a search would take longest for.
    """
    # In words, and not bound: the database must see that the index holds just these.
    withdrawn = select(t.step_run.c.id).where(literal_column("status", String) == literal_column("'withdrawn'"))
    return t.metric.c.step_run.not_in(withdrawn)


@dataclass(frozen=True)
class Terms:
    """The translation of one text; `died` tells which runs died, when somebody asks for them."""

    text: str
    dialect: str
    died: Callable[[], list[str]]

    def of(self, condition: Condition) -> ColumnElement[bool]:
        """Return the SQL of a condition.

        Raises
        ------
        WhereError
            When a value is none that its name can have.
        """
        if isinstance(condition, Both):
            return and_(*map(self.of, condition.of))
        if isinstance(condition, Either):
            return or_(*map(self.of, condition.of))
        if isinstance(condition, Not):
            # Two truth values, not SQL's three: what is not there meets no comparison, so it meets the contrary.
            return not_(func.coalesce(case((self.of(condition.of), 1), else_=0), 0) == 1)
        if condition.operator == "in":
            return or_(*(self._one(condition.name, "=", value) for value in condition.values))
        return self._one(condition.name, condition.operator, condition.values[0])

    def has_status(self, status: str) -> ColumnElement[bool]:
        """Return the condition that a run is in a status; which of the running ones died, no column tells."""
        if status not in {"running", "died"}:
            return t.run.c.status == status
        died = t.run.c.id.in_(self.died())
        if status == "died":
            return or_(died, t.run.c.status == "died")
        return and_(t.run.c.status == "running", not_(died))

    def _one(self, name: Name, operator: str, value: Value) -> ColumnElement[bool]:
        if name.kind == "metric":
            return self._metric(name, operator, value)
        if name.kind == "param":
            return self._parameter(name, operator, value)
        if name.name == "status":
            return self._status(operator, value)
        if name.name == "started":
            return self._started(operator, value)
        if name.name == "seconds":
            return self._seconds(name, operator, value)
        return self._of_text(name, operator, value)

    def _metric(self, name: Name, operator: str, value: Value) -> ColumnElement[bool]:
        m = t.metric.c
        having = select(m.run).where(m.name == name.name, measured())
        if value.value is None:
            return self._null(t.run.c.id.in_(having), operator, value)
        return t.run.c.id.in_(having.where(self._number(m.value, name, operator, value)))

    def _parameter(self, name: Name, operator: str, value: Value) -> ColumnElement[bool]:
        p = t.parameter.c
        having = select(p.run).where(p.name == name.name, p.step.is_(None))
        # The text as it is stored: comparing the typed column would write every bound value as JSON once more.
        stored = cast(p.value, Text)
        given = value.value
        if given is None:
            return self._null(t.run.c.id.in_(having.where(stored.is_not(None))), operator, value)
        if isinstance(given, int | float) and not isinstance(given, bool):
            first = func.substr(stored, 1, 1)
            number = case(
                (and_(first.in_(list("-0123456789")), func.length(stored) <= _DIGITS), cast(stored, Float(53)))
            )
            return t.run.c.id.in_(having.where(self._number(number, name, operator, value)))
        if operator in {"like", "contains"}:
            return t.run.c.id.in_(having.where(self._told(stored).ilike(self._pattern(operator, value), escape="\\")))
        if operator not in {"=", "!="}:
            refuse(self.text, value.at, f"`{operator}` compares numbers and times.")
        same = stored == to_text(given)
        return t.run.c.id.in_(having.where(same if operator == "=" else stored.is_distinct_from(to_text(given))))

    def _told(self, stored: ColumnElement[str]) -> ColumnElement[str]:
        """Return the text that a stored JSON string stands for: it is kept in quotes, with escapes, in ASCII."""
        is_text = stored.like('"%')
        if self.dialect == "sqlite":
            return case((is_text, func.json_extract(stored, "$")))
        # Text that PostgreSQL cannot hold stays as it is stored.
        whole = not_(stored.regexp_match(_NO_TEXT))
        told: ColumnElement[str] = cast(stored, JSON).op("#>>")(literal_column("'{}'"))
        return case((and_(is_text, whole), told), (is_text, stored))

    def _status(self, operator: str, value: Value) -> ColumnElement[bool]:
        known = get_args(RunStatus)
        if value.value not in known:
            near = did_you_mean(str(value.value), known)
            refuse(self.text, value.at, f"This is no status of a run.{near}", f"A run is {', '.join(known)}.")
        if operator not in {"=", "!="}:
            refuse(self.text, value.at, f"A status is compared with `=`, `!=` or `in`, not with `{operator}`.")
        found = self.has_status(str(value.value))
        return found if operator == "=" else not_(found)

    def _started(self, operator: str, value: Value) -> ColumnElement[bool]:
        if not isinstance(value.value, str) or operator in {"like", "contains"}:
            refuse(self.text, value.at, "`started` is compared with a date or a time in quotes.", _TIMES)
        span = _span(value.value)
        if span is None:
            refuse(self.text, value.at, "This is no date and no time.", _TIMES)
        start, end = span
        column = t.run.c.started
        within = and_(column >= start, column < end)
        ways = {"=": within, "!=": not_(within), "<": column < start, "<=": column < end, ">": column >= end}
        return ways.get(operator, column >= start)

    def _seconds(self, name: Name, operator: str, value: Value) -> ColumnElement[bool]:
        took = cast(t.run.c.finished, Float(53)) - cast(t.run.c.started, Float(53))
        if value.value is None:
            return self._null(t.run.c.finished.is_not(None), operator, value)
        return self._number(took / _MICROSECONDS, name, operator, value)

    def _of_text(self, name: Name, operator: str, value: Value) -> ColumnElement[bool]:
        column: Any = _TEXT[name.name]
        if value.value is None:
            return self._null(and_(column.is_not(None), column != ""), operator, value)
        if not isinstance(value.value, str):
            refuse(self.text, value.at, f"`{name.text}` is text, and compared with text in quotes.")
        if operator in {"like", "contains"}:
            return func.coalesce(column, "").ilike(self._pattern(operator, value), escape="\\")
        if operator not in {"=", "!="}:
            refuse(self.text, value.at, f"`{operator}` compares numbers and times.")
        if name.name == "commit" and len(value.value) >= _SHORTEST_COMMIT:
            # Commits are told apart by how they begin.
            same = func.coalesce(func.substr(column, 1, len(value.value)), "", type_=String) == value.value.lower()
        else:
            same = func.coalesce(column, "") == value.value if name.name == "commit" else column == value.value
        return same if operator == "=" else not_(same)

    def _number(self, column: Any, name: Name, operator: str, value: Value) -> ColumnElement[bool]:
        given = value.value
        if isinstance(given, bool) or not isinstance(given, int | float) or operator in {"like", "contains"}:
            refuse(self.text, value.at, f"`{name.text}` is a number, and compared with numbers.")
        if operator == "=":
            return column == float(given)  # type: ignore[no-any-return]
        if operator == "!=":
            return column.is_distinct_from(float(given))  # type: ignore[no-any-return]
        return _ORDER[operator](column, float(given))  # type: ignore[no-any-return]

    def _null(self, there: ColumnElement[bool], operator: str, value: Value) -> ColumnElement[bool]:
        if operator not in {"=", "!="}:
            refuse(self.text, value.at, f"Nothing is compared with `null` by `{operator}`; `=` and `!=` do.")
        return there if operator == "!=" else not_(there)

    def _pattern(self, operator: str, value: Value) -> str:
        given = str(value.value)
        if operator == "contains":
            return "%" + re.sub(r"([\\%_])", r"\\\1", given) + "%"
        if re.search(r"(?<!\\)(\\\\)*\\$", given):
            refuse(self.text, value.at, "A pattern cannot end with a single backslash.")
        return given


def _span(text: str) -> tuple[datetime, datetime] | None:
    """Return the moments that a date or time names, from the first to the first after: a day, a minute, a second."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            start = datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
            return start, start + timedelta(days=1)
        start = datetime.fromisoformat(text.strip())
        start = start if start.tzinfo is not None else start.replace(tzinfo=UTC)
        if re.search(r"[T ]\d\d:?\d\d(?![:\d])", text):
            return start, start + timedelta(minutes=1)
        return start, start + (timedelta(microseconds=1) if start.microsecond else timedelta(seconds=1))
    except (ValueError, OverflowError):
        return None
