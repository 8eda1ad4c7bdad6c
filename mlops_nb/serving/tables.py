"""Tables in files, CSV or Parquet, read in pieces and written whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

_CSV = frozenset({".csv"})
_PARQUET = frozenset({".parquet", ".pq"})


class NotATable(UsageError):  # noqa: N818 - the name of the fact
    """The file is none that rows are read from or written to."""

    code = "not-a-table"


def is_csv(path: Path) -> bool:
    """Say whether a file is CSV by its name, and not Parquet.

    Raises
    ------
    NotATable
        When its name says neither.
    """
    if path.suffix.lower() in _CSV | _PARQUET:
        return path.suffix.lower() in _CSV
    message = f"{path} is neither CSV nor Parquet by its name."
    raise NotATable(message, hint="Name it .csv or .parquet.")


def pieces(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Yield a table in pieces of so many rows at most, the same ones each time.

    A CSV file is read as text, column by column what pandas takes for missing as missing: what type it has to be, the
    reader of the rows says, and a column has one type in all pieces.

    Raises
    ------
    NotATable
        When there is no such file, or it is not what its name says.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if is_csv(path):
            with pd.read_csv(path, dtype=str, chunksize=rows) as reader:
                for piece in reader:
                    # Not pandas' own type of texts: its missing values are none of NumPy's.
                    yield piece.astype(object)
        else:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows):
                    yield batch.to_pandas().reset_index(drop=True)
    except FileNotFoundError:
        message = f"There is no file {path}."
        raise NotATable(message, hint="Check the path.") from None
    except pd.errors.EmptyDataError:
        message = f"{path} is empty."
        raise NotATable(message, hint="A CSV file has a line with the columns' names at least.") from None
    except (pd.errors.ParserError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        message = f"{path} cannot be read as a table: {error}."
        raise NotATable(message, hint="Its name must say what it is: .csv or .parquet.") from error


def write_whole(path: Path, frames: Sequence[Path] | pd.DataFrame, rows: int, *, beside: Path | None = None) -> None:
    """Write a frame, or the rows of Parquet files one after the other; the file is there whole or not at all.

    Parameters
    ----------
    rows
        Rows of a group in a Parquet file.
    beside
        The folder, on the same disk, where it is written first; its own when `None`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    aside = (beside or path.parent) / f".{path.name}.tmp"
    try:
        if not isinstance(frames, list | tuple):
            tables = [pa.Table.from_pandas(frames, preserve_index=False)]
        else:
            tables = [pq.read_table(part) for part in frames]
        if is_csv(path):
            with aside.open("w", encoding="utf-8", newline="") as out:
                for number, table in enumerate(tables):
                    table.to_pandas().to_csv(out, index=False, header=number == 0)
        else:
            with pq.ParquetWriter(aside, tables[0].schema, compression="zstd") as writer:
                for table in tables:
                    writer.write_table(table.cast(tables[0].schema), row_group_size=rows)
        settle(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def settle(aside: Path, path: Path) -> None:
    """Have a file on the disk, and then in its place."""
    with aside.open("rb") as written:
        os.fsync(written.fileno())
    aside.replace(path)
    if os.name == "posix":
        # The name is on the disk only when its folder is.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
