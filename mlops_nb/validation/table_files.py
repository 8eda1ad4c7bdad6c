"""Tables that lie in files: Parquet, and CSV read as a schema says it is meant."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mlops_nb.validation.schema import TableSchema

_CSV = (".csv", ".csv.gz", ".csv.zip", ".csv.xz", ".csv.bz2")
_PARQUET = (".parquet", ".pq")


def read_table(path: Path, schema: TableSchema | None = None) -> pd.DataFrame:
    """Return the table of a file.

    A CSV file has text only. Columns that the schema calls text stay text, `007` stays `007`; those that it calls times
    or durations become that where every value can be one; for all others it is as pandas reads it.

    Parameters
    ----------
    path
        A file whose name ends in `.parquet`, `.pq` or `.csv`, which may be compressed.
    schema
        What the table is meant to be.

    Raises
    ------
    UsageError
        When there is no such file, or it holds no table.
    """
    import pandas as pd

    name = path.name.lower()
    if not name.endswith((*_CSV, *_PARQUET)):
        message = f"{path} is no file of a table that can be read."
        raise UsageError(message, hint="Its name should end in .parquet, .csv or .csv.gz.")
    columns = schema.columns if schema is not None else {}
    texts: dict[str, Any] = {name: "str" for name, column in columns.items() if column.type == "text"}
    try:
        if name.endswith(_PARQUET):
            return pd.read_parquet(path)
        frame = pd.read_csv(path, dtype=texts)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or str(error).splitlines()[0]
        message = f"{path} cannot be read as a table: {told}."
        raise UsageError(message, hint="Check the file, and what its name ends in.") from error
    for name, column in columns.items():
        if name in frame.columns and column.type in {"datetime", "duration"}:
            parse = pd.to_datetime if column.type == "datetime" else pd.to_timedelta
            with suppress(ValueError, TypeError, OverflowError):
                frame[name] = parse(frame[name])
    return frame
