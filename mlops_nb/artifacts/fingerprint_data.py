"""How NumPy's and pandas' values are fingerprinted: by content, whatever their memory layout."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.fingerprint_shown import note_buffers, walk_of_shown
from mlops_nb.artifacts.fingerprint_tensors import hash_tensor, is_tensor
from mlops_nb.artifacts.fingerprint_trace import MemoryPlace
from mlops_nb.artifacts.of_process import KINDS_OF_PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from mlops_nb.artifacts.fingerprint import Walker

# Up to so many bytes of elements enter the hash as they are: to digest them first costs more.
_SMALL = 256
# Where the objects are from that own the memory of an array which Arrow or Polars gives.
_LENDERS = frozenset({"builtins", "polars", "pyarrow"})


def walk_of(kind: type) -> Callable[[Walker, Any], None] | None:
    """Return the walk of values of a type of NumPy or pandas; neither is imported for asking."""
    if f"{kind.__module__}.{kind.__qualname__}" in KINDS_OF_PROCESS:
        from mlops_nb.artifacts.fingerprint_code import stream

        return stream
    if kind.__module__ == "multiprocessing.shared_memory" and hasattr(kind, "buf"):
        return hash_shared_memory
    if (shown := walk_of_shown(kind)) is not None:
        return shown
    if is_tensor(kind):
        return hash_tensor
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if issubclass(kind, numpy.ma.MaskedArray):
            return hash_masked
        if issubclass(kind, numpy.ndarray):
            return hash_array if kind is numpy.ndarray else hash_array_of_kind
        if issubclass(kind, numpy.generic):
            return hash_scalar
        if issubclass(kind, numpy.dtype):
            return _reduced
    pandas = sys.modules.get("pandas")
    # A half-imported pandas has no classes yet.
    return _walk_of_pandas(kind, pandas) if pandas is not None and hasattr(pandas, "DataFrame") else None


def _walk_of_pandas(kind: type, pandas: Any) -> Callable[[Walker, Any], None] | None:
    frames = {pandas.DataFrame, pandas.Series, pandas.MultiIndex}
    if kind in frames | {pandas.Index, pandas.DatetimeIndex, pandas.PeriodIndex, pandas.TimedeltaIndex}:
        return hash_pandas
    if issubclass(kind, pandas.api.extensions.ExtensionArray) and hasattr(kind, "_ndarray"):
        return hash_backed
    return None


def _reduced(walker: Walker, value: Any) -> None:
    walker.reduced(value)


def memory_owner(array: np.ndarray) -> np.ndarray:
    """Return the array whose memory an array shows: itself, or what it is a view of."""
    import numpy as np

    owner: Any = array
    while True:
        base = owner.base
        if base is None:
            return owner  # type: ignore[no-any-return]
        if type(base).__name__ == "DummyArray":
            # What `as_strided` puts between a view and its array.
            base = base.base
        if not isinstance(base, np.ndarray):
            return owner  # type: ignore[no-any-return]
        owner = base


def hash_array(walker: Walker, value: np.ndarray, *, of_column: bool = False) -> None:
    """Hash dtype, shape, flags and elements; note who owns the memory.

    `of_column`: the array object is pandas' own, so only its content counts.
    """
    if walker.met(value):
        return
    owns = memory_owner(value)
    owner: Any = owns
    base = getattr(owns, "base", None)
    if base is not None:
        owner = base.obj if isinstance(base, memoryview) else base
    # The walked array alone must not make its owner look shared; equal owners of two arrays do.
    if not walker.constant(owner):
        (walker.trace.framed if walker.in_frame else walker.trace.memory).add(id(owner))
    walker.trace.alive.append(owner)
    if of_column:
        walker.trace.shared.add(id(value))
    elif walker.been_through(value):
        return
    if value.size:
        _note_place(walker, value, owns)
    _elements(walker, value)


def _elements(walker: Walker, value: np.ndarray) -> None:
    """Hash dtype, shape, flags and elements."""
    import numpy as np

    dtype, flags = value.dtype, value.flags
    in_columns = flags.f_contiguous and not flags.c_contiguous
    walker.tag("array", f"{dtype.str}{dtype.descr if dtype.names else ''}{value.shape}".encode())
    walker.tag("flags", bytes([flags.writeable, in_columns]))
    if dtype.hasobject:
        # As an array of numbers is read below: in the order of a copy that pickle would make.
        for item in value.ravel(order="A").tolist() if dtype.names is None else value.ravel().tolist():
            walker.walk(item)
        return
    if value.nbytes <= _SMALL and dtype.names is None:
        walker.tag("elements", value.tobytes("A"))
        return
    data = value if flags.c_contiguous or in_columns else np.ascontiguousarray(value)
    if dtype.names is not None:
        # What lies between the fields of a record is whatever was in memory before.
        clean = np.zeros(data.shape, data.dtype, order="C" if data.flags.c_contiguous else "F")
        for name in dtype.names:
            clean[name] = data[name]
        data = clean
    flat = data.reshape(-1, order="A")
    walker.buffer("data", flat.view(np.uint8) if flat.size and flat.dtype.itemsize else b"")


def _place_of(array: np.ndarray, owner: np.ndarray, *, framed: bool) -> MemoryPlace:
    return MemoryPlace(id(owner), array.__array_interface__["data"][0], array.strides, framed)


def _note_place(walker: Walker, array: np.ndarray, owner: np.ndarray) -> None:
    """Note where an array lies, and whose memory that is."""
    walker.trace.grounds[id(owner)] = owner
    lender = owner.base
    if lender is not None and not owner.flags.writeable and type(lender).__module__.partition(".")[0] in _LENDERS:
        # Given back by a library that may itself show the memory of another array.
        start = owner.__array_interface__["data"][0]
        walker.trace.foreign.append((start, start + owner.nbytes))
    walker.lies(array, _place_of(array, owner, framed=walker.in_frame > 0))


def note_held_arrays(walker: Walker, value: Any) -> None:
    """Note the arrays that an object written in C holds, such as a k-d tree the data that it was made of.

    Pickle tells of such an object copies of them. When a variable is such an array, the object changes with it.
    """
    numpy = sys.modules.get("numpy")
    # To ask a `partial` itself for its attributes would give it some.
    if numpy is None or type(value).__dictoffset__:
        return
    for held in gc.get_referents(value):
        if type(held) is numpy.ndarray and held.size:
            owner = memory_owner(held)
            walker.trace.memory.add(id(owner))
            walker.trace.alive.append(held)
            walker.trace.places.setdefault(id(held), _place_of(held, owner, framed=False))
            walker.trace.grounds[id(owner)] = owner


def hash_array_of_kind(walker: Walker, value: np.ndarray) -> None:
    """Hash an instance of a subclass: its class and attributes, and its elements as those of any array."""
    import numpy as np

    if walker.known(value):
        return
    kind: Any = type(value)
    if kind.__reduce__ is not np.ndarray.__reduce__ or kind.__reduce_ex__ is not np.ndarray.__reduce_ex__:
        walker.reduced(value)
    walker.tag("kind")
    walker.walk(kind)
    if not isinstance(value, np.memmap):
        # A memmap's say where its file is open.
        walker.walk(getattr(value, "__dict__", None) or None)
    hash_array(walker, value.view(np.ndarray))


def hash_masked(walker: Walker, value: np.ma.MaskedArray[Any, Any]) -> None:
    """Hash a masked array: pickle also stores whether somebody has asked for its fill value."""
    if walker.known(value):
        return
    walker.tag("masked")
    if type(value).__module__ != "numpy.ma":
        walker.walk(type(value))
        walker.walk({name: held for name, held in vars(value).items() if not name.startswith("_")})
    # Asking for the fill value sets it, and one that is set comes back as the nearest of the elements' type.
    before = vars(value).get("_fill_value")
    walker.walk((value.data, value.mask, value.fill_value, value.hardmask))
    vars(value)["_fill_value"] = before


def hash_scalar(walker: Walker, value: np.generic) -> None:
    """Hash a NumPy scalar: dtype and bytes."""
    walker.tag("scalar", value.dtype.str.encode())
    if value.dtype.hasobject or value.dtype.names:
        walker.walk(value.item())
    else:
        walker.tag("value", value.tobytes())


def hash_pandas(walker: Walker, value: Any) -> None:
    """Hash a frame, series or index by its labels, columns, attributes and flags."""
    import pandas as pd

    if walker.known(value):
        return
    walker.tag("pandas", f"{type(value).__module__}.{type(value).__qualname__}".encode())
    walker.in_frame += 1
    try:
        if isinstance(value, pd.DataFrame):
            walker.walk(value.index)
            walker.walk(value.columns)
            for position in range(value.shape[1]):
                _pandas_values(walker, value.iloc[:, position])
        elif isinstance(value, pd.Series):
            walker.walk(value.index)
            walker.walk(value.name)
            _pandas_values(walker, value)
        elif isinstance(value, pd.MultiIndex):
            walker.walk((list(value.names), [list(level) for level in value.levels]))
            for codes in value.codes:
                walker.walk(codes.copy())
        else:
            walker.walk(list(value.names))
            _pandas_values(walker, value)
            walker.walk(getattr(value, "freqstr", None))
        walker.walk(getattr(value, "attrs", None) or None)
        # What was set on it, as in `frame.name = "training"`.
        walker.walk({name: held for name, held in getattr(value, "__dict__", {}).items() if name[:1] != "_"} or None)
        flags = getattr(value, "flags", None)
        walker.walk(None if flags is None else flags.allows_duplicate_labels)
        for name in getattr(value, "_metadata", ()):
            if name != "_name":
                walker.walk(getattr(value, name, None))
    finally:
        walker.in_frame -= 1


def hash_backed(walker: Walker, value: Any) -> None:
    """Hash an array of pandas over one of NumPy, such as of categories or periods; what it has worked out is none."""
    if walker.known(value):
        return
    walker.tag("backed", f"{type(value).__module__}.{type(value).__qualname__}".encode())
    walker.walk(value.dtype)
    walker.walk(value._ndarray)  # noqa: SLF001 - where all of them have it
    walker.walk({name: held for name, held in vars(value).items() if name != "_cache"})


def _pandas_values(walker: Walker, column: Any) -> None:
    """Hash the values of a Series or flat Index, under their dtype."""
    import numpy as np

    values = column.array
    walker.trace.alive.append(values)
    walker.tag("dtype", repr(column.dtype).encode())
    held = getattr(values, "_ndarray", None)
    if isinstance(held, np.ndarray):
        _plain_array(walker, held)
        return
    name = type(values).__name__
    if name == "Categorical":
        walker.walk(list(values.categories))
        _plain_array(walker, values.codes)
    elif name in {"ArrowStringArray", "ArrowExtensionArray", "ArrowStringArrayNumpySemantics"}:
        _arrow(walker, values)
    elif isinstance(mask := getattr(values, "_mask", None), np.ndarray):
        # Not by pickle: pandas 3 also stores whether this very view may be written.
        _plain_array(walker, values._data)  # noqa: SLF001 - where all of pandas' masked arrays have it
        _plain_array(walker, mask)
    else:
        walker.walk(values)


def _plain_array(walker: Walker, array: np.ndarray) -> None:
    """Hash an array by content alone, noting who owns its memory."""
    walker.seen.pop(id(array), None)
    hash_array(walker, array, of_column=True)


def hash_view_of_memory(walker: Walker, value: memoryview) -> None:
    """Note whose memory is shown, which changes with it; what has no life outside its process has no fingerprint.

    Raises
    ------
    CannotFingerprint
        Always.
    """
    from mlops_nb.artifacts.fingerprint import CannotFingerprint

    shown, numpy = value.obj, sys.modules.get("numpy")
    if numpy is not None and isinstance(shown, numpy.ndarray):
        walker.trace.memory.add(id(memory_owner(shown)))
    walker.trace.shared.add(id(shown))
    walker.trace.alive.append(shown)
    message = "a memoryview has no content that can be read"
    raise CannotFingerprint(message)


def hash_shared_memory(walker: Walker, value: Any) -> None:
    """Note the memory that processes share, which arrays may lie in; what is in it nobody can know: others write there.

    Raises
    ------
    CannotFingerprint
        Always.
    """
    from mlops_nb.artifacts.fingerprint import CannotFingerprint

    walker.trace.memory.add(id(value._mmap))  # noqa: SLF001 - what the views of it show
    message = "memory that processes share has no content that stays"
    raise CannotFingerprint(message)


def _arrow(walker: Walker, values: Any) -> None:
    import pyarrow as pa

    chunked = values.__arrow_array__()
    for chunk in chunked.chunks if isinstance(chunked, pa.ChunkedArray) else (chunked,):
        note_buffers(walker, chunk.buffers())
    combined = chunked.combine_chunks() if isinstance(chunked, pa.ChunkedArray) else chunked
    if isinstance(combined, pa.ChunkedArray):
        combined = pa.concat_arrays(combined.chunks) if combined.num_chunks else pa.array([], combined.type)
    # A slice keeps its parent's buffers; the IPC form holds the selected rows only.
    batch = pa.record_batch([combined], names=["v"])
    walker.tag("arrow", str(combined.type).encode())
    walker.buffer("rows", batch.serialize())
