"""Small real notebooks for tests: cells as (tags, source) pairs, written as a project of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Tags, source and, where there are any, settings; a tuple of any length, so that a list may mix both forms.
Cell = tuple[Any, ...]


def document(cells: Sequence[Cell], kernel: str = "python3") -> dict[str, Any]:
    """Return the JSON of a notebook; tags are separated by spaces, a third item is the cell's `mlops_nb` settings."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {
                    **({"tags": tags.split()} if tags else {}),
                    **({"mlops_nb": rest[0]} if rest else {}),
                },
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, (tags, source, *rest) in enumerate(cells, 1)
        ],
        "metadata": {
            "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write(path: Path, cells: Sequence[Cell]) -> Path:
    """Write a notebook of these cells, and mark its folder as a project."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "pyproject.toml").touch()
    path.write_text(json.dumps(document(cells)), encoding="utf-8")
    return path


def edit(path: Path, cell: int, source: str) -> None:
    """Give the cell of that number (from 1) another source, as a person would in JupyterLab."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    loaded["cells"][cell - 1]["source"] = source
    path.write_text(json.dumps(loaded), encoding="utf-8")


def statuses(record: Any) -> Mapping[str, str]:
    """Return how each step of a run record ended."""
    return {step.step: step.status for step in record.steps}
