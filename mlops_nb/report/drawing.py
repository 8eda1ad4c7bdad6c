"""Pictures as SVG text, without scripts and in colours of the page: a graph from left to right, and a Gantt chart.

Colours are CSS variables with a default each, so that a picture looks right by itself, and follows a page that sets
them for light and dark. Every text is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDEST = 28
_CHARACTER = 7.2
_HEIGHT, _BETWEEN_ROWS, _BETWEEN_LAYERS, _EDGE = 44, 18, 44, 12
_SMALLEST = 0.7
_STYLE = """
.mn-picture { font: 13px system-ui, sans-serif; }
.mn-picture .box { fill: var(--card, #fff); stroke-width: 1.5; }
.mn-picture text { fill: var(--ink, #1f2933); }
.mn-picture .small { font-size: 11px; fill: var(--faint, #61707f); }
.mn-picture .edge { fill: none; stroke: var(--faint, #8795a1); stroke-width: 1.3; }
.mn-picture .grid { stroke: var(--line, #d9e0e6); stroke-width: 1; }
.mn-picture .head { fill: var(--faint, #8795a1); }
"""
# The colours that statuses and kinds have wherever they are shown.
COLOURS = {
    "succeeded": "var(--succeeded, #2f855a)",
    "cached": "var(--cached, #2b7a9b)",
    "running": "var(--running, #b7791f)",
    "failed": "var(--failed, #c53030)",
    "died": "var(--failed, #c53030)",
    "cancelled": "var(--cancelled, #8a4baf)",
    "paused": "var(--running, #b7791f)",
    "skipped": "var(--skipped, #8795a1)",
    "pending": "var(--skipped, #8795a1)",
    "artifact": "var(--faint, #8795a1)",
    "model": "var(--model, #6b46c1)",
    "start": "var(--accent, #2563eb)",
}


@dataclass(frozen=True)
class Box:
    """A node of a picture: what stands in it, and by which colour it is known."""

    key: str
    title: str
    subtitle: str = ""
    colour: str = "artifact"
    bold: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar of a Gantt chart, in seconds since the chart's beginning."""

    title: str
    start_s: float
    seconds: float
    colour: str
    note: str = ""


def draw_graph(boxes: Sequence[Box], edges: Iterable[tuple[str, str]], label: str = "graph") -> str:
    """Return a graph as SVG, each node right of all that it needs.

    Parameters
    ----------
    boxes
        The nodes, in an order in which none needs a later one where that can be.
    edges
        Pairs of keys (needed, by).
    label
        What a screen reader calls the picture.
    """
    by_key = {box.key: box for box in boxes}
    pairs = [(one, other) for one, other in dict.fromkeys(edges) if one in by_key and other in by_key and one != other]
    layers = _layers([box.key for box in boxes], pairs)
    columns: dict[int, list[str]] = {}
    for key, layer in layers.items():
        columns.setdefault(layer, []).append(key)
    _untangle(columns, pairs)
    places: dict[str, tuple[float, float, float]] = {}
    tallest = max((len(column) for column in columns.values()), default=0)
    left = float(_EDGE)
    for layer in sorted(columns):
        width = max(_width(by_key[key]) for key in columns[layer])
        top = _EDGE + (tallest - len(columns[layer])) * (_HEIGHT + _BETWEEN_ROWS) / 2
        for row, key in enumerate(columns[layer]):
            places[key] = left, top + row * (_HEIGHT + _BETWEEN_ROWS), width
        left += width + _BETWEEN_LAYERS
    drawn = [_edge(places[one], places[other]) for one, other in pairs]
    drawn += [_box(by_key[key], *places[key]) for key in places]
    wide, high = left - _BETWEEN_LAYERS + _EDGE, tallest * (_HEIGHT + _BETWEEN_ROWS) - _BETWEEN_ROWS + 2 * _EDGE
    return _svg(max(wide, 1), max(high, 1), label, drawn)


def draw_bars(bars: Sequence[Bar], label: str = "timings") -> str:
    """Return a Gantt chart as SVG: a row a bar, time to the right."""
    if not bars:
        return ""
    whole = max((bar.start_s + bar.seconds for bar in bars), default=0) or 1.0
    gutter = max(90.0, max(len(_short(bar.title)) for bar in bars) * _CHARACTER + 24)
    wide, row, top = 900.0, 26.0, 26.0
    scale = (wide - gutter - 90) / whole
    high = top + len(bars) * row + 8
    drawn = []
    for tick in _ticks(whole):
        x = gutter + tick * scale
        drawn.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 6}" y2="{high - 6:.1f}"/>')
        drawn.append(f'<text class="small" x="{x:.1f}" y="14" text-anchor="middle">{_seconds(tick)}</text>')
    for number, bar in enumerate(bars):
        y = top + number * row
        x, length = gutter + bar.start_s * scale, max(bar.seconds * scale, 3)
        colour = COLOURS.get(bar.colour, COLOURS["artifact"])
        drawn += [
            f'<text x="{gutter - 12:.1f}" y="{y + 14:.1f}" text-anchor="end">{_text(_short(bar.title))}</text>',
            (
                f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{length:.1f}" height="16" rx="3" style="fill:{colour}">'
                f"<title>{_text(bar.title)}: {_text(bar.note)}</title></rect>"
            ),
            f'<text class="small" x="{x + length + 6:.1f}" y="{y + 14:.1f}">{_text(bar.note)}</text>',
        ]
    return _svg(wide, high, label, drawn)


def reduced(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the edges without those that others imply; `names` are in an order in which none needs a later one."""
    needs: dict[str, set[str]] = {name: set() for name in names}
    for one, other in edges:
        if one in needs and other in needs:
            needs[other].add(one)
    behind: dict[str, set[str]] = {}
    for name in names:
        behind[name] = needs[name].union(*(behind.get(need, set()) for need in needs[name]))
    return [
        (need, name)
        for name in names
        for need in names
        if need in needs[name] and not any(need in behind.get(other, set()) for other in needs[name] - {need})
    ]


def _layers(keys: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return how far each node lies from the left; a circle, which should not be, is cut where it closes."""
    needs: dict[str, list[str]] = {key: [] for key in keys}
    for one, other in edges:
        needs[other].append(one)
    found: dict[str, int] = {}
    for first in keys:
        waiting, entered = [first], set[str]()
        while waiting:
            key = waiting[-1]
            missing = [need for need in needs[key] if need not in found and need not in entered]
            entered.add(key)
            if missing:
                waiting += missing
                continue
            waiting.pop()
            found[key] = max((found[need] + 1 for need in needs[key] if need in found and need != key), default=0)
    return found


def _untangle(columns: dict[int, list[str]], edges: Sequence[tuple[str, str]]) -> None:
    """Order each column by where its neighbours stand, a few times over (Sugiyama's barycentres)."""
    for _ in range(3):
        for at in (1, 0):
            row = {key: place for column in columns.values() for place, key in enumerate(column)}
            for column in columns.values():
                means = {}
                for key in column:
                    near = [row[pair[1 - at]] for pair in edges if pair[at] == key]
                    means[key] = sum(near) / len(near) if near else row[key]
                column.sort(key=lambda key: means[key])


def _width(box: Box) -> float:
    return max(86.0, max(len(_short(box.title)) * 7.8, len(_short(box.subtitle)) * 6.4) + 26)


def _box(box: Box, x: float, y: float, width: float) -> str:
    colour = COLOURS.get(box.colour, COLOURS["artifact"])
    weight = 2.5 if box.bold else 1.5
    title_y = y + (_HEIGHT / 2 + 5 if not box.subtitle else 19)
    parts = [
        f"<g><title>{_text(box.title)} {_text(box.subtitle)}</title>",
        (
            f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT}" rx="7" '
            f'style="stroke:{colour};stroke-width:{weight}"/>'
        ),
        f'<rect x="{x:.1f}" y="{y:.1f}" width="6" height="{_HEIGHT}" rx="3" style="fill:{colour}"/>',
        f'<text x="{x + 15:.1f}" y="{title_y:.1f}" font-weight="600">{_text(_short(box.title))}</text>',
    ]
    if box.subtitle:
        parts.append(f'<text class="small" x="{x + 15:.1f}" y="{y + 35:.1f}">{_text(_short(box.subtitle))}</text>')
    return "".join([*parts, "</g>"])


def _edge(one: tuple[float, float, float], other: tuple[float, float, float]) -> str:
    x1, y1 = one[0] + one[2], one[1] + _HEIGHT / 2
    x2, y2 = other[0] - 5, other[1] + _HEIGHT / 2
    middle = max(30.0, (x2 - x1) / 2)
    return (
        f'<path class="edge" d="M{x1:.1f},{y1:.1f} C{x1 + middle:.1f},{y1:.1f} {x2 - middle:.1f},{y2:.1f} '
        f'{x2:.1f},{y2:.1f}"/><path class="head" d="M{x2 + 4:.1f},{y2:.1f} l-7,-4 v8 z"/>'
    )


def _svg(wide: float, high: float, label: str, drawn: Sequence[str]) -> str:
    return (
        f'<svg class="mn-picture" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" '
        # In a narrow page it shrinks, but no further than it can be read; then it scrolls.
        f'width="{wide:.0f}" height="{high:.0f}" style="min-width:{wide * _SMALLEST:.0f}px" role="img" '
        f'aria-label="{_text(label)}">'
        f"<style>{_STYLE}</style>{''.join(drawn)}</svg>"
    )


def _text(text: str) -> str:
    # What XML cannot hold, a browser refuses to draw.
    return escape("".join(sign if sign.isprintable() else " " for sign in text))


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _ticks(whole: float) -> list[float]:
    step = 10.0 ** len(str(int(whole)))
    for part in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1):
        if whole / (step * part) <= 8:  # noqa: PLR2004 - more do not fit
            step *= part
            break
    return [number * step for number in range(int(whole / step) + 1)]


def _seconds(value: float) -> str:
    if value >= 120:  # noqa: PLR2004
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min" if not rest else f"{minutes}:{rest:02d} min"
    return f"{value:g} s"
