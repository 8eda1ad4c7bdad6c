"""Figures as PNG and SVG, the same bytes for the same figure: no dates, no library versions, fixed ids."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import Any

from mlops_nb.artifacts.formats import CannotStore, type_name

# A scatter plot of a million points is an SVG no browser opens; its PNG is all anybody looks at.
MAX_SVG_BYTES = 8 << 20


@dataclass(frozen=True)
class Picture:
    """A figure as files; `svg` is None when it would be larger than `MAX_SVG_BYTES`."""

    png: bytes
    svg: bytes | None


def dump_figure(value: Any) -> Picture:
    """Return the files of a figure.

    Parameters
    ----------
    value
        A Matplotlib figure, axes or array of axes, or anything that holds its figure as `figure` or `figure_`:
        seaborn's grids, scikit-learn's displays.

    Raises
    ------
    CannotStore
        When it is no figure, or cannot be drawn.
    """
    figure = _figure(value)
    if figure is None:
        message = f"A `{type_name(value)}` is no figure."
        hint = "Give a Matplotlib figure or axes, a seaborn grid, or an object whose `figure_` is one."
        raise CannotStore(message, hint=hint)
    import matplotlib as mpl

    pictures = {}
    with mpl.rc_context({"svg.hashsalt": "mlops_nb"}):
        for form, left_out in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            out = io.BytesIO()
            try:
                # Cropped as Jupyter shows it.
                figure.savefig(out, format=form, bbox_inches="tight", metadata=left_out)
            except Exception as error:  # drawing runs the user's formatters and callbacks
                message = f"The figure cannot be drawn as {form.upper()}: {type(error).__name__}: {error}."
                raise CannotStore(message, hint="Call its `savefig` in a cell to see where it fails.") from error
            pictures[form] = out.getvalue()
    svg = pictures["svg"]
    return Picture(pictures["png"], svg if len(svg) <= MAX_SVG_BYTES else None)


def _figure(value: Any) -> Any:
    if "matplotlib" not in sys.modules:
        # Then it is nobody's figure.
        return None
    from matplotlib.figure import Figure

    found = value
    if type_name(found) == "numpy.ndarray" and found.size and found.dtype.hasobject:
        found = found.flat[0]
    elif isinstance(found, list | tuple) and found:
        found = found[0]
    # Axes may lie in a subfigure, and that in another; a display holds axes or a figure.
    for _ in range(8):
        if isinstance(found, Figure):
            return found
        found = getattr(found, "figure_", None) or getattr(found, "figure", None)
    return None
