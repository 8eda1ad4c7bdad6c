"""Plain values: what an expression is known to be before it runs, as Python source again, and as JSON."""

from __future__ import annotations

import ast
import math
import operator
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A parameter's value: JSON, and what JSON lacks (tuples, dates, NaN). `kind_of` names its type.
Plain: TypeAlias = Any
# What `as_json` writes.
Json: TypeAlias = Any

# Constant arithmetic is followed only this far: `10 ** 10 ** 10` and `"a" * 10 ** 9` are programs, not values.
_MOST_BITS = 4096
_MOST_ITEMS = 10_000
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_FLOATS = {"nan": math.nan, "NaN": math.nan, "inf": math.inf, "pi": math.pi, "e": math.e}


class Timestamp(datetime):
    """The moment of a `pandas.Timestamp`, to the microsecond, without pandas."""


_Moment = TypeVar("_Moment", bound=datetime)
_NANOSECONDS = re.compile(r"[.,]\d{7}")


class NotPlainError(ValueError):
    """The expression is no plain value: it has to run to be known."""


def kind_of(value: object) -> str:
    """Return the name of a plain value's type, or `any` when it is no plain value."""
    if value is None:
        return "none"
    for kind, known in (
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (str, "str"),
        (Timestamp, "timestamp"),
        (datetime, "datetime"),
        (date, "date"),
        (tuple, "tuple"),
        (list, "list"),
        (dict, "dict"),
    ):
        if isinstance(value, kind):
            return known
    return "any"


def plain_value(node: ast.expr, known: Mapping[str, Plain] | None = None) -> Plain:
    """Return the value of an expression made of literals, constant arithmetic and dates.

    Parameters
    ----------
    node
        The expression.
    known
        Values of names that were assigned before; other names are not plain.

    Raises
    ------
    NotPlainError
        When it has to run to be known.
    """
    try:
        return _value(node, known or {})
    except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise NotPlainError(str(error)) from error


def _value(node: ast.expr, known: Mapping[str, Plain]) -> Plain:
    match node:
        case ast.Constant(value=value) if isinstance(value, bool | int | float | str) or value is None:
            return value
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.List(elts=items):
            return [_value(item, known) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item, known) for item in items)
        case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
            return {_value(key, known): _value(value, known) for key, value in zip(keys, values, strict=True) if key}
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_value(operand, known))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _binary(op, _value(left, known), _value(right, known))
        case ast.Attribute(value=ast.Name(id="np" | "numpy" | "math"), attr=attr) if attr in _FLOATS:
            return _FLOATS[attr]
        case ast.Call(func=function, args=args, keywords=keywords):
            return _call(ast.unparse(function).split("."), args, keywords, known)
    message = f"{ast.unparse(node)} is no plain value"
    raise NotPlainError(message)


def _binary(op: ast.operator, left: Plain, right: Plain) -> Plain:
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    integers = isinstance(left, int) and isinstance(right, int)
    match op:
        case ast.Pow():
            too_large = not numbers or (integers and left.bit_length() * abs(right) > _MOST_BITS)
        case ast.LShift():
            too_large = not integers or right > _MOST_BITS
        case ast.Mult() if not numbers:
            items, times = (left, right) if isinstance(right, int) else (right, left)
            too_large = not isinstance(items, str | list | tuple) or len(items) * times > _MOST_ITEMS
        case ast.Mod():
            too_large = not numbers
        case _:
            too_large = False
    if too_large:
        message = "the arithmetic is more than a plain value"
        raise NotPlainError(message)
    result = _BINARY[type(op)](left, right)
    if isinstance(result, complex) or kind_of(result) == "any":
        message = "the arithmetic does not give a plain value"
        raise NotPlainError(message)
    return result


def _call(path: list[str], args: list[ast.expr], keywords: list[ast.keyword], known: Mapping[str, Plain]) -> Plain:
    maker = _MAKERS.get(".".join(path)) or _OWNED.get(".".join(path[1:]))
    if maker is None:
        message = f"{'.'.join(path)}(...) has to run to be known"
        raise NotPlainError(message)
    given = {str(keyword.arg): _option(keyword, known) for keyword in keywords}
    return maker(*(_value(arg, known) for arg in args), **given)


def _option(keyword: ast.keyword, known: Mapping[str, Plain]) -> Plain:
    if keyword.arg == "tzinfo" and ast.unparse(keyword.value).split(".")[-1] in {"utc", "UTC"}:
        return UTC
    return _value(keyword.value, known)


def _moment(kind: type[_Moment], text: str) -> _Moment:
    if _NANOSECONDS.search(text):
        message = f"{text} is finer than a microsecond"
        raise ValueError(message)
    return kind.fromisoformat(text)


def _timestamp(*args: Plain, **parts: Plain) -> Timestamp:
    return _moment(Timestamp, *args) if args and isinstance(args[0], str) else Timestamp(*args, **parts)


# What may stand behind a module's name (`datetime.date(...)`, `pd.Timestamp(...)`), and what stands alone as well.
_OWNED: dict[str, Callable[..., Plain]] = {
    "date": date,
    "datetime": datetime,
    "Timestamp": _timestamp,
    "to_datetime": _timestamp,
    "date.fromisoformat": date.fromisoformat,
    "datetime.fromisoformat": datetime.fromisoformat,
}
_MAKERS: dict[str, Callable[..., Plain]] = {**_OWNED, "dict": dict, "list": list, "tuple": tuple, "float": float}


def as_source(value: Plain) -> str:
    """Return a Python expression that gives the value in any namespace, whatever that namespace imported."""
    match value:
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case Timestamp():
            return f'__import__("pandas").Timestamp("{value.isoformat()}")'
        case datetime():
            return f'__import__("datetime").datetime.fromisoformat("{value.isoformat()}")'
        case date():
            return f'__import__("datetime").date({value.year}, {value.month}, {value.day})'
        case list():
            return "[" + ", ".join(map(as_source, value)) + "]"
        case tuple():
            return "(" + "".join(f"{as_source(item)}, " for item in value).rstrip(" ") + ")"
        case dict():
            return "{" + ", ".join(f"{as_source(key)}: {as_source(item)}" for key, item in value.items()) + "}"
    return repr(value)


def as_json(value: Plain) -> Json:
    """Return the value as JSON that `from_json` turns back into the same value, type included.

    JSON's own types stand for themselves. What JSON lacks is an object with one key: `$date`, `$datetime`,
    `$timestamp` (ISO 8601), `$float` (`nan`, `inf`, `-inf`), `$tuple`, and `$dict` (a list of pairs) for a mapping
    whose keys are not all text or that would itself look like one of these.
    """
    match value:
        case float() if not math.isfinite(value):
            return {"$float": str(value)}
        case Timestamp() | datetime() | date():
            return {f"${kind_of(value)}": value.isoformat()}
        case tuple():
            return {"$tuple": [as_json(item) for item in value]}
        case list():
            return [as_json(item) for item in value]
        case dict():
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return {key: as_json(item) for key, item in value.items()}
            return {"$dict": [[as_json(key), as_json(item)] for key, item in value.items()]}
    return value


def from_json(given: Json) -> Plain:
    """Return the value that `as_json` wrote."""
    match given:
        case {"$float": text}:
            return float(text)
        case {"$date": text}:
            return date.fromisoformat(text)
        case {"$datetime": text}:
            return datetime.fromisoformat(text)
        case {"$timestamp": text}:
            return Timestamp.fromisoformat(text)
        case {"$tuple": items}:
            return tuple(from_json(item) for item in items)
        case {"$dict": pairs}:
            return {from_json(key): from_json(item) for key, item in pairs}
        case dict():
            return {key: from_json(item) for key, item in given.items()}
        case list():
            return [from_json(item) for item in given]
    return given


def fitted(value: Plain, kind: str) -> Plain:
    """Return the value as a value of the type `kind`; any type takes part in `any`, and every plain one in `none`.

    Raises
    ------
    ValueError
        When it is of another type, or something of it would be lost.
    """
    own = kind_of(value)
    if kind in {own, "any", "none"}:
        return value
    match kind, own:
        case "float", "int" if int(float(value)) == value:
            return float(value)
        case "tuple", "list":
            return tuple(value)
        case "list", "tuple":
            return list(value)
        case "date", "str":
            return date.fromisoformat(value)
        case "datetime", "str":
            return _moment(datetime, value)
        case "timestamp", "str":
            return _moment(Timestamp, value)
        case (("datetime" | "timestamp"), ("date" | "datetime" | "timestamp")):
            return _moment(Timestamp if kind == "timestamp" else datetime, value.isoformat())
    message = f"{value!r} is of type {own}"
    raise ValueError(message)


def fits(value: Plain, kind: str) -> bool:
    """Say whether the value can stand as a value of the type."""
    try:
        fitted(value, kind)
    except (ValueError, OverflowError):
        return False
    return True
