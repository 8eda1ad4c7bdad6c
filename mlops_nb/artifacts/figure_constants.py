"""Objects that a library made once and every value of its own holds: Matplotlib's paths of markers, lists of settings.

Each figure refers to the marker paths, the identity matrix, the colours of its colour map, and the lists in `rcParams`
that were in force when it was made. They could change, but nobody changes them, so that two figures that hold one are
not two names for one thing. Who thaws a figure gives it the constant of its own process, by name.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.fingerprint_data import memory_owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The modules whose constants end up in figures. Others of Matplotlib have lists too, but those of their own state.
_MODULES = (
    *("_cm_bivar", "_cm_listed", "_cm_multivar", "axis", "collections", "lines", "markers", "patches", "path"),
    *("ticker", "transforms"),
)
# Where a constant is held: module, dotted path to what holds it, name or key in there.
Place = tuple[str, str, Any]


def library_constants() -> Mapping[int, Place | None]:
    """Return the ids of the constants of the loaded libraries with their places, and of what is in them with `None`."""
    matplotlib = sys.modules.get("matplotlib")
    numpy = sys.modules.get("numpy")
    path = sys.modules.get("matplotlib.path")
    if matplotlib is None or numpy is None or path is None:
        return {}
    kinds = (list, numpy.ndarray, path.Path)
    found: dict[int, Place | None] = {}
    inside: set[int] = set()
    for module, at, held in _holders(matplotlib):
        for key, value in held:
            if type(value) in kinds and id(value) not in found:
                found[id(value)] = (module, at, key)
                inside.update(map(id, _inside(value)))
    return {**dict.fromkeys(inside), **found}


def constant_at(place: Place) -> Any:
    """Return what this process holds at a constant's place; `None` if it is empty, or there is no such place."""
    held = _held_at(place)
    return held.get(place[2]) if hasattr(held, "get") else getattr(held, place[2], None)


def put_constant(place: Place, value: Any) -> None:
    """Fill a place that the library fills when it is first asked for, such as that of the unit circle."""
    held = _held_at(place)
    if held is not None and constant_at(place) is None:
        if hasattr(held, "get"):
            held[place[2]] = value
        else:
            setattr(held, place[2], value)


def _held_at(place: Place) -> Any:
    module, at, _ = place
    held: Any = sys.modules.get(module)
    for name in filter(None, at.split(".")):
        held = getattr(held, name, None)
    return held


def _inside(value: Any) -> Iterator[Any]:
    """Yield what a constant consists of, as far as it could change."""
    if type(value) is list:
        yield from (item for item in value if type(item) is list)
        return
    arrays = [value]
    if hasattr(value, "vertices"):
        yield vars(value)
        arrays = [value.vertices, value.codes]
        yield from arrays
    yield from (memory_owner(array) for array in arrays if array is not None)


def _holders(matplotlib: Any) -> Iterator[tuple[str, str, list[tuple[Any, Any]]]]:
    """Yield what holds constants: module, path in it, and the names or keys with the values."""
    # Not `items()`: asking for the backend would choose one.
    yield "matplotlib", "rcParams", list(dict.items(matplotlib.rcParams))
    for name in _MODULES:
        module = sys.modules.get(f"matplotlib.{name}")
        if module is None:
            continue
        members = list(vars(module).items())
        yield module.__name__, "", members
        for inner, kind in members:
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                yield module.__name__, inner, list(vars(kind).items())
    polygons = "_unit_regular_polygons"
    known = getattr(sys.modules["matplotlib.path"].Path, polygons, None)
    yield "matplotlib.path", f"Path.{polygons}", list(known.items()) if known is not None else []
