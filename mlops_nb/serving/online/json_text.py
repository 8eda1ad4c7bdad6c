"""JSON as RFC 8259 has it, read and written so that every number comes through to the last bit.

JSON has neither NaN nor infinities. A missing number is `null` both ways. An infinite one is `1e999`, which the grammar
allows and every reader of 64-bit floats takes for infinity.
"""

from __future__ import annotations

import json
import math
import secrets
from typing import Any, NoReturn

from mlops_nb.serving.online.refusals import NotJson

_INFINITY = "1e999"


def read_json(body: bytes) -> Any:
    """Return what a body says.

    Raises
    ------
    NotJson
        When it is no JSON, with the place; also for `NaN` and `Infinity`, which Python alone writes.
    """
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        message = "The body is nested too deeply."
        raise NotJson(message, hint="Rows are one level of objects or lists.") from None
    except ValueError as error:
        message = f"The body is no JSON: {error}."
        raise NotJson(message, hint="Send JSON in UTF-8; a missing value is `null`, an infinite one 1e999.") from None


def write_json(value: Any) -> bytes:
    """Return a value as JSON in UTF-8; NumPy's scalars as Python's."""
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        # No text of a client can be this one by chance.
        mark = secrets.token_hex(16)
        text = _ENCODER.encode(_finite(value, mark))
        text = text.replace(f'"-{mark}"', f"-{_INFINITY}").replace(f'"{mark}"', _INFINITY)
    return text.encode()


def _finite(value: Any, mark: str) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item, mark) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, mark) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else mark if value > 0 else f"-{mark}"
    return value


def _refuse(constant: str) -> NoReturn:
    message = f"there is no {constant} in JSON"
    raise ValueError(message)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_plain)
