"""The notebook's own callbacks of IPython's events hear the notebook's cells, and none that the pipeline added.

Those cells run silently, so that `pre_run_cell` and `post_run_cell` never happen for them. `pre_execute` and
`post_execute` happen for whatever a kernel executes: libraries flush figures then, which has to go on.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import is_of_project

if TYPE_CHECKING:
    from collections.abc import Callable


def spare_hooks(shell: Any) -> None:
    """Let callbacks of the notebook not hear the cells that the pipeline added, from now on in this shell."""
    events = shell.events
    if "trigger" in vars(events):
        return
    trigger = events.trigger

    @functools.wraps(trigger)
    def heard(event: str, *arguments: Any, **named: Any) -> None:
        spared = [call for call in events.callbacks.get(event, ()) if _is_added(shell) and _is_notebooks(call)]
        if not spared:
            trigger(event, *arguments, **named)
            return
        before = events.callbacks[event]
        left = events.callbacks[event] = [call for call in before if call not in spared]
        try:
            trigger(event, *arguments, **named)
        finally:
            # A library's callback may have taken itself away, or have registered another.
            now = events.callbacks[event]
            kept = [call for call in before if call in spared or call in now]
            events.callbacks[event] = [*kept, *(call for call in now if call not in kept and call not in left)]

    events.trigger = heard


def _is_added(shell: Any) -> bool:
    """Say whether the cell at hand is one that the pipeline added: those alone are asked for silently."""
    asked: Any = getattr(shell, "get_parent", dict)()
    return bool((asked or {}).get("content", {}).get("silent"))


def _is_notebooks(call: Callable[..., Any]) -> bool:
    """Say whether a callback is code of the notebook or of the modules beside it, or leads to it."""
    met: set[int] = set()
    while id(call) not in met:
        met.add(id(call))
        if isinstance(call, functools.partial):
            call = call.func
        elif isinstance(call, types.MethodType):
            if _is_own(type(call.__self__)):
                return True
            call = call.__func__
        elif isinstance(call, types.BuiltinFunctionType | types.MethodWrapperType):
            # `seen.append`: no library of Python code registers a method that is written in C.
            return True
        elif isinstance(call, types.FunctionType | type) and not _is_own(call):
            call = getattr(call, "__wrapped__", call)
        else:
            return _is_own(call if isinstance(call, types.FunctionType | type) else type(call))
    return False


def _is_own(code: Any) -> bool:
    """Say whether a function or a class is the notebook's or of a module beside it."""
    module = code.__globals__.get("__name__") if isinstance(code, types.FunctionType) else code.__module__
    return module == "__main__" or is_of_project(str(module))
