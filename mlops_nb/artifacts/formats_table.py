"""Tables as Parquet: pandas frames and series, NumPy arrays, Arrow tables and whatever speaks Arrow.

The file is plain Parquet. Under the key `mlops_nb` its schema metadata says what the table was in the notebook, so
that `load_table` gives it back as that: `{"format": 1, "kind": "frame" | "series" | "array" | "arrow", …}`. A reader
refuses format numbers it does not know.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.formats import CannotStore, type_name
from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FORMAT = 1
_KEY = b"mlops_nb"
_HINT = "Give a pandas DataFrame or Series, a NumPy array of one or two dimensions, or an Arrow table."
_STRINGS = frozenset({"string", "large_string", "string_view"})
_RENAMED = {"double": "float64", "float": "float32", "halffloat": "float16", "date32[day]": "date"}


@dataclass(frozen=True)
class Column:
    """A column: `dtype` is its logical type, the same in pandas 2 and 3; `nullable`, whether values are missing."""

    name: str
    dtype: str
    nullable: bool


@dataclass(frozen=True)
class Table:
    """A table as a Parquet file, and what it holds. A frame's index is kept in the file and is no column."""

    data: bytes
    rows: int
    columns: tuple[Column, ...]


def dump_table(value: Any) -> Table:
    """Return a table as Parquet.

    Raises
    ------
    CannotStore
        When the value is no table, or a column holds what Parquet cannot.
    """
    import pyarrow.parquet as pq

    table, description = _arrow(value)
    columns = _columns(table)
    metadata = {**(table.schema.metadata or {}), _KEY: json.dumps({"format": FORMAT, **description}).encode()}
    # Equal content may come in different chunks, and they show in the file.
    table = table.combine_chunks().replace_schema_metadata(metadata)
    out = io.BytesIO()
    try:
        pq.write_table(table, out, compression="zstd")
    except Exception as error:  # pyarrow has several ways to refuse a type
        message = f"Parquet cannot hold this table: {error}."
        raise CannotStore(message, hint="Leave the column out, or turn it into numbers or text.") from error
    return Table(out.getvalue(), table.num_rows, columns)


def load_table(data: bytes) -> Any:
    """Return the table whose Parquet `dump_table` gave, as what it was; a Parquet file of others as a frame.

    Raises
    ------
    MlopsNbError
        When the file is of a format number this version does not know.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))
    metadata = dict(table.schema.metadata or {})
    description = json.loads(metadata.pop(_KEY, b'{"format": 1, "kind": "frame"}'))
    if description["format"] != FORMAT:
        message = f"The table is in format {description['format']}, and this version of mlops_nb reads {FORMAT}."
        raise MlopsNbError(message, hint="Install a newer mlops_nb; any Parquet reader opens the file.")
    table = table.replace_schema_metadata(metadata or None)
    match description["kind"]:
        case "arrow":
            return table
        case "array":
            return _array(table, description["dtype"], description["shape"])
        case "series":
            series = table.to_pandas().iloc[:, 0]
            return series if description["named"] else series.rename(None)
        case _:
            return table.to_pandas()


def describe_table(value: Any) -> tuple[Column, ...]:
    """Return the columns of a table without writing it.

    Raises
    ------
    CannotStore
        When the value is no table, or a column holds what Arrow cannot.
    """
    return _columns(_arrow(value)[0])


def _arrow(value: Any) -> tuple[pa.Table, dict[str, Any]]:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    try:
        if isinstance(value, pd.DataFrame):
            return pa.Table.from_pandas(value), {"kind": "frame"}
        if isinstance(value, pd.Series):
            named = value.name is not None
            frame = value.to_frame() if named else value.to_frame("values")
            return pa.Table.from_pandas(frame), {"kind": "series", "named": named}
        if isinstance(value, np.ndarray):
            return _from_array(value)
        if hasattr(value, "__arrow_c_stream__"):
            return pa.table(value), {"kind": "arrow"}
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        told = "; ".join(str(part) for part in error.args)
        message = f"The {type_name(value)} cannot be written as a table: {told}."
        raise CannotStore(message, hint="Give each column one name and one type.") from error
    message = f"A `{type_name(value)}` is no table."
    raise CannotStore(message, hint=_HINT)


def _from_array(value: np.ndarray) -> tuple[pa.Table, dict[str, Any]]:
    import numpy as np
    import pyarrow as pa

    if value.ndim not in {1, 2} or value.dtype.names or isinstance(value, np.ma.MaskedArray):
        message = f"A `{type_name(value)}` of {value.ndim} dimensions and dtype {value.dtype} is no table."
        raise CannotStore(message, hint=_HINT)
    columns = [value] if value.ndim == 1 else [value[:, position] for position in range(value.shape[1])]
    arrays = [pa.array(np.ascontiguousarray(column)) for column in columns]
    table = pa.table(arrays, names=[str(position) for position in range(len(arrays))])
    return table, {"kind": "array", "dtype": value.dtype.str, "shape": value.shape}


def _array(table: pa.Table, dtype: str, shape: list[int]) -> np.ndarray:
    import numpy as np

    # Not the table's own shape: without columns it has no rows either.
    found = np.empty((shape[0], len(table.columns)), dtype)
    for position, column in enumerate(table.columns):
        found[:, position] = column.to_numpy()
    return found.reshape(shape)


def _columns(table: pa.Table) -> tuple[Column, ...]:
    import pyarrow.compute as pc

    # A range index is a dictionary here and no column at all.
    index = {name for name in (table.schema.pandas_metadata or {}).get("index_columns", ()) if isinstance(name, str)}
    found = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if field.name not in index:
            missing = column.null_count > 0
            if not missing and str(field.type) in {"double", "float"}:
                missing = bool(pc.any(pc.is_nan(column)).as_py())
            found.append(Column(field.name, _dtype(field.type), missing))
    return tuple(found)


def _dtype(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return "category"
    if pa.types.is_timestamp(kind):
        return f"datetime64[{kind.unit}{f', {kind.tz}' if kind.tz else ''}]"
    if pa.types.is_duration(kind):
        return f"timedelta64[{kind.unit}]"
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind.extension_name).removeprefix("pandas.")
    name = str(kind)
    return "str" if name in _STRINGS else _RENAMED.get(name, name)
