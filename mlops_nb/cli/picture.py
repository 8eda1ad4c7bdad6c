"""The DAG as lines of text: one row a step, in the notebook's order, with a rail for every value still needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def reduced(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return, for each step, its needs without those that another need already implies."""
    needs: dict[str, set[str]] = {name: set() for name in names}
    for source, target in edges:
        if source in needs and target in needs:
            needs[target].add(source)
    behind: dict[str, set[str]] = {}
    for name in names:
        behind[name] = set(needs[name]).union(*(behind[need] for need in needs[name]))
    return {
        name: [
            need for need in names if need in needs[name] and not any(need in behind[o] for o in needs[name] - {need})
        ]
        for name in names
    }


def picture(names: Sequence[str], edges: Sequence[tuple[str, str]], width: int = 80) -> str:
    """Return the DAG as levels from left to right, or one step a line when it does not fit the width."""
    needs = reduced(names, edges)
    level: dict[str, int] = {}
    for name in names:
        level[name] = 1 + max((level[need] for need in needs[name]), default=-1)
    columns: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for name in names:
        columns[level[name]].append(name)
    widths = [max(map(len, column)) for column in columns]
    if sum(widths) + 4 * len(widths) > width:
        return "\n".join(f"{name}" + (f"  ◂ {', '.join(needs[name])}" if needs[name] else "") for name in names)
    height = max(map(len, columns))
    lines = [""] * height
    for number, column in enumerate(columns):
        following = len(columns[number + 1]) if number + 1 < len(columns) else 0
        for row in range(height):
            name = column[row] if row < len(column) else ""
            lines[row] += name.ljust(widths[number])
            if following:
                lines[row] += _joint(row, len(column), following)
    return "\n".join(line.rstrip() for line in lines)


def _joint(row: int, left: int, right: int) -> str:
    """Return the four characters between two columns at a row: lines gather from the left and spread to the right."""
    last = max(left, right) - 1
    if row > last:
        return "    "
    from_left, to_right = row < left, row < right
    if last == 0:
        return " ─▸ "
    if row == 0:
        middle = "┬"
    elif row == last:
        middle = {(True, True): "┴", (True, False): "┘", (False, True): "└"}[from_left, to_right]
    else:
        middle = {(True, True): "┼", (True, False): "┤", (False, True): "├"}[from_left, to_right]
    if row == 0:
        middle = {(True, True): "┬", (True, False): "┐", (False, True): "┌"}[from_left, to_right]
    return f"{'─' if from_left else ' '}{middle}{'▸' if to_right else ' '} "
