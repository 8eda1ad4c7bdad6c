"""State of the process that holds the notebook's own objects: carried beside the variables, so that both stay one.

Unlike the settings in `ambient`, these hold objects that variables hold too: a figure that is open and bound to
`fig`, a list set as an attribute of a library. They are frozen together with the variables, as pseudo-variables whose
names begin with `@`, and so share their objects.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import is_of_project, made_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterable

PATCHES = "@patches"
FIGURES = "@figures"
HISTORY = "@history"
_NOTHING = object()
_HISTORY_NAMES = ("_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh")


def read_process_state(
    shell: Any, patches: Iterable[str], known: Iterable[tuple[str, str, str]] = (), *, history: bool
) -> dict[str, Any]:
    """Return the pseudo-variables of this process, by name; only what there is to carry.

    Parameters
    ----------
    shell
        The IPython shell.
    patches
        Dotted targets that the notebook's code may have set, such as `pd.DataFrame.total`.
    known
        Module, path in it and attribute of what earlier steps have set: this one need not know their names.
    history
        Whether some step reads `_`, `In` or `Out`.
    """
    found = {
        PATCHES: _read_patches(shell.user_ns, patches, known),
        FIGURES: _read_figures(),
        HISTORY: _read_history(shell) if history else None,
    }
    return {name: value for name, value in found.items() if value}


def write_process_state(shell: Any, name: str, value: Any) -> None:
    """Put back what `read_process_state` read."""
    if name == PATCHES:
        for (module, path, attribute), held in value.items():
            owner = _owner(module, path)
            if held == ():
                if attribute in getattr(owner, "__dict__", ()):
                    delattr(owner, attribute)
            else:
                setattr(owner, attribute, held[0])
    elif name == FIGURES:
        # Thawing a figure that was open opens it again; which one is current is left to say.
        import matplotlib.pyplot as plt

        if value["current"] in plt.get_fignums():
            plt.figure(value["current"])
    elif name == HISTORY:
        namespace = shell.user_ns
        namespace["_ih"][:] = value["_ih"]
        namespace["_oh"].clear()
        namespace["_oh"].update(value["_oh"])
        namespace.update({key: held for key, held in value.items() if key not in {"_ih", "_oh", "shown", "typed"}})
        for key, (same, held) in value["shown"].items():
            setattr(shell.displayhook, key, namespace[key] if same and key in namespace else held)
        for key, held in value["typed"].items():
            setattr(shell.history_manager, key, held)


def _read_patches(
    namespace: dict[str, Any], patches: Iterable[str], known: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Any]:
    found: dict[tuple[str, str, str], Any] = {}
    for module, inside, attribute in known:
        found[module, inside, attribute] = _held(_owner(module, inside), attribute)
    for dotted in patches:
        first, *path = dotted.split(".")
        owner: Any = namespace.get(first)
        reached = _place(owner)
        for part in path[:-1]:
            owner = getattr(owner, part, None)
            reached = (reached[0], f"{reached[1]}.{part}".lstrip(".")) if reached else None
        place = _place(owner) or (reached if owner is not None else None)
        if place is not None:
            found[*place, path[-1]] = _held(owner, path[-1])
    for module, name in _OFTEN_EXTENDED:
        kind = getattr(sys.modules.get(module), name, None)
        if not isinstance(kind, type):
            continue
        for attribute, value in vars(kind).items():
            if getattr(value, "__globals__", None) is namespace:
                found[kind.__module__, kind.__qualname__, attribute] = (value,)
    return found


# Classes that get methods of the notebook's under names, or through functions, that its text does not show.
_OFTEN_EXTENDED = (("pandas", "DataFrame"), ("pandas", "Series"), ("pandas", "Index"), ("pathlib", "Path"))


def _held(owner: Any, attribute: str) -> tuple[Any, ...]:
    if not isinstance(owner, type | types.ModuleType):
        # An object that a library holds, such as a distribution of SciPy: it may set the attribute in its own way.
        return (getattr(owner, attribute),) if hasattr(owner, attribute) else ()
    # Raw, not through getattr: a static method must not become a function.
    held = vars(owner).get(attribute, _NOTHING)
    return () if held is _NOTHING else (held,)


def _owner(module: str, path: str) -> Any:
    owner: Any = importlib.import_module(module)
    for part in path.split(".") if path else ():
        owner = getattr(owner, part)
    return owner


def _place(owner: Any) -> tuple[str, str] | None:
    """Return module and path of an owner that other processes have as well: a module, or a class of one."""
    if isinstance(owner, types.ModuleType) and owner.__name__ != "__main__" and not made_by_hand(owner):
        return owner.__name__, ""
    if isinstance(owner, type) and owner.__module__ not in {"__main__", "builtins"}:
        return owner.__module__, owner.__qualname__
    return None


def _read_figures() -> dict[str, Any]:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None or not helpers.Gcf.figs:
        return {}
    managers = helpers.Gcf.get_all_fig_managers()
    return {
        "figures": {manager.num: manager.canvas.figure for manager in managers},
        "current": helpers.Gcf.get_active().num,
    }


def _read_history(shell: Any) -> dict[str, Any]:
    namespace = shell.user_ns
    found = {name: namespace[name] for name in _HISTORY_NAMES if name in namespace and name != "_dh"}
    found |= {name: value for name, value in namespace.items() if name[:1] == "_" and name[1:].isdigit()}
    found |= {name: value for name, value in namespace.items() if name[:2] == "_i" and name[2:].isdigit()}
    # IPython moves `_` on as long as it is the very object that was shown last.
    shown = {
        key: (namespace.get(key) is value, value)
        for key in ("_", "__", "___")
        for value in (getattr(shell.displayhook, key, ""),)
    }
    typed = {key: getattr(shell.history_manager, key, "") for key in ("_i00", "_i", "_ii", "_iii")}
    return {**found, "_ih": list(namespace["_ih"]), "_oh": dict(namespace["_oh"]), "shown": shown, "typed": typed}


def project_modules() -> list[tuple[str, types.ModuleType]]:
    """Return the loaded modules that belong to the person's project: code beside the notebook may hold state."""
    return [(name, module) for name, module in list(sys.modules.items()) if is_of_project(name)]
