"""Values as JSON that comes back as what it was.

What JSON cannot say is escaped: NaN and the infinities are `{"$float": "nan"}`, `"inf"`, `"-inf"`; an object of the
user that looks like an escape gets one more `$`. New escapes may come, these stay. NumPy scalars and arrays become
numbers and lists, points in time ISO 8601 text, durations ISO 8601 durations, missing times and `pandas.NA` null.
Sets, bytes, frames and objects are refused rather than guessed at.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from uuid import UUID

from mlops_nb.artifacts.formats import CannotStore, type_name

_ESCAPED_KEY = re.compile(r"\$+float")
_HINT = "Give numbers, text, booleans, None, times, or lists and dictionaries of them; declare a table as `dataset`."


def encode_json(value: Any) -> Any:
    """Return a value in the types JSON has: strictly so, without NaN.

    Raises
    ------
    CannotStore
        When a part of it has no form in JSON; the message names the part.
    """
    try:
        return _encoded(value, "")
    except RecursionError:
        message = "The value contains itself, or is nested too deeply, which JSON cannot hold."
        raise CannotStore(message, hint=_HINT) from None


def decode_json(tree: Any) -> Any:
    """Return the value that `encode_json` gave the tree of."""
    if isinstance(tree, dict):
        return _unescaped({key: decode_json(item) for key, item in tree.items()})
    if isinstance(tree, list):
        return [decode_json(item) for item in tree]
    return tree


def dump_json(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, ASCII, no spaces.

    Raises
    ------
    CannotStore
        When a part of it has no form in JSON.
    """
    return json.dumps(encode_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def load_json(data: bytes) -> Any:
    """Return the value whose JSON `dump_json` gave."""
    return decode_json(json.loads(data))


def _encoded(value: Any, place: str) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        case list() | tuple():
            return [_encoded(item, f"{place}[{position}]") for position, item in enumerate(value)]
        case Mapping():
            return _encoded_mapping(value, place)
        case PurePath() | UUID():
            return str(value)
        case _:
            return _encoded_other(value, place)


def _encoded_other(value: Any, place: str) -> Any:
    # NaT and NA are told by name: neither pandas nor NumPy is imported for a value that is not theirs.
    kind = type_name(value)
    if kind.rpartition(".")[2] in {"NaTType", "NAType"}:
        return None
    if isinstance(value, dt.timedelta) or kind == "numpy.timedelta64":
        import pandas as pd

        return None if pd.isna(value) else pd.Timedelta(value).isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if kind == "numpy.datetime64":
        return None if str(value) == "NaT" else str(value)
    if kind.startswith("numpy.") and hasattr(value, "tolist"):
        if value.dtype.kind in "Mm":
            return _encoded(list(value), place)
        plain = value.tolist()
        if type(plain) is not type(value):
            return _encoded(plain, place)
    where = f"`{place.lstrip('.')}` is" if place else "The value is"
    message = f"{where} a `{kind}`, which JSON cannot hold."
    raise CannotStore(message, hint=_HINT)


def _encoded_mapping(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    items: dict[str, Any] = {}
    for key, item in value.items():
        plain = key.item() if type(key).__module__ == "numpy" and hasattr(key, "item") else key
        if isinstance(plain, bool) or not isinstance(plain, str | int):
            message = f"A key of {place.lstrip('.') or 'the value'} is a `{type_name(key)}`; keys are text in JSON."
            raise CannotStore(message, hint="Use text, or whole numbers, as keys.")
        name = str(plain)
        if name in items:
            message = f"Two keys of {place.lstrip('.') or 'the value'} are `{name}` in JSON."
            raise CannotStore(message, hint="Use text as keys.")
        items[name] = _encoded(item, f"{place}.{name}")
    if len(items) == 1 and _ESCAPED_KEY.fullmatch(only := next(iter(items))):
        return {f"${only}": items[only]}
    return items


def _unescaped(items: dict[str, Any]) -> Any:
    if len(items) == 1 and _ESCAPED_KEY.fullmatch(key := next(iter(items))):
        return float(items[key]) if key == "$float" else {key[1:]: items[key]}
    return items
