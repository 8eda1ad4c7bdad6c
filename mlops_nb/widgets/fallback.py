"""A comparison without a kernel and without scripts: a table as HTML and as text, every value escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from mlops_nb.report import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ROWS, MOST_LINES = 200, 30
BEST = "★"
_CELL = "padding:2px 10px;text-align:{};white-space:nowrap"
_TEXT_WIDTH = 24


def as_html(board: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """Return the comparison as an HTML table with inline styles only, which every viewer keeps."""
    columns = board["columns"]
    rows = []
    for at, item in enumerate(board["items"][:MOST_ROWS]):
        cells = "".join(_html_cell(board, details, column, at, item) for column in columns)
        rows.append(f"<tr>{cells}</tr>")
    heads = "".join(_head(column) for column in columns)
    left_out = len(board["items"]) - len(rows)
    notes = [board["notice"]] if board["notice"] else []
    if left_out:
        notes.append(f"{left_out:,} more rows are not shown here.")
    if board["same"]:
        notes.append("The same everywhere: " + ", ".join(f"{name} = {value}" for name, value in board["same"]) + ".")
    told = "".join(f'<p style="margin:4px 0">{escape(note)}</p>' for note in notes)
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse"><caption style="text-align:left;'
        f'font-weight:600;padding:4px 0">{escape(board["title"])}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{told}</div>"
    )


def as_text(board: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """Return the comparison as lines of text, for a terminal or a log."""
    columns = board["columns"]
    head = [_short(f"{column['label']}{_arrow(column)}") for column in columns]
    shown = board["items"][:MOST_LINES]
    rows = [
        [_short(cell_text(board, details, column, at, item)) for column in columns] for at, item in enumerate(shown)
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    right = [column["type"] == "number" for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [head, *rows]
    ]
    more = len(board["items"]) - len(shown)
    return "\n".join([board["title"], "", *lines, *([f"… {more:,} more"] if more else [])])


def cell_text(
    board: Mapping[str, Any], details: Mapping[str, Any], column: Mapping[str, Any], at: int, item: Mapping[str, Any]
) -> str:
    """Return what stands in a cell: the value, the star of the best, the interval where there is one."""
    value = board["values"][column["key"]][at]
    if column["key"] == "id":
        aliases = aliases_of(board, item)
        return str(value) + (f" ({', '.join(aliases)})" if aliases else "")
    if value is None:
        return ""
    if column["key"] == "seconds":
        return duration(value)
    if column["type"] == "time":
        return str(value)[:16].replace("T", " ")
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if column["group"] == "metric":
        if item["id"] in column["best"]:
            text = f"{BEST} {text}"
        interval = details.get(item["id"], {}).get("intervals", {}).get(column["key"])
        if interval:
            text += f" [{interval[0]:.4g}, {interval[1]:.4g}]"
    return text


def aliases_of(board: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
    """Return the aliases that point to what an item is, or made."""
    return [
        alias
        for model, version in item["models"]
        for alias, points_to in board["aliases"].get(model, {}).items()
        if points_to == version
    ]


def _html_cell(
    board: Mapping[str, Any], details: Mapping[str, Any], column: Mapping[str, Any], at: int, item: Mapping[str, Any]
) -> str:
    text = escape(cell_text(board, details, column, at, item))
    side = "right" if column["type"] == "number" else "left"
    bold = ";font-weight:600" if column["group"] == "metric" and item["id"] in column["best"] else ""
    tag, scope = ("th", ' scope="row"') if column["key"] == "id" else ("td", "")
    return f'<{tag}{scope} style="{_CELL.format(side)}{bold}">{text}</{tag}>'


def _head(column: Mapping[str, Any]) -> str:
    side = "right" if column["type"] == "number" else "left"
    return f'<th scope="col" style="{_CELL.format(side)}">{escape(column["label"] + _arrow(column))}</th>'


def _arrow(column: Mapping[str, Any]) -> str:
    return {"max": " ↑", "min": " ↓"}.get(column.get("direction") or "", "")


def _short(text: str) -> str:
    # What breaks lines would break the table.
    text = " ".join(text.split())
    return text if len(text) <= _TEXT_WIDTH * 2 else f"{text[: _TEXT_WIDTH * 2 - 1]}…"
