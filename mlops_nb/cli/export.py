"""Verbs that turn steps into importable modules and take edits back: export."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    del app
