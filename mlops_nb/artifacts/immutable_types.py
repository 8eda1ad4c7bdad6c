"""Which types have values without inner state that can change: to share one is no aliasing."""

from __future__ import annotations

import enum

_IMMUTABLE = frozenset(
    {
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "builtins.range",
        "builtins.slice",
        "builtins.ellipsis",
        "builtins.NotImplementedType",
        "re.Pattern",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
        "pathlib.PosixPath",
        "pathlib.WindowsPath",
        "pathlib._local.PosixPath",
        "pathlib._local.WindowsPath",
        "operator.itemgetter",
        "operator.attrgetter",
        "operator.methodcaller",
    }
)


def is_immutable(kind: type) -> bool:
    """Say whether a type's values never change; members of a module's enumeration come back as themselves."""
    if f"{kind.__module__}.{kind.__qualname__}" in _IMMUTABLE:
        return True
    return issubclass(kind, enum.Enum) and kind.__module__ != "__main__"
