"""Read what a step glued from its executed notebook: what `publish` glued, and what the user glued with scrapbook."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.artifacts import Column, Signature, decode_json, encode_json
from mlops_nb.errors import MlopsNbError
from mlops_nb.notebook import import_nbformat, read_notebook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["metric", "value", "dataset", "model", "figure", "verdict"]
FORMAT = 1
_PREFIX = "application/scrapbook.scrap."
_NOT_FINITE = frozenset({"nan", "inf", "-inf"})


@dataclass(frozen=True)
class Reference:
    """What a scrap says of a dataset, model or figure in the artifact store; `svg` and `sample_input` are digests.

    `evaluation` is where the data is that a model is judged on (`scraps.evaluation`).
    """

    type: str
    artifact: str
    media_type: str
    bytes: int
    rows: int | None = None
    columns: tuple[Column, ...] = ()
    svg: str | None = None
    svg_media_type: str | None = None
    svg_bytes: int | None = None
    estimator: str | None = None
    format: str | None = None
    trusted: tuple[str, ...] = ()
    signature: Signature | None = None
    sample_input: str | None = None
    sample_input_media_type: str | None = None
    sample_input_bytes: int | None = None
    sample_input_rows: int | None = None
    evaluation: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Scrap:
    """One thing a step glued.

    Parameters
    ----------
    name
        Its name, unique in the notebook: of two scraps with one name the later one counts, as in scrapbook.
    kind
        `metric` (a number), `value`, `dataset`, `model`, `figure`, or `verdict` (of a dataset that has a gate).
    value
        What a log can keep of it, always JSON: the number or value; a reference's digest; None of what scrapbook
        holds in the notebook itself and JSON cannot (a frame, a display).
    cell
        Index of the cell that glued it.
    encoder
        scrapbook's name of its encoding: `json`, `text`, `pandas`, `display` or one of the user's.
    output
        The declared output it belongs to; None for a scrap of the user's and for a `pipeline-metrics` name.
    reference
        Where its content is, when `publish` stored it.
    data
        What scrapbook decoded, when that is no JSON: a frame; the encoded text, when it has no decoder here.
    display
        The MIME bundle to show, when it was glued with a display.
    """

    name: str
    kind: Kind
    value: Any = field(hash=False)
    cell: int
    encoder: str = "json"
    output: str | None = None
    reference: Reference | None = field(default=None, hash=False)
    data: Any = field(default=None, hash=False, compare=False, repr=False)
    display: Mapping[str, Any] | None = field(default=None, hash=False, compare=False, repr=False)


def read_scraps(path: Path | str) -> tuple[Scrap, ...]:
    """Return the scraps of an executed notebook, in the order in which they were glued.

    Each output is decoded by scrapbook on its own, so that the cell is known, and that one scrap nobody can decode
    (its encoder was registered in the kernel only) does not hide the others.

    Raises
    ------
    NotebookError
        When the file is no notebook.
    MlopsNbError
        When a scrap was published by a newer version of mlops_nb.
    """
    # Before scrapbook, which imports nbformat too and would pay a second for it.
    nbformat = import_nbformat()
    # Files hold long texts as lists of lines.
    document = nbformat.v4.rwbase.rejoin_lines(nbformat.from_dict(read_notebook(path).document))
    found: dict[str, Scrap] = {}
    for index, cell in enumerate(document.cells):
        for output in cell.get("outputs", ()):
            if not _is_glued(output):
                continue
            # Not before there is something to decode: it imports pandas.
            import scrapbook

            alone = nbformat.from_dict({"metadata": {}, "cells": [{"outputs": [output]}]})
            try:
                glued = scrapbook.read_notebook(alone).scraps.values()
            except (scrapbook.exceptions.ScrapbookException, ValueError, TypeError):
                scraps = _undecoded(output, index)
            else:
                scraps = [_scrap(scrap, output.metadata.get("mlops_nb"), index) for scrap in glued]
            for read in scraps:
                earlier = found.pop(read.name, None)
                # `glue(name, data, display=True)` writes data and display as two outputs; together they are one scrap.
                found[read.name] = _joined(earlier, read) if earlier is not None else read
    return tuple(found.values())


def _undecoded(output: Any, cell: int) -> list[Scrap]:
    payloads = [data for mime, data in output.get("data", {}).items() if mime.startswith(_PREFIX)]
    return [
        Scrap(str(payload["name"]), "value", None, cell, str(payload.get("encoder")), data=payload.get("data"))
        for payload in payloads
        if isinstance(payload, dict) and "name" in payload
    ]


def _is_glued(output: Any) -> bool:
    metadata = output.get("metadata", {})
    return "scrapbook" in metadata or "papermill" in metadata


def _scrap(glued: Any, marks: Any, cell: int) -> Scrap:
    if isinstance(marks, dict):
        return _published(glued, marks, cell)
    display = None if glued.display is None else dict(glued.display.get("data", {}))
    value, data = glued.data, None
    if glued.encoder == "json" and isinstance(value, str) and value in _NOT_FINITE:
        # The kernel's messages have no NaN; it comes as the text that Python shows of it.
        value = float(value)
    kind: Kind = "value"
    if isinstance(value, int | float) and not isinstance(value, bool):
        kind = "metric"
    elif hasattr(value, "columns") and hasattr(value, "to_parquet"):
        kind = "dataset"
    elif value is None and display is not None and any(name.startswith("image/") for name in display):
        kind = "figure"
    try:
        encode_json(value)
    except MlopsNbError:
        value, data = None, value
    return Scrap(glued.name, kind, value, cell, glued.encoder, data=data, display=display)


def _published(glued: Any, marks: Mapping[str, Any], cell: int) -> Scrap:
    data = glued.data
    if int(marks.get("format", FORMAT)) > FORMAT:
        message = f"The scrap `{glued.name}` was published by a newer version of mlops_nb."
        raise MlopsNbError(message, hint="Read the notebook with that version.")
    kind, output = marks["kind"], marks.get("output")
    if kind in {"metric", "value", "verdict"}:
        value = None if marks.get("null") else decode_json(data)
        return Scrap(glued.name, kind, value, cell, glued.encoder, output)
    known = {name: data[name] for name in Reference.__dataclass_fields__ if name in data}
    if "columns" in known:
        known["columns"] = tuple(Column(**column) for column in known["columns"])
    if "trusted" in known:
        known["trusted"] = tuple(known["trusted"])
    if "signature" in known:
        known["signature"] = Signature.from_json(known["signature"])
    if "evaluation" in known:
        known["evaluation"] = decode_json(known["evaluation"])
    reference = Reference(**known)
    return Scrap(glued.name, kind, reference.artifact, cell, glued.encoder, output, reference)


def _joined(earlier: Scrap, later: Scrap) -> Scrap:
    if later.encoder != "display" or earlier.encoder == "display" or earlier.cell != later.cell:
        return later
    return replace(earlier, display=later.display)
