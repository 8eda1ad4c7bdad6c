"""Steps used again: taken out of a notebook or an installed package, called with other values, checked before a run."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops_nb.reuse.call import ImportedStep, step
    from mlops_nb.reuse.component import Component, Port
    from mlops_nb.reuse.taking import NotReusable, take

__all__ = ["Component", "ImportedStep", "NotReusable", "Port", "step", "take"]

_PLACES = {
    "Component": "component",
    "ImportedStep": "call",
    "NotReusable": "taking",
    "Port": "component",
    "step": "call",
    "take": "taking",
}


def __getattr__(name: str) -> object:
    # A notebook without such a step pays for none of it.
    if name in _PLACES:
        return getattr(import_module(f"mlops_nb.reuse.{_PLACES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
