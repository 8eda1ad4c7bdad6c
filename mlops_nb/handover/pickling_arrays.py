"""Pickle NumPy's arrays so that views stay views, subclasses keep their attributes, and what owned memory owns it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import memory_owner
from mlops_nb.handover.process_bound import CannotLeaveProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

# Up to so many bytes of elements stand in the pickle itself: a buffer of its own costs more than they do.
_SMALL = 1024


def reduce_array(array: np.ndarray, owners: frozenset[int], *, in_band: bool) -> Any:  # noqa: C901 - one branch a kind
    """Reduce an array, one of its subclasses, or a record of a structured one.

    Parameters
    ----------
    array
        The array.
    owners
        Ids of arrays whose memory several values of this pickle share.
    in_band
        Whether the elements of large arrays stand in the pickle itself, too.

    Raises
    ------
    CannotLeaveProcess
        When its memory belongs to something that is not carried with it.
    """
    kind = type(array)
    base = memory_owner(array)
    if kind.__name__ == "void" and array.base is None:
        return NotImplemented
    if kind.__name__ in {"memmap", "void"} or type(base).__name__ == "memmap" or _borrows(base):
        message = f"a {kind.__name__} over memory that belongs to something else"
        raise CannotLeaveProcess(message)
    plain = _is_plain_array(kind)
    # A copy would have no gaps, and sums over memory with gaps may round in another order.
    has_gaps = not (array.flags.c_contiguous or array.flags.f_contiguous)
    if base is not array and (id(base) in owners or (has_gaps and plain)):
        if not plain:
            message = f"a {kind.__name__} over the memory of another array says itself what pickle sees of it"
            raise CannotLeaveProcess(message)
        offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        place = (base, array.dtype, array.shape, array.strides, offset, array.flags.writeable)
        if kind.__name__ == "ndarray":
            return make_view, place
        return make_view, (*place, kind), *_attributes_of(array)
    if not plain:
        mask = getattr(array, "_mask", None)
        if mask is not None and mask.base is not None and id(memory_owner(mask)) in owners:
            message = f"a {kind.__name__} shares its mask"
            raise CannotLeaveProcess(message)
        return NotImplemented if mask is None else _masked(array)
    if kind.__name__ != "ndarray":
        # Of a subclass pickle would lose the attributes.
        return _as_kind, (_as_ndarray(array), kind), *_attributes_of(array)
    if not array.flags.writeable:
        return _make_readonly, (array.copy(order="K"),)
    if (in_band or array.nbytes <= _SMALL) and not array.dtype.hasobject:
        # Protocol 5 would lay it over a bytearray, and the form of older ones changes the order of bytes.
        axes = _axes_in_memory(array)
        return _make_owning, (array.transpose(axes).tobytes(), array.dtype, array.shape, axes)
    return NotImplemented


def is_array(kind: type) -> bool:
    """Say whether a type is NumPy's array, one of its subclasses, or a record of a structured one."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and hasattr(numpy, "ndarray") and issubclass(kind, numpy.ndarray | numpy.void)


def _is_plain_array(kind: Any) -> bool:
    """Say whether pickle stores of such an array its elements alone."""
    import numpy as np

    return kind.__reduce__ is np.ndarray.__reduce__ and kind.__reduce_ex__ is np.ndarray.__reduce_ex__


def _borrows(array: np.ndarray) -> bool:
    """Say whether an array lies in the memory of a Python object that code can write through."""
    base: Any = array.base
    while isinstance(base, memoryview):
        base = base.obj
    return isinstance(base, bytearray) or type(base).__module__ in {"array", "ctypes", "_ctypes"}


def make_view(  # noqa: PLR0913, PLR0917 - what defines a view
    base: np.ndarray,
    dtype: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    writeable: bool,  # noqa: FBT001
    kind: type[np.ndarray] | None = None,
) -> np.ndarray:
    """Return a view on an array's memory, `offset` bytes behind its first."""
    import numpy as np

    if base.flags.c_contiguous and not base.dtype.hasobject:
        view: np.ndarray = np.ndarray(shape, dtype, base.reshape(-1).view(np.uint8), offset, strides)
    else:
        # A base in another layout: the same bytes from its first element on.
        flat = np.lib.stride_tricks.as_strided(base, (base.size,), (base.itemsize,))
        view = np.ndarray(shape, dtype, flat, offset, strides)
    view.flags.writeable = writeable
    return view if kind is None else view.view(kind)


def place_in(lent: Sequence[np.ndarray], start: int, size: int) -> tuple[np.ndarray | None, int]:
    """Return the array in which a piece of memory lies, and how many bytes behind that one's first it begins."""
    for array in lent:
        offset = start - array.__array_interface__["data"][0]
        if offset >= 0 and offset + size <= array.nbytes:
            return array, offset
    return None, 0


def _as_ndarray(array: np.ndarray) -> np.ndarray:
    import numpy as np

    return array.view(np.ndarray)


def _as_kind(array: np.ndarray, kind: type[np.ndarray]) -> np.ndarray:
    return array.view(kind)


def _attributes_of(array: np.ndarray) -> tuple[Any, ...]:
    """Return the rest of what a reduce method returns for an array with attributes."""
    attributes = getattr(array, "__dict__", None)
    # Arrays have a `__setstate__` of their own, for another kind of state.
    return (dict(attributes), None, None, set_attributes) if attributes else ()


def set_attributes(held: Any, state: dict[str, Any]) -> None:
    """Set what a pickle keeps of an object's attributes."""
    for name, value in state.items():
        setattr(held, name, value)


def _masked(array: Any) -> Any:
    """Reduce a masked array: NumPy alone would give it a mask, and a fill value that it had not or of another type."""
    reduced: Any = array.__reduce__()
    if len(reduced) <= 2 or not hasattr(array, "_fill_value"):  # noqa: PLR2004
        return NotImplemented
    without = array._mask is sys.modules["numpy"].ma.nomask  # noqa: SLF001
    state = (reduced[2], array._fill_value, without)  # noqa: SLF001
    return *reduced[:2], state, None, None, _set_masked


def _set_masked(array: Any, state: tuple[Any, Any, bool]) -> None:
    told, fill_value, without = state
    array.__setstate__(told)
    # To set these in public would make a whole mask, and another fill value.
    array._fill_value = fill_value  # noqa: SLF001
    if without:
        array._mask = sys.modules["numpy"].ma.nomask  # noqa: SLF001


def _axes_in_memory(array: np.ndarray) -> tuple[int, ...]:
    """Return an array's axes from the one with the largest steps in memory to the one with the smallest."""
    if array.flags.c_contiguous:
        return tuple(range(array.ndim))
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def _make_owning(elements: bytes, dtype: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    import numpy as np

    # A copy keeps the order of the axes in memory: sums over another may round in another order.
    lying = np.ndarray([shape[axis] for axis in axes], dtype, elements)
    return lying.transpose([axes.index(axis) for axis in range(len(axes))]).copy("K")


def _make_readonly(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
