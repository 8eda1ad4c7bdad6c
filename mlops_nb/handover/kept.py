"""Objects that a library keeps for itself and that the notebook has a name for: `from keyword import kwlist`.

Such a variable is the library's own object in each process, and not a copy of it.

1. A new variable is looked for in the modules that the step's import statements name and those that the notebook holds.
2. What travels of it is where the library keeps it, and what is in it, which is put into that of the other process.
3. Once a step has changed it, every later step gets it so, as it gets other state of the process: the library's code
   may read it under any name.

So does what a module of the project keeps and nobody can carry, such as a client with a lock, as long as it is what the
import has made: there nothing is put into it.
"""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeGuard

from mlops_nb.artifacts import ON_HEAP, PLAIN, fingerprint_if_known, is_of_project, made_by_hand
from mlops_nb.handover.dict_table import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

KEPT = "@kept"
CHANGED_IN_PLACE = "a library keeps it, and a step has changed it in place"
Place = tuple[str, str]
# The process's state has what is in these.
_AMBIENT = frozenset({("os", "environ"), ("sys", "argv"), ("sys", "path"), ("warnings", "filters")})
_CONTAINERS: dict[type, Callable[[Any, Any], None]] = {
    list: lambda here, content: here.__setitem__(slice(None), content),
    dict: lambda here, content: (here.clear(), here.update(content))[0],
    set: lambda here, content: (here.clear(), here.update(content))[0],
}
_CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
# More than that is a table of the library's, of which nobody knows who else holds it.
_LARGEST = 10_000
# Of the project's modules: what nobody can carry and each import makes as it is here.
_IMPORTED: set[Place] = set()
# What this process knows: where an object is kept, by its id, and of which places every step gets what is in them.
_PLACES: dict[int, Place] = {}
_CHANGED: set[Place] = set()


@dataclass(eq=False)
class Kept:
    """What stands for an object of a library where variables are walked and pickled."""

    place: Place
    held: Any

    @cached_property
    def content(self) -> Any:
        """What is in the object: one copy, however often it is asked for, so that all meet the same objects in it."""
        return _content(self.held)

    def __reduce__(self) -> Any:
        """Return how another process gets its own, and what is in it."""
        if self.place in _AMBIENT:
            return kept_at, self.place
        if self.place in _IMPORTED:
            # The module itself, so that its source counts.
            return made_by_import, (sys.modules[self.place[0]], self.place[1])
        return kept_at, self.place, (type(self.held), self.content), None, None, _put


def kept_at(module: str, name: str) -> Any:
    """Return what a library of this process keeps."""
    held = getattr(importlib.import_module(module), name)
    _PLACES[id(held)] = module, name
    return held


def made_by_import(module: types.ModuleType, name: str) -> Any:
    """Return what the import of a module of the project has made in this process."""
    _IMPORTED.add((module.__name__, name))
    return kept_at(module.__name__, name)


def leave_to_import(made: Mapping[Place, Any]) -> None:
    """Take note of what nobody can carry and the import of a module of the project makes as it is; nothing else is."""
    _IMPORTED.clear()
    _IMPORTED.update(made)
    _PLACES.update((id(value), place) for place, value in made.items())


def _put(here: Any, state: tuple[type, Any]) -> None:
    kind, content = state
    if type(here) is not kind:
        message = f"The library keeps a {type(here).__name__} here and not a {kind.__name__}."
        raise TypeError(message)
    known = fingerprint_if_known(content)
    if known is not None and fingerprint_if_known(_content(here)) == known:
        return
    put = _CONTAINERS.get(kind)
    if put is not None:
        put(here, content)
    else:
        _CONTAINERS[dict](vars(here), content)


def _content(held: Any) -> Any:
    return held.copy() if type(held) in _CONTAINERS else dict(vars(held))


def place_of(value: Any) -> Place | None:
    """Return where a library keeps an object, if it is known and still does."""
    place = _PLACES.get(id(value))
    return place if place and _held_at(place) is value else None


def _held_at(place: Place) -> Any:
    """Return what a loaded module has under a name now; nothing where it is gone."""
    return getattr(sys.modules.get(place[0]), "__dict__", {}).get(place[1])


def instead(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables with what stands for the objects of libraries among them.

    What every step gets has stand-ins of its own, and so its own content: a name's may be of an earlier step.
    """

    def of(value: Any) -> Any:
        place = place_of(value)
        carried = place is not None and (place in _AMBIENT | _IMPORTED or _is_carried(value))
        return Kept(place, value) if place is not None and carried else value

    # One for each object, however many names it has.
    made = {id(value): of(value) for name, value in held.items() if name != KEPT}
    return {
        name: {place: of(kept) for place, kept in value.items()} if name == KEPT else made[id(value)]
        for name, value in held.items()
    }


def overridden(values: Mapping[str, Any]) -> set[str]:
    """Return the names for objects of libraries of which every step gets what is in them, whatever the name says."""
    places = values.get(KEPT, {}).keys()
    return {name for name, value in values.items() if place_of(value) in places}


def contents(namespace: Mapping[str, Any]) -> dict[Place, str | None]:
    """Return what is in those objects of libraries that the notebook has names for, as fingerprints."""
    found = {}
    for value in list(namespace.values()):
        place = place_of(value)
        if place is not None and place not in _AMBIENT | _IMPORTED:
            found[place] = fingerprint_if_known(_content(value), namespace=namespace)
    return found


@dataclass(frozen=True)
class Before:
    """What the notebook's names stood for before a step, by id, and what was in those objects that libraries keep."""

    ids: Mapping[str, int] = field(default_factory=dict)
    contents: Mapping[Place, str | None] = field(default_factory=dict)

    @staticmethod
    def now(namespace: Mapping[str, Any]) -> Before:
        """Return it as it is now."""
        return Before({name: id(value) for name, value in list(namespace.items())}, contents(namespace))


def read_kept(
    namespace: Mapping[str, Any],
    before: Before,
    imports: Iterable[str],
    named: Iterable[str],
    patched: Collection[Place],
) -> dict[Place, Any]:
    """Return the libraries' objects that the notebook has changed, by where they are kept.

    Parameters
    ----------
    namespace
        The notebook's.
    before
        What was known when the step began.
    imports
        The modules that its import statements name.
    named
        Dotted targets that the notebook's code has set, such as `aRepr.maxlist`: a change of what is new to this step.
    patched
        Where the notebook has put objects of its own.
    """
    new = {name: value for name, value in list(namespace.items()) if before.ids.get(name) != id(value)}
    _look_for(new, {*imports, *(value.__name__ for value in list(namespace.values()) if _is_library(value))}, patched)
    now = contents(namespace)
    _CHANGED.update(place for place, print_ in now.items() if before.contents.get(place, print_) != print_)
    set_by_name = map(place_of, (namespace.get(dotted.partition(".")[0]) for dotted in named))
    _CHANGED.update(place for place in set_by_name if place in now)
    # What the library itself has let go of, or has filled with more than others can have, is carried no longer.
    _CHANGED.difference_update([place for place in _CHANGED if not _is_carried(_held_at(place))])
    return {place: kept_at(*place) for place in sorted(_CHANGED.difference(patched))}


def _is_carried(held: Any) -> bool:
    """Say whether what is in an object goes to other processes: of an instance only plain values, of containers all.

    An instance that fills itself when it is used, as a colour map of Matplotlib does, is a copy like any other value.
    """
    return type(held) in _CONTAINERS or _holds_only_plain(held)


def _holds_only_plain(held: Any) -> bool:
    return _may_be_kept(held) and is_plain(_content(held))


def told_of_changes(namespace: Mapping[str, Any], changes: Iterable[str], patched: Collection[Place]) -> list[str]:
    """Take note of what a step's text changes of libraries in place; return what of it nobody can carry.

    Parameters
    ----------
    namespace
        The notebook's.
    changes
        Dotted names of imported things.
    patched
        Where the notebook has put objects of its own, which are carried as such.
    """
    uncarried = []
    for dotted in sorted(changes):
        held, place = _at(namespace, dotted)
        if place is None or place in _AMBIENT | _IMPORTED or place in patched or _is_option(held):
            continue
        if _holds_only_plain(held):
            _PLACES[id(held)] = place
            _CHANGED.add(place)
        else:
            uncarried.append(dotted)
    return uncarried


def _at(namespace: Mapping[str, Any], dotted: str) -> tuple[Any, Place | None]:
    """Return what a dotted name stands for, and where a library keeps it, if one does and if it is no code."""
    first, *path = dotted.split(".")
    held = namespace.get(first)
    place = place_of(held)
    for part in path:
        place = (held.__name__, part) if _is_library(held) and part[:1] != "_" else None
        held = getattr(held, part, None)
    if held is None or isinstance(held, _CODE):
        return held, None
    if not path and place is None:
        place = next((_nearest(places) for _, places in _kept_in(sys.modules.keys(), [held])), None)
    return held, place


def _is_library(value: Any) -> TypeGuard[types.ModuleType]:
    # Not by `isinstance`, to which an object may say that it is of another class.
    return (
        issubclass(type(value), types.ModuleType)
        and value.__name__ != "__main__"
        and not made_by_hand(value)
        and not is_of_project(value.__name__)
    )


def _is_option(value: Any) -> bool:
    """Say whether a value is a library's settings, which are carried as such."""
    return type(value).__module__.startswith(("matplotlib", "pandas._config"))


def take_over(value: Mapping[Place, Any]) -> None:
    """Take note of what earlier steps have changed; it has been put where it is kept when it was thawed."""
    _CHANGED.update(value)


def _look_for(new: Mapping[str, Any], modules: Collection[str], patched: Collection[Place]) -> None:
    values = {id(value): value for name, value in new.items() if name[0] != "_" and _may_be_kept(value)}
    ambient = {id(getattr(sys.modules.get(module), name, None)): (module, name) for module, name in _AMBIENT}
    _PLACES.update((key, ambient[key]) for key in values.keys() & ambient.keys())
    waiting = [value for value in values.values() if place_of(value) is None]
    for value, places in _kept_in(modules, waiting):
        if places.isdisjoint(patched) and is_plain(_content(value)):
            _PLACES[id(value)] = _nearest(places)


def _kept_in(modules: Collection[str], values: Collection[Any]) -> Iterator[tuple[Any, set[Place]]]:
    """Yield those of the values that libraries keep, each with all its places."""
    found = ((name, sys.modules[name]) for name in sys.modules.keys() & set(modules) if not is_of_project(name))
    # What `import __main__` names is the notebook itself, which may have another name beside; `None` is no module.
    libraries = {
        name: module
        for name, module in found
        if type(getattr(module, "__dict__", None)) is dict and vars(module).get("__name__", "__main__") != "__main__"
    }
    # A look is a search in memory, much cheaper than to ask every module for all that it holds.
    tables = {name: table_of(vars(module)) for name, module in libraries.items()} if values else {}
    for value in values:
        word = id(value).to_bytes(8, sys.byteorder)
        places = {
            (module, name)
            for module, table in tables.items()
            if word in table
            for name, held in list(vars(libraries[module]).items())
            if held is value and name[0] != "_"
        }
        if places:
            yield value, places


def _nearest(places: Iterable[Place]) -> Place:
    return min(places, key=lambda place: (place[0].count("."), place))


def _may_be_kept(value: Any) -> bool:
    """Say whether what is in an object can be put into another one of its type."""
    kind = type(value)
    if kind in _CONTAINERS:
        return True
    if kind.__module__ in {"__main__", "IPython"} or issubclass(kind, type | types.ModuleType | types.FunctionType):
        return False
    hooks: tuple[tuple[Any, Any], ...] = (
        (kind.__reduce_ex__, object.__reduce_ex__),
        (kind.__reduce__, object.__reduce__),
        (kind.__getstate__, object.__getstate__),
    )
    return (
        all(base is object or (base.__flags__ & ON_HEAP and not vars(base).get("__slots__")) for base in kind.__mro__)
        and type(getattr(value, "__dict__", None)) is dict
        and all(own is usual for own, usual in hooks)
        and not hasattr(kind, "__setstate__")
    )


def is_plain(value: Any) -> bool:
    """Say whether a value is a plain one or code of a library that has a name, or a container of nothing but these.

    What else is in a container may be an object that the library holds elsewhere too, as the settings behind
    `pandas.options` are.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return _is_constant(value)
    items = [*value, *value.values()] if kind is dict else value
    return len(items) <= _LARGEST and all(map(_is_constant, items))


def _is_constant(value: Any) -> bool:
    kind = type(value)
    if kind in PLAIN:
        return True
    if kind in {tuple, frozenset}:
        return all(map(_is_constant, value))
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        module = sys.modules.get(str(value.__module__))
        return module is not None and getattr(module, value.__qualname__, None) is value
    return False
