"""Notebooks that are run and planned again, and what they told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlops_nb.lifecycle import plan, read, run, stores

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.lifecycle import Finished
    from mlops_nb.pipeline import Plan


def succeeded(notebook: Path, workers: int | None = None) -> None:
    """Run a notebook to its good end."""
    record = run(notebook, workers=workers).result.record
    assert record.run.status == "succeeded", [(step.step, step.reason, step.error) for step in record.steps]


def planned(notebook: Path) -> Plan:
    """Return what a run would do now."""
    pipeline = read(notebook)
    with stores(pipeline) as opened:
        return plan(pipeline, opened)[0]


def because(notebook: Path) -> dict[str, str]:
    """Return why each step is to run that is not cached."""
    return {step.name: step.because for step in planned(notebook).steps if step.status != "cached"}


def told(finished: Finished, notebook: Path) -> object:
    """Return what the notebook told last."""
    assert finished.result.status == "succeeded", finished.result.reason
    return json.loads((notebook.parent / "told.json").read_text(encoding="utf-8"))
