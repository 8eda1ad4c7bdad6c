"""The scripts and styles of the widgets, read from the package: plain files, no build step, nothing from a network."""

from __future__ import annotations

from pathlib import Path

_STATIC = Path(__file__).parent / "static"


def script(*names: str) -> str:
    """Return one ECMAScript module made of several files; only the last may export, and none imports."""
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


def style(name: str) -> str:
    """Return the text of a style sheet."""
    return (_STATIC / name).read_text(encoding="utf-8")
