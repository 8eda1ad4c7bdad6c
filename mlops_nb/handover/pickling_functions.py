"""How functions that cloudpickle would copy are stored: with what they hold, on the globals that they had.

A function of one of the project's modules that no name of its own leads to (a closure, a lambda, what a decorator put
something else in the place of) would get a private copy of the module's globals. Here it is found where the module
holds it, or is rebuilt on the globals of the module.
"""

from __future__ import annotations

import functools
import importlib
import sys
import types
from typing import Any

import cloudpickle

from mlops_nb.artifacts import MADE, implementations, is_of_project, project_modules


def state_of(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function holds beside its code and its closure."""
    return {
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
        "__annotations__": function.__annotations__,
        "__qualname__": function.__qualname__,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "__dict__": dict(vars(function)),
        "__type_params__": getattr(function, "__type_params__", ()),
    }


def set_state(function: types.FunctionType, state: dict[str, Any]) -> None:
    """Give a function what `state_of` returned."""
    vars(function).update(state.pop("__dict__"))
    for name, value in state.items():
        if name != "__type_params__" or value:
            setattr(function, name, value)


def reduce_dispatching(function: types.FunctionType) -> Any:
    """Reduce a function of `functools.singledispatch` to its implementations; `None` for any other."""
    found = implementations(function)
    if found is None:
        return None
    own = {name: held for name, held in vars(function).items() if name not in MADE}
    made = vars(function).get("__wrapped__", found[object])
    return functools.singledispatch, (made,), (dict(found), own, function.__doc__), None, None, _register


def _register(function: Any, state: tuple[dict[type, Any], dict[str, Any], str | None]) -> None:
    found, own, text = state
    for kind, implementation in found.items():
        function.register(kind, implementation)
    vars(function).update(own)
    function.__doc__ = text


def reduce_of_module(function: types.FunctionType) -> Any:
    """Reduce a function of the project's modules that no name of its own leads to; `None` for any other."""
    home = str(function.__globals__.get("__name__"))
    if not is_of_project(home) or vars(sys.modules[home]) is not function.__globals__:
        return None
    if cloudpickle.cloudpickle._should_pickle_by_reference(function):  # noqa: SLF001 - as cloudpickle decides
        return None
    for module, held in project_modules():
        for name, value in vars(held).items():
            if value is function:
                return _held_by, (module, name)
    made = (home, function.__code__, function.__name__, function.__closure__)
    return _make_on, made, state_of(function), None, None, set_state


def _held_by(module: str, name: str) -> Any:
    return vars(importlib.import_module(module))[name]


def _make_on(
    module: str, code: types.CodeType, name: str, closure: tuple[types.CellType, ...] | None
) -> types.FunctionType:
    return types.FunctionType(code, vars(importlib.import_module(module)), name, None, closure)
