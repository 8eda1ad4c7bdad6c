"""State of the process that holds the notebook's own objects: carried beside the variables, so that both stay one.

Unlike the settings in `ambient`, these hold objects that variables hold too: a figure that is open and bound to
`fig`, a list set as an attribute of a library. They are frozen together with the variables, as pseudo-variables whose
names begin with `@`, and so share their objects.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.handover.kept import KEPT, read_kept, take_over
from mlops_nb.handover.patches import PATCHES, Libraries, of_modules, read_patches, write_patches

if TYPE_CHECKING:
    from collections.abc import Iterable

FIGURES = "@figures"
HISTORY = "@history"
NOBODY_LOOKED = Libraries()
_SHOWN = ("_", "__", "___")
_HISTORY_NAMES = (*_SHOWN, "_i", "_ii", "_iii", "_ih", "_oh", "_dh")


def read_process_state(  # noqa: PLR0913 - what a step is known to have done
    shell: Any,
    patches: Iterable[str],
    known: Iterable[tuple[str, str, str]] = (),
    libraries: Libraries = NOBODY_LOOKED,
    imports: Iterable[str] = (),
    *,
    history: bool,
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
    libraries
        What libraries held when the step began.
    imports
        The modules that the step's import statements name.
    history
        Whether some step reads `_`, `In` or `Out`.
    """
    set_here = read_patches(shell.user_ns, patches, known, libraries)
    found = {
        PATCHES: set_here,
        KEPT: read_kept(shell.user_ns, libraries.names, imports, patches, of_modules(set_here)),
        FIGURES: _read_figures(),
        HISTORY: _read_history(shell) if history else None,
    }
    return {name: value for name, value in found.items() if value}


def write_process_state(shell: Any, name: str, value: Any) -> None:
    """Put back what `read_process_state` read."""
    if name == PATCHES:
        write_patches(value)
    elif name == KEPT:
        take_over(value)
    elif name == FIGURES:
        # Thawing a figure that was open opens it again; which one is current is left to say.
        import matplotlib.pyplot as plt

        if value["current"] in plt.get_fignums():
            plt.figure(value["current"])
    elif name == HISTORY:
        namespace = shell.user_ns
        namespace["_ih"][:] = value["_ih"]
        shell.history_manager.input_hist_raw[:] = value["raw"]
        namespace["_oh"].clear()
        namespace["_oh"].update(value["_oh"])
        namespace.update(
            {key: held for key, held in value.items() if key not in {"raw", "_ih", "_oh", "shown", "typed"}}
        )
        _write_shown(shell, value["shown"])
        for key, held in value["typed"].items():
            setattr(shell.history_manager, key, held)


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
    typed = {key: getattr(shell.history_manager, key, "") for key in ("_i00", "_i", "_ii", "_iii")}
    raw = list(shell.history_manager.input_hist_raw)
    return {
        **found,
        "raw": raw,
        "_ih": list(namespace["_ih"]),
        "_oh": dict(namespace["_oh"]),
        "shown": _read_shown(shell),
        "typed": typed,
    }


def _read_shown(shell: Any) -> dict[str, Any]:
    """Return of `_`, `__` and `___` what IPython holds of each beside the variable, which the notebook may have bound.

    IPython moves them on as long as each is the very object that it has put there itself.
    """
    namespace, hidden, hook = shell.user_ns, shell.user_ns_hidden, shell.displayhook
    return {
        key: {
            "shown": "" if key in namespace and namespace[key] is getattr(hook, key) else (getattr(hook, key),),
            "put": key in namespace and (hidden[key] if key in hidden else getattr(hook, key)) is namespace[key],
            "there": key in namespace,
        }
        for key in _SHOWN
    }


def _write_shown(shell: Any, found: dict[str, Any]) -> None:
    namespace, hidden, hook = shell.user_ns, shell.user_ns_hidden, shell.displayhook
    for key, held in found.items():
        if not held["there"]:
            namespace.pop(key, None)
        setattr(hook, key, held["shown"][0] if held["shown"] else namespace[key])
        # Where the notebook has bound the variable, it is not what was put there.
        hidden[key] = namespace[key] if held["put"] else object()
