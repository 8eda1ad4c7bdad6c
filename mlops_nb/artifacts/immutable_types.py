"""Which types have values without inner state that can change: to share one is no aliasing."""

from __future__ import annotations

import enum

PLAIN: frozenset[type] = frozenset({int, float, str, bytes, bool, complex, type(None)})
# Py_TPFLAGS_HEAPTYPE, a flag of classes that are made while Python runs: by code, or by a library as it is loaded.
ON_HEAP = 1 << 9
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
