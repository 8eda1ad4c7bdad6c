"""What the open formats share: their media types, and the error of a value that its declared type cannot hold.

A published output is read by people and by other programs, today and in ten years, so it is no pickle, but for a model
whose settings ask for one (`formats_pickle`):

========  =============================  ==============================================================
type      written by                     as
========  =============================  ==============================================================
dataset   `formats_table.dump_table`     Parquet (zstd), readable by every Parquet reader
figure    `formats_figure.dump_figure`   PNG, and SVG while that is not huge
value     `formats_json.dump_json`       JSON
model     `formats_model.dump_model`     skops, with a `formats_signature.Signature`
========  =============================  ==============================================================

Equal content gives equal bytes in one environment (library versions are part of Parquet and skops files), so that
content-addressing tells a new result from a repeated one.
"""

from __future__ import annotations

from mlops_nb.errors import MlopsNbError

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
PNG = "image/png"
SKOPS = "application/vnd.skops"
PICKLE = "application/x-python-pickle"
SVG = "image/svg+xml"


class CannotStore(MlopsNbError):  # noqa: N818 - the name of the fact
    """The value is not what its declared type asks for, or holds what the format cannot."""

    code = "cannot-store"


def type_name(value: object) -> str:
    """Return the full name of a value's type, without `builtins`."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
