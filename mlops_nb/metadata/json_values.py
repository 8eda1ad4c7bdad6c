"""JSON as the store keeps it: what JSON cannot say (NaN, infinities) is escaped, what is no JSON is refused.

The text is ASCII, so that neither a lone surrogate nor a NUL in a user's string can upset a database. NaN is written
as `{"$float": "nan"}`; an object of the user that looks like that gets one more `$`. New escapes may come, these stay.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPED_KEY = re.compile(r"\$+float")


def plain(value: Any, place: str) -> Any:
    """Return `value` in plain JSON types, or refuse it.

    Parameters
    ----------
    place
        Where the value comes from, for the message: "parameter `alpha`".

    Raises
    ------
    UsageError
        When a part of it is of another type, or a key is not a string.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        case list() | tuple():
            return [plain(item, place) for item in value]
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise _refusal(key, f"a key of {place}")
            items = {str(key): plain(item, place) for key, item in value.items()}
            if len(items) == 1 and _ESCAPED_KEY.fullmatch(key := next(iter(items))):
                return {f"${key}": items[key]}
            return items
        case _:
            raise _refusal(value, place)


def to_text(plain_value: Any) -> str:
    """Return the text of a value that `plain` gave."""
    return json.dumps(plain_value, separators=(",", ":"), allow_nan=False)


def from_text(text: str) -> Any:
    """Return the value whose text `to_text` gave."""
    return json.loads(text, object_hook=_unescape) if "$" in text else json.loads(text)


def numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield every finite number in a value, under its dotted name: `metrics.accuracy`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from numbers(f"{name}.{key}", item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return
        if math.isfinite(number):
            yield name, number


def _unescape(items: dict[str, Any]) -> Any:
    if len(items) == 1 and _ESCAPED_KEY.fullmatch(key := next(iter(items))):
        return float(items[key]) if key == "$float" else {key[1:]: items[key]}
    return items


def _refusal(value: object, place: str) -> UsageError:
    return UsageError(
        f"{place[0].upper()}{place[1:]} is a `{type(value).__module__}.{type(value).__qualname__}`, "
        "which JSON cannot hold.",
        hint="Give numbers, strings, booleans, None, or lists and dictionaries of them; "
        "a NumPy scalar becomes one with `.item()`.",
    )
