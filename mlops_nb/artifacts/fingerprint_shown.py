"""Where the values of libraries in C lie in memory: Arrow and Polars make theirs of NumPy's arrays without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlops_nb.artifacts.fingerprint import Walker

_POLARS = {"polars.series.series.Series": lambda value: [value], "polars.dataframe.frame.DataFrame": list}


def walk_of_shown(kind: type) -> Callable[[Walker, Any], None] | None:
    """Return the walk of values of a type of Arrow or Polars, if it is one that has memory."""
    if kind.__module__ == "pyarrow.lib" and (hasattr(kind, "buffers") or hasattr(kind, "is_mutable")):
        return _hash_arrow
    return _hash_polars if f"{kind.__module__}.{kind.__qualname__}" in _POLARS else None


def note_buffers(walker: Walker, buffers: Iterable[Any]) -> None:
    """Note where the memory of Arrow is: it may be that of a NumPy array."""
    for buffer in buffers:
        if buffer is not None and buffer.size:
            walker.trace.foreign.append((buffer.address, buffer.address + buffer.size))


def buffers_of(column: Any) -> Iterator[Any]:
    """Yield the memory of a column of Polars as buffers of Arrow, where it may be that of a NumPy array."""
    # Of other columns Arrow would be given a copy.
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        for chunk in column.get_chunks():
            yield from (buffer for buffer in chunk.to_arrow().buffers() if buffer is not None)


def _hash_arrow(walker: Walker, value: Any) -> None:
    if walker.known(value):
        return
    note_buffers(walker, value.buffers() if hasattr(value, "buffers") else (value,))
    walker.reduced(value)


def _hash_polars(walker: Walker, value: Any) -> None:
    if walker.known(value):
        return
    columns = _POLARS[f"{type(value).__module__}.{type(value).__qualname__}"](value)
    for column in columns:
        note_buffers(walker, buffers_of(column))
    walker.reduced(value)
