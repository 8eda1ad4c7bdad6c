"""How the values of columns lie now against how they lay: small bar charts, as SVG text without scripts.

Colours are CSS variables with a default each, as in the pictures of a run's page. Every text is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDE, _HIGH, _BETWEEN, _COLUMNS = 220, 84, 26, 3
_ABOVE, _BELOW, _LEGEND = 32, 16, 22
_LONGEST = 30
_STYLE = """
.mn-drift { font: 11px system-ui, sans-serif; }
.mn-drift text { fill: var(--ink, #1f2933); }
.mn-drift .name { font-weight: 600; font-size: 12px; }
.mn-drift .faint { fill: var(--faint, #61707f); }
.mn-drift .before { fill: var(--skipped, #9aa5b1); }
.mn-drift .now { fill: var(--accent, #2563eb); }
.mn-drift .drifted { fill: var(--failed, #c53030); }
.mn-drift line { stroke: var(--line, #d9e0e6); }
"""


def draw_drift(features: Sequence[Mapping[str, Any]], most: int = 9) -> str:
    """Return the distributions of features, the reference's beside the new ones, as SVG; empty where there are none.

    Parameters
    ----------
    features
        What a drift verdict's evidence says of each: `name`, `effect`, `value`, `limit`, `drifted`, and shares by bin.
    most
        How many at the most, the first ones.
    """
    shown = [feature for feature in features if feature.get("bins")][:most]
    if not shown:
        return ""
    columns = min(_COLUMNS, len(shown))
    row = _ABOVE + _HIGH + _BELOW + _BETWEEN
    wide = columns * (_WIDE + _BETWEEN)
    high = _LEGEND + -(-len(shown) // columns) * row
    drawn = [
        '<rect class="before" x="0" y="4" width="10" height="10"/><text x="14" y="13">reference</text>',
        '<rect class="now" x="84" y="4" width="10" height="10"/><text x="98" y="13">now</text>',
        '<rect class="drifted" x="136" y="4" width="10" height="10"/><text x="150" y="13">now, drifted</text>',
    ]
    for at, feature in enumerate(shown):
        left, top = (at % columns) * (_WIDE + _BETWEEN), _LEGEND + (at // columns) * row
        drawn.append(f'<g transform="translate({left},{top})">{_chart(feature)}</g>')
    return (
        f'<svg class="mn-drift" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="drift" '
        f'viewBox="0 0 {wide} {high}" width="{wide}" height="{high}"><style>{_STYLE}</style>{"".join(drawn)}</svg>'
    )


def _chart(feature: Mapping[str, Any]) -> str:
    bins, before, now = feature["bins"], feature["reference"], feature["current"]
    tallest = max((*before, *now), default=0) or 1.0
    step = _WIDE / len(bins)
    thick = max(1.0, step * 0.4)
    colour = "drifted" if feature["drifted"] else "now"
    drawn = [
        f'<text class="name" x="0" y="12">{escape(_short(str(feature["name"])))}</text>',
        f'<text class="faint" x="0" y="25">{escape(_told(feature))}</text>',
        f'<line x1="0" y1="{_ABOVE + _HIGH}" x2="{_WIDE}" y2="{_ABOVE + _HIGH}"/>',
    ]
    for at, (label, one, other) in enumerate(zip(bins, before, now, strict=True)):
        title = f"<title>{escape(str(label))}: {one * 100:.3g} % before, {other * 100:.3g} % now</title>"
        bars = []
        for share, kind, shift in ((one, "before", 0.0), (other, colour, thick)):
            height = share / tallest * _HIGH
            x, y = at * step + step * 0.1 + shift, _ABOVE + _HIGH - height
            bars.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{thick:.1f}" height="{height:.1f}"/>')
        drawn.append(f"<g>{title}{''.join(bars)}</g>")
    y = _ABOVE + _HIGH + 12
    drawn.append(f'<text class="faint" x="0" y="{y}">{escape(_short(str(bins[0]), 16))}</text>')
    last = escape(_short(str(bins[-1]), 16))
    drawn.append(f'<text class="faint" x="{_WIDE}" y="{y}" text-anchor="end">{last}</text>')
    return "".join(drawn)


def _told(feature: Mapping[str, Any]) -> str:
    value = feature["value"]
    shown = value if isinstance(value, str) else f"{value:.3g}"
    return f"{feature['effect']} {shown}, limit {feature['limit']:g}"


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
