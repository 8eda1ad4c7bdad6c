"""How a page words values: times in UTC, durations, sizes, numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_LONGEST = 400


def duration(seconds: float | None) -> str:
    """Return seconds as a person reads them."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004 - a decimal matters below ten seconds
        return f"{seconds:.1f} s"
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 90 else f"{minutes // 60}:{minutes % 60:02d} h"  # noqa: PLR2004


def size(count: int | None) -> str:
    """Return bytes as a person reads them."""
    amount = float(count or 0)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 - SI
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"  # noqa: PLR2004
        amount /= 1000
    return f"{amount:.1f} GB"


def moment(at: datetime | None) -> str:
    """Return a time in UTC, so that it is the same for every reader."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def value(given: Any) -> str:
    """Return a value of the record in a line or two."""
    if given is None:
        return "None"
    if isinstance(given, float):
        return f"{given:.6g}"
    text = given if isinstance(given, str) else json.dumps(given, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def short(given: Any) -> str:
    """Return a value as `value` does, and a hash by its beginning."""
    text = value(given)
    is_hash = isinstance(given, str) and len(given) >= 32 and given.isalnum()  # noqa: PLR2004
    return text[:12] if is_hash else text


def signed(number: float) -> str:
    """Return a difference with its sign."""
    return f"{number:+.6g}"


def statistics(told: Mapping[str, Any]) -> str:
    """Return the statistics of a column in a line."""
    return ", ".join(f"{name} {value(item)}" for name, item in told.items() if name != "missing" or item)


FILTERS: dict[str, Callable[..., str]] = {
    "duration": duration,
    "size": size,
    "moment": moment,
    "value": value,
    "short": short,
    "signed": signed,
    "statistics": statistics,
}
