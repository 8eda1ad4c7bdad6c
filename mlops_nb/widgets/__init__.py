"""Looking into runs and models from a cell: side by side with charts, or one thing as a picture and a page.

choosing       runs or versions by name, pipeline, condition or model
measures       what differs, which direction is better, what is best
predictions    published tables: predictions, slices; from them curves and intervals
board, details the JSON from which the browser draws
comparison     the widget that `mlops_nb.compare` gives; the scripts and styles lie in static/
fallback       the same without a kernel and without scripts
showing        what `mlops_nb.show` gives: verdicts, plans, lineage, runs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_nb.widgets.comparison import ComparisonTable, compare
    from mlops_nb.widgets.showing import Shown, show

__all__ = ["ComparisonTable", "Shown", "compare", "show"]


def __getattr__(name: str) -> Any:
    # Whoever shows a verdict does not wait for widgets, nor whoever compares for what reads notebooks.
    if name in {"ComparisonTable", "compare"}:
        from mlops_nb.widgets import comparison

        return getattr(comparison, name)
    if name in {"Shown", "show"}:
        from mlops_nb.widgets import showing

        return getattr(showing, name)
    raise AttributeError(name)
