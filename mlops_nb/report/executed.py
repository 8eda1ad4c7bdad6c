"""What the cells of a step were and put out, read from its executed notebook: text, errors and pictures."""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata import StepRun

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Cells that mlops_nb put around the step's own.
_OURS = "mlops-nb"
_MOST_TEXT = 20_000
_PNG_HEADER, _WIDE = 24, 1.7
# A page that nobody can open explains nothing.
LARGEST_PICTURE = 4 << 20


@dataclass(frozen=True)
class ShownCell:
    """A cell of a step: its source, the text it put out, and its pictures as data URLs."""

    id: str
    source: str
    text: str
    pictures: tuple[str, ...] = ()


def cells_of(step: StepRun) -> tuple[ShownCell, ...]:
    """Return the cells of a step as it ran; none where its notebook is gone."""
    if not step.notebook:
        return ()
    try:
        document = json.loads(Path(step.notebook).read_text(encoding="utf-8"))
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return tuple(_cell(cell) for cell in cells if _OURS not in cell.get("metadata", {}).get("tags", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Gone, half written, or edited since: the page does without.
        return ()


def plain(text: str) -> str:
    """Return text without the codes that colour it in a terminal, and not longer than a page bears."""
    text = _ANSI.sub("", text)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}\n… {len(text) - _MOST_TEXT:,} more characters"


def data_url(content: bytes, media_type: str) -> str:
    """Return a picture as the address that holds it; empty when it is too large for a page, or no picture."""
    known = {"image/png", "image/jpeg", "image/gif", "image/svg+xml", "image/webp"}
    if media_type not in known or len(content) > LARGEST_PICTURE:
        return ""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def is_wide(url: str) -> bool:
    """Say whether a picture's address is that of a PNG which is much wider than high."""
    prefix = "data:image/png;base64,"
    if not url.startswith(prefix):
        return False
    # Its header: eight bytes of signature, eight of the first chunk, then width and height.
    header = base64.b64decode(url[len(prefix) : len(prefix) + 32])
    if len(header) < _PNG_HEADER:
        return False
    width, height = struct.unpack(">II", header[16:24])
    return bool(width > _WIDE * height)


def _cell(cell: Mapping[str, Any]) -> ShownCell:
    texts: list[str] = []
    pictures: list[str] = []
    for output in cell.get("outputs", ()):
        if output["output_type"] == "stream":
            texts.append(_joined(output["text"]))
        elif output["output_type"] == "error":
            texts.append("\n".join(output.get("traceback") or [f"{output['ename']}: {output['evalue']}"]) + "\n")
        else:
            shown = _picture(output.get("data", {}))
            if shown:
                pictures.append(shown)
            elif "text/plain" in output.get("data", {}):
                texts.append(_joined(output["data"]["text/plain"]) + "\n")
    return ShownCell(
        str(cell.get("id", "")), _joined(cell["source"]), plain("".join(texts)).strip("\n"), tuple(pictures)
    )


def _picture(data: Mapping[str, Any]) -> str:
    for media_type in ("image/png", "image/jpeg", "image/svg+xml"):
        if media_type in data:
            text = _joined(data[media_type])
            try:
                content = text.encode() if media_type == "image/svg+xml" else base64.b64decode(text, validate=False)
            except (binascii.Error, ValueError):
                return ""
            return data_url(content, media_type)
    return ""


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)
