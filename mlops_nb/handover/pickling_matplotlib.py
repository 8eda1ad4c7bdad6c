"""Pickle what Matplotlib's figures would lose: which axes were current last, and who wants to be called."""

from __future__ import annotations

from copyreg import __newobj__ as new  # type: ignore[attr-defined]
from typing import Any

from mlops_nb.handover.process_bound import CannotLeaveProcess


def reduce_axes_stack(stack: Any) -> Any:
    """Reduce what counts the axes of a figure; Matplotlib's own state counts on from the number of the last one."""
    state = dict(stack.__getstate__())
    if isinstance(state.get("_counter"), int):
        state["_counter"] += 1
    return new, (type(stack),), state


def reduce_callbacks(registry: Any) -> Any:
    """Reduce a registry of callbacks, which drops all but Matplotlib's own.

    Raises
    ------
    CannotLeaveProcess
        When the notebook's functions are among them.
    """
    for signal, registered in registry.callbacks.items():
        for reference in registered.values():
            function = reference()
            owner = getattr(function, "__self__", function)
            if "__main__" in {getattr(function, "__module__", ""), type(owner).__module__}:
                message = f"a figure calls the notebook's functions when there is `{signal}`"
                raise CannotLeaveProcess(message)
    return registry.__reduce_ex__(5)


REDUCERS = {
    ("matplotlib.figure", "_AxesStack"): reduce_axes_stack,
    ("matplotlib.cbook", "CallbackRegistry"): reduce_callbacks,
}
