"""A schema as a file that people review: YAML with a comment a column, stable, and read with `yaml.safe_load` only.

The file has two parts, with a line of dashes between them. The head is the tool's: which version this is, who approved
which, when and why, and what new tables are compared with. The body is a person's: edited by hand, comments and all,
it stays as it is written when it is approved.

Format 1. A reader refuses a format that it does not know, and keeps reading the old ones.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.validation.frames import percent
from mlops_nb.validation.rules import RuleError, parse_rule
from mlops_nb.validation.schema import (
    NUMERIC,
    TYPES,
    Approval,
    ColumnSchema,
    DriftLimits,
    Reference,
    Rule,
    TableSchema,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.validation.statistics import ColumnStatistics, TableStatistics

FORMAT = 1
_LINE = "# ------- what the table must look like; below this line it is yours -------"
_HEAD = ("mlops_nb_schema", "output", "approvals", "reference")
_BODY = ("rows", "other_columns", "columns", "keys", "rules", "drift")
_SHARES = ("presence", "unseen", "importance")


class SchemaError(UsageError):
    """A schema file says something that cannot be."""

    code = "schema"


def schema_text(schema: TableSchema, statistics: TableStatistics | None = None, *, body: str = "") -> str:
    """Return a schema as the text of its file.

    Parameters
    ----------
    schema
        The schema.
    statistics
        What the table that it was inferred from is like, for the comments.
    body
        The body as somebody wrote it, which then stays as it is.
    """
    return f"{_head(schema)}\n{_LINE}\n{body or _body(schema, statistics)}"


def body_of(text: str) -> str:
    """Return the part of a schema's file that is a person's; empty where there is no line that divides it."""
    _, line, body = text.partition(f"{_LINE}\n")
    return body if line else ""


def _head(schema: TableSchema) -> str:
    lines = [
        f"# What the table `{schema.output}` must look like. A run stops where it does not.",
        '# A change holds once it is approved: mlops-nb schema NOTEBOOK OUTPUT --approve --why "…"',
        f"mlops_nb_schema: {FORMAT}",
        f"output: {_scalar(schema.output)}",
    ]
    if schema.approvals:
        lines.append("approvals:")
    lines += [f"  - {_mapping(asdict(approval))}" for approval in schema.approvals]
    if schema.reference is not None:
        told = {key: value for key, value in asdict(schema.reference).items() if value != ""}
        lines.append("reference:  # what new tables are compared with")
        lines += [f"  {key}: {_scalar(value)}" for key, value in told.items()]
    return "\n".join(lines)


def _body(schema: TableSchema, statistics: TableStatistics | None) -> str:
    lines = [f"rows: {schema.rows}  # at least", f"other_columns: {schema.other_columns}  # or: allow", "columns:"]
    if not schema.columns:
        lines[-1] += " {}"
    for name, column in schema.columns.items():
        seen = statistics.columns.get(name) if statistics is not None else None
        lines.append(f"  {_scalar(name)}:" + (f"  # {_seen(seen)}" if seen is not None else ""))
        lines += [f"    {line}" for line in _column_lines(column)]
    lines += _list("keys", [f"[{', '.join(_scalar(name) for name in key)}]" for key in schema.keys])
    rules = [_mapping({key: value for key, value in asdict(rule).items() if value}) for rule in schema.rules]
    lines += _list("rules", rules, hint='for example: {name: "the total adds up", check: "total >= fare + tip"}')
    lines.append("drift:  # from where on values count as changed")
    lines += [f"  {key}: {_scalar(value)}" for key, value in asdict(schema.drift).items()]
    return "\n".join(lines) + "\n"


def _mapping(told: Mapping[str, Any]) -> str:
    """Return a mapping on one line."""
    return f"{{{', '.join(f'{key}: {_scalar(value)}' for key, value in told.items())}}}"


def _list(name: str, items: list[str], hint: str = "") -> list[str]:
    if not items:
        return [f"{name}: []" + (f"  # {hint}" if hint else "")]
    return [f"{name}:", *(f"  - {item}" for item in items)]


def _column_lines(column: ColumnSchema) -> Iterable[str]:
    blank = ColumnSchema("any")
    for field in fields(column):
        value = getattr(column, field.name)
        if field.name in {"type", "presence"} or value != getattr(blank, field.name):
            shown = f"[{', '.join(map(_scalar, value))}]" if isinstance(value, tuple) else _scalar(value)
            yield f"{field.name}: {shown}"


def _scalar(value: Any) -> str:
    """Return a value as YAML reads it back on one line."""
    import yaml

    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - what a float counts exactly
        value = int(value)
    if isinstance(value, str):
        plain: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
        first = plain.splitlines()[0]
        # In a flow sequence a comma or a bracket would end it, and YAML's quotes may fold lines: JSON's do neither.
        safe = first == value and not set(value) & set(",[]{}#:&*!|>'\"%@`\n")
        return first if safe else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _seen(seen: ColumnStatistics) -> str:
    parts = [f"{seen.distinct:,} different values" if seen.distinct else seen.kind]
    if seen.minimum is not None and seen.maximum is not None:
        parts.append(f"{seen.minimum:g} to {seen.maximum:g}")
    if seen.missing:
        parts.append(f"{percent(seen.missing / seen.rows)} missing")
    return "seen: " + ", ".join(parts)


def parse_schema(text: str, where: str = "the schema") -> TableSchema:
    """Return the schema of a file's text.

    Parameters
    ----------
    text
        The file's text.
    where
        What errors call the file.

    Raises
    ------
    SchemaError
        When it is no YAML, or something in it is unknown, misspelt or of the wrong type.
    """
    import yaml

    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        message = f"{where} is not valid YAML: {' '.join(str(error).split())}."
        raise SchemaError(message, hint="Mend the file, or write a new proposal.") from error
    if not isinstance(told, dict):
        message = f"{where} holds no schema."
        raise SchemaError(message, hint="A schema is a mapping with `columns`.")
    return _Reading(where).schema(told)


class _Reading:
    """Reads a mapping into a schema; the first thing that cannot be is told with its place."""

    def __init__(self, where: str) -> None:
        self._where = where

    def schema(self, told: Mapping[str, Any]) -> TableSchema:
        if told.get("mlops_nb_schema", FORMAT) != FORMAT:
            self._refuse(
                "mlops_nb_schema", f"is {told['mlops_nb_schema']!r}, and this version of mlops_nb reads {FORMAT}"
            )
        self._known("", told, (*_HEAD, *_BODY))
        columns = self._mapping("columns", told.get("columns") or {})
        read = {str(name): self._column(f"columns.{name}", given) for name, given in columns.items()}
        keys = told.get("keys") or []
        rules = told.get("rules") or []
        if not all(isinstance(key, list) and key for key in keys):
            self._refuse("keys", "must be lists of columns, such as `- [pickup, taxi]`")
        other = told.get("other_columns", "stop")
        if other not in {"stop", "allow"}:
            self._refuse("other_columns", f"must be stop or allow, and is {other!r}")
        return TableSchema(
            output=str(told.get("output", "data")),
            columns=read,
            rows=int(self._number("rows", told.get("rows", 1), 0)),
            other_columns=other,
            keys=tuple(tuple(map(str, key)) for key in keys),
            rules=tuple(self._rule(f"rules[{at}]", rule, read) for at, rule in enumerate(rules)),
            drift=self._drift(told.get("drift") or {}),
            reference=self._reference(told.get("reference")),
            approvals=tuple(self._approval(at, given) for at, given in enumerate(told.get("approvals") or [])),
        )

    def _column(self, place: str, told: Any) -> ColumnSchema:
        given = self._mapping(place, told)
        self._known(place, given, [field.name for field in fields(ColumnSchema)])
        wanted = given.get("type")
        if wanted not in TYPES:
            near = did_you_mean(str(wanted), TYPES) if wanted else ""
            self._refuse(f"{place}.type", f"must be one of {', '.join(TYPES)}, and is {wanted!r}.{near}")
        self._check_values(place, given)
        domain = given.get("domain")
        note = str(given.get("note") or "")
        found = {**given, "domain": None if domain is None else tuple(domain), "note": note}
        return ColumnSchema(**found)

    def _check_values(self, place: str, given: Mapping[str, Any]) -> None:
        for name in ("required", "unique", "infinite"):
            if not isinstance(given.get(name, False), bool):
                self._refuse(f"{place}.{name}", f"must be true or false, and is {given[name]!r}")
        for name in _SHARES:
            if name in given:
                self._number(f"{place}.{name}", given[name], 0, 1)
        for name in ("min", "max"):
            if given.get(name) is not None:
                self._number(f"{place}.{name}", given[name])
                if given["type"] not in {*NUMERIC, "duration"}:
                    told = f"is for numbers and durations, and the column is of type {given['type']}"
                    self._refuse(f"{place}.{name}", told)
        domain = given.get("domain") or []
        if not isinstance(domain, list) or any(isinstance(value, dict | list) for value in domain):
            self._refuse(f"{place}.domain", "must be a list of values")

    def _rule(self, place: str, told: Any, columns: Mapping[str, Any]) -> Rule:
        given = self._mapping(place, told)
        self._known(place, given, [field.name for field in fields(Rule)])
        check, when = str(given.get("check") or ""), str(given.get("when") or "")
        try:
            # A column that the schema does not name may be there all the same.
            known = columns or None
            parse_rule(check, known)
            if when:
                parse_rule(when, known)
        except RuleError as error:
            message = f"{self._where}: `{place}`: {error.message}"
            raise SchemaError(message, hint=error.hint) from error
        return Rule(str(given.get("name") or check), check, when)

    def _drift(self, told: Any) -> DriftLimits:
        given = self._mapping("drift", told)
        self._known("drift", given, [field.name for field in fields(DriftLimits)])
        found = {}
        for name, value in given.items():
            most = None if name in {"wasserstein", "psi"} else 1
            found[name] = self._number(f"drift.{name}", value, 0.5 if name == "auc" else 0, most)
        return replace(DriftLimits(), **cast("dict[str, Any]", found))

    def _reference(self, told: Any) -> Reference | None:
        if told is None:
            return None
        given = self._mapping("reference", told)
        self._known("reference", given, [field.name for field in fields(Reference)])
        rows = int(self._number("reference.rows", given.get("rows", 0), 0))
        texts = {name: str(given.get(name) or "") for name in ("statistics", "data", "run")}
        return Reference(rows=rows, **texts)

    def _approval(self, at: int, told: Any) -> Approval:
        place = f"approvals[{at}]"
        given = self._mapping(place, told)
        names = [field.name for field in fields(Approval)]
        self._known(place, given, names)
        if set(given) != set(names):
            self._refuse(place, f"must have {', '.join(names)}")
        version = int(self._number(f"{place}.version", given["version"], 1))
        return Approval(version, *(str(given[name]) for name in names[1:]))

    def _mapping(self, place: str, told: Any) -> dict[str, Any]:
        if not isinstance(told, dict):
            self._refuse(place, f"must be names with values, and is {told!r}")
        return {str(name): value for name, value in told.items()}

    def _known(self, place: str, told: Mapping[str, Any], names: Iterable[str]) -> None:
        for name in told:
            if name not in names:
                self._refuse(f"{place}.{name}".strip("."), f"is not known.{did_you_mean(str(name), names)}")

    def _number(self, place: str, value: Any, least: float | None = None, most: float | None = None) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
            self._refuse(place, f"must be a number, and is {value!r}")
        if (least is not None and value < least) or (most is not None and value > most):
            bounds = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
            self._refuse(place, f"must be {bounds}, and is {value!r}")
        return cast("float", value)

    def _refuse(self, place: str, fact: str) -> NoReturn:
        end = "" if fact.endswith(("?", ".")) else "."
        message = f"{self._where}: `{place}` {fact}{end}"
        raise SchemaError(message, hint="Correct it in the file; docs/data-validation.md lists what there is.")


def changes(before: TableSchema, after: TableSchema) -> tuple[str, ...]:
    """Return in words what differs between two schemas, a line a difference."""
    found = []
    for name in dict.fromkeys((*before.columns, *after.columns)):
        one, other = before.columns.get(name), after.columns.get(name)
        if one is None and other is not None:
            found.append(f"+ column `{name}`: {', '.join(_column_lines(other))}")
        elif other is None:
            found.append(f"- column `{name}`")
        elif one is not None and one != other:
            found += [f"~ column `{name}`: {told}" for told in _differences(one, other)]
    for what in ("keys", "rules"):
        ones, others = getattr(before, what), getattr(after, what)
        found += [f"- {what}: {_item(item)}" for item in ones if item not in others]
        found += [f"+ {what}: {_item(item)}" for item in others if item not in ones]
    for what in ("rows", "other_columns"):
        if getattr(before, what) != getattr(after, what):
            found.append(f"~ {what}: {getattr(before, what)} → {getattr(after, what)}")
    found += [f"~ drift: {told}" for told in _differences(before.drift, after.drift)]
    one_, other_ = before.reference, after.reference
    if (one_.statistics if one_ else "") != (other_.statistics if other_ else ""):
        rows = f"{other_.rows:,} rows" + (f" of run {other_.run}" if other_.run else "") if other_ else "nothing"
        found.append(f"~ reference: new tables are compared with {rows}")
    return tuple(found)


def _differences(before: Any, after: Any) -> list[str]:
    found = []
    for field in fields(before):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if one == other:
            continue
        if field.name == "domain" and one is not None and other is not None:
            plus = ", ".join(_scalar(value) for value in other if value not in one)
            minus = ", ".join(_scalar(value) for value in one if value not in other)
            parts = ((f"with {plus}" if plus else ""), (f"without {minus}" if minus else ""))
            found.append(f"domain {', '.join(filter(None, parts))}")
        else:
            found.append(f"{field.name} {_short(one)} → {_short(other)}")
    return found


def _short(value: Any) -> str:
    if value is None:
        return "none"
    return f"[{', '.join(map(_scalar, value))}]" if isinstance(value, tuple) else _scalar(value)


def _item(item: Any) -> str:
    return ", ".join(item) if isinstance(item, tuple) else f"{item.name}, {item.check}"
