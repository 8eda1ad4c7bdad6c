"""Pickle values of Arrow and Polars that show the memory of NumPy's arrays so that they show it again.

Their own reduce methods copy what they hold. Whoever then changes the array would no more change the table.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import buffers_of
from mlops_nb.handover.pickling_arrays import make_view, place_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


def reduce_shown(value: Any, lent: Sequence[np.ndarray]) -> Any:
    """Reduce a value of Arrow or Polars that may lie in arrays whose memory is lent; others as they say themselves."""
    kind = type(value)
    match kind.__module__, kind.__name__:
        case "pyarrow.lib", "Buffer" | "ForeignBuffer" | "ResizableBuffer":
            array, offset = place_in(lent, value.address, value.size)
            if array is not None:
                return _make_buffer, (array, offset, value.size, value.is_mutable)
        case "polars.dataframe.frame", "DataFrame":
            if any(_shows(column, lent) for column in value):
                return kind, (list(value),)
        case "polars.series.series", "Series" if _shows(value, lent):
            return _make_series, (value.name, value.dtype, value.to_arrow())
    return NotImplemented


def _shows(column: Any, lent: Sequence[np.ndarray]) -> bool:
    """Say whether a column lies in one of the arrays, in one piece."""
    return column.n_chunks() == 1 and any(
        place_in(lent, buffer.address, buffer.size)[0] is not None for buffer in buffers_of(column)
    )


def _make_buffer(array: np.ndarray, offset: int, size: int, mutable: bool) -> Any:  # noqa: FBT001
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(make_view(array, np.uint8, (size,), (1,), offset, mutable))


def _make_series(name: str, dtype: Any, values: Any) -> Any:
    # The pickle names its type of elements, so that Polars has been imported.
    return sys.modules["polars"].Series(name, values, dtype)
