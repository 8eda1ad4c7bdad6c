"""Figures of a model card as SVG files: calibration, and a metric by groups of rows with its intervals.

They stand alone, so colours are written out: dark enough on white, and on a white ground of their own.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INK, _FAINT, _LINE, _MARK, _OTHER = "#1f2933", "#61707f", "#d9e0e6", "#2563eb", "#b7791f"
_FONT = "font-family='system-ui, sans-serif'"
_SIDE, _EDGE = 360, 56
_ROW, _PLOT, _NUMBERS, _CHARACTER = 26, 360, 190, 7.2
_MOST_ROWS = 30


def draw_calibration(told: Mapping[str, Any]) -> str:
    """Return what a model said against what was true, in tenths of the rows; the diagonal would be perfect."""
    bins: Sequence[Mapping[str, float]] = told["bins"]
    values = [value for item in bins for value in (item["said"], item["true"])]
    low, high = (0.0, 1.0) if told["kind"] == "probability" else _padded(values)
    size = _SIDE + 2 * _EDGE

    def at(x: float, y: float) -> tuple[float, float]:
        share = [(value - low) / (high - low) for value in (x, y)]
        return _EDGE + share[0] * _SIDE, _EDGE + (1.0 - share[1]) * _SIDE

    parts = [_text(size / 2, 28, "What it said, and what was true", "middle", 15)]
    for tick in _ticks(low, high):
        x, y = at(tick, tick)
        parts += [_line(x, _EDGE, x, _EDGE + _SIDE), _line(_EDGE, y, _EDGE + _SIDE, y)]
        parts += [_text(x, _EDGE + _SIDE + 18, f"{tick:g}", "middle", 11)]
        parts += [_text(_EDGE - 8, y + 4, f"{tick:g}", "end", 11)]
    (x1, y1), (x2, y2) = at(low, low), at(high, high)
    parts.append(_line(x1, y1, x2, y2, _FAINT, "stroke-dasharray='5 4'"))
    points = [at(item["said"], item["true"]) for item in bins]
    route = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f"<polyline points='{route}' fill='none' stroke='{_MARK}' stroke-width='1.5'/>")
    parts += [
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{_MARK}'><title>{item['rows']} rows: said {item['said']:.4g}, "
        f"true {item['true']:.4g}</title></circle>"
        for (x, y), item in zip(points, bins, strict=True)
    ]
    axis = "probability" if told["kind"] == "probability" else "prediction"
    parts.append(_text(size / 2, size - 12, f"{axis}, mean of a tenth of the rows", "middle", 12))
    middle = size / 2
    true = "share that was so" if told["kind"] == "probability" else "truth, mean"
    parts.append(f"<g transform='rotate(-90 16 {middle})'>{_text(16, middle, true, 'middle', 12)}</g>")
    return _svg(size, size, "calibration of the model", parts)


def draw_slices(metric: str, slices: Sequence[Mapping[str, Any]], whole: Mapping[str, Any] | None) -> str:
    """Return a metric by groups of rows with its intervals, and with those of the champion where it was compared.

    Parameters
    ----------
    metric
        The metric's name.
    slices
        The groups as a verdict of `judge_slices` keeps them.
    whole
        The metric on all rows, drawn as a line.
    """
    rows = [item for item in slices if item["value"] is not None][:_MOST_ROWS]
    baselines = [item.get("change", {}).get("baseline") for item in rows]
    values = [v for item in rows for v in (item["value"], item.get("low"), item.get("high")) if v is not None]
    values += [value for value in baselines if value is not None]
    low, high = _padded([*values, *([whole["value"]] if whole else [])])
    names = 32 + _CHARACTER * max((len(item["slice"]) for item in rows), default=0)
    width, height = names + _PLOT + _NUMBERS, _ROW * len(rows) + 2 * _EDGE

    def at(value: float) -> float:
        return names + (value - low) / (high - low) * _PLOT

    parts = [_text(width / 2, 28, f"{metric} by groups of rows", "middle", 15)]
    for tick in _ticks(low, high):
        parts += [_line(at(tick), _EDGE, at(tick), height - _EDGE)]
        parts += [_text(at(tick), height - _EDGE + 18, f"{tick:g}", "middle", 11)]
    if whole:
        x = at(whole["value"])
        parts.append(_line(x, _EDGE, x, height - _EDGE, _FAINT, "stroke-dasharray='5 4'"))
        parts.append(_text(x, _EDGE - 6, "all rows", "middle", 11))
    for place, (item, baseline) in enumerate(zip(rows, baselines, strict=True)):
        y = _EDGE + _ROW * (place + 0.5)
        parts.append(_text(names - 12, y + 4, item["slice"], "end", 12))
        if "low" in item:
            parts.append(_line(at(item["low"]), y, at(item["high"]), y, _MARK, "stroke-width='2'"))
        if baseline is not None:
            x = at(baseline)
            parts.append(f"<path d='M{x:.1f} {y - 5:.1f}l5 5 -5 5 -5 -5z' fill='none' stroke='{_OTHER}'/>")
        parts.append(f"<circle cx='{at(item['value']):.1f}' cy='{y:.1f}' r='4' fill='{_MARK}'/>")
        parts.append(_text(width - _NUMBERS + 16, y + 4, f"{item['value']:.4g}  ({item['rows']} rows)", "start", 12))
    if any(value is not None for value in baselines):
        parts.append(_text(width / 2, height - 10, "dot and line: this version; diamond: the champion", "middle", 11))
    return _svg(width, height, f"{metric} by groups of rows", parts)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two."""
    from math import ceil, floor, log10

    rough = (high - low) / 5
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    return [round(step * number, 12) for number in range(ceil(low / step), floor(high / step) + 1)]


def _text(x: float, y: float, text: str, anchor: str, size: int) -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}'"
    return f"<text {place} fill='{_INK}' {_FONT}>{escape(text)}</text>"


def _line(  # noqa: PLR0913, PLR0917 - two points
    x1: float, y1: float, x2: float, y2: float, colour: str = _LINE, more: str = ""
) -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' {more}/>"


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:g} {height:g}' width='{width:g}'"
    ground = f"<rect width='{width:g}' height='{height:g}' fill='#ffffff'/>"
    return f"{head} role='img' aria-label='{escape(label, quote=True)}'>{ground}{''.join(parts)}</svg>\n"
