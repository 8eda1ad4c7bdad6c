"""Explaining: where things come from, what differs between two runs, and a run as one page for the eye.

It reads the record and what runs left, and writes nothing but the file that it is asked for.
"""

from __future__ import annotations

from mlops_nb.report.difference import RunDifference, StepPair, diff_runs
from mlops_nb.report.drawing import Bar, Box, draw_bars, draw_graph, reduced
from mlops_nb.report.lineage_picture import draw_lineage
from mlops_nb.report.origins import Origin, find_origin
from mlops_nb.report.page import draw_run, models_of, render, write_report
from mlops_nb.report.wording import duration, moment
from mlops_nb.report.wording import value as word_value

__all__ = [
    "Bar",
    "Box",
    "Origin",
    "RunDifference",
    "StepPair",
    "diff_runs",
    "draw_bars",
    "draw_graph",
    "draw_lineage",
    "draw_run",
    "duration",
    "find_origin",
    "models_of",
    "moment",
    "reduced",
    "render",
    "word_value",
    "write_report",
]
