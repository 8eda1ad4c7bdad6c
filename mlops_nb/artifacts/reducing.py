"""What pickle stores of an object, and who says what that is."""

from __future__ import annotations

import copyreg
import types
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOOKS = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")


def quiet_reduce(value: Any) -> Any:
    """Return what pickle would store of an object, without the warning that Python 3.12 gives for itertools'.

    From Python 3.14 on they cannot be pickled. Matplotlib's figures hold some, and the filters that hear the warning
    are the user's, who may have made it an error.
    """
    if type(value).__module__ != "itertools":
        return value.__reduce_ex__(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return value.__reduce_ex__(4)


def has_hooks(kind: type, namespace: Mapping[str, Any]) -> bool:
    """Say whether the notebook's code decides what pickle sees of a class's instances: then a copy may differ."""
    return any(
        isinstance(hook, types.FunctionType) and hook.__globals__ is namespace
        for base in kind.__mro__
        for hook in map(vars(base).get, _HOOKS)
    )


class _Empty:
    """What an instance of Python's own making is laid out like."""


def is_ordinary(kind: type) -> bool:
    """Say whether pickle stores of an instance what its `__getstate__` says and nothing more.

    So it is where the class has all of how it is pickled from `object`, and is laid out as if it had attributes only:
    what is written in C may hold more, and `__reduce_ex__` says when that cannot be read.
    """
    layout = ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")
    return (
        all(getattr(kind, name) == getattr(_Empty, name) for name in layout)
        and all(getattr(kind, name) is getattr(object, name) for name in ("__reduce_ex__", "__reduce__"))
        and not hasattr(kind, "__getnewargs__")
        and not hasattr(kind, "__getnewargs_ex__")
        and kind not in copyreg.dispatch_table
    )
