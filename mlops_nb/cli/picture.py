"""The DAG as rails beside the steps, one row a step: every step has a node, and a rail as long as somebody needs it.

    ●      split
    ├─●    train_a
    ● │    train_b
    ●─╯    select

A rail comes down from a step and ends at the last one that needs it. `├ ┤ ┼` take from a rail that goes on, `╰ ╯ ┴`
from one that ends there, and `─│─` passes behind a rail without touching it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NODE = "●"
_MOST_RAILS = 12


@dataclass(frozen=True)
class Row:
    """One step's row of the picture: what is drawn left and right of its node."""

    left: str
    right: str

    def with_node(self, node: str) -> str:
        """Return the row with this sign as the node."""
        return f"{self.left}{node}{self.right}"


def reduced(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
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


def rails(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, Row]:
    """Return the picture, a row for each step in the given order, all of one width.

    Parameters
    ----------
    names
        The steps in an order in which no step needs a later one.
    edges
        Pairs (needed, by). An edge that others imply is not drawn.
    """
    needs = reduced(names, edges)
    last = {need: name for name in names for need in needs[name]}
    columns: list[str | None] = []
    just_ended: int | None = None
    drawn: dict[str, tuple[int, str]] = {}
    for name in names:
        ending = [column for column, held in enumerate(columns) if held in needs[name] and last[held] == name]
        own = ending[0] if ending else _free(columns, just_ended)
        if own == len(columns):
            columns.append(None)
        drawn[name] = own, _line(columns, own, needs[name], {need for need in needs[name] if last[need] == name})
        for column in ending:
            columns[column] = None
        columns[own] = name if name in last else None
        # Nothing may start right below a node without a rail: it would look as if it hung on it.
        just_ended = None if name in last else own
    width = 2 * len(columns) - 1
    rows = {}
    for name, (own, line) in drawn.items():
        rows[name] = Row(line[: 2 * own], line[2 * own + 1 :].ljust(width - 2 * own - 1))
    return rows


def _free(columns: Sequence[str | None], just_ended: int | None) -> int:
    return next((at for at, held in enumerate(columns) if held is None and at != just_ended), len(columns))


def _line(columns: Sequence[str | None], own: int, needs: Sequence[str], ending: set[str]) -> str:
    """Draw one row: the node, the rails that pass, and the lines from the rails it takes from."""
    taken = [column for column, held in enumerate(columns) if held in needs and column != own]
    first, final = min([own, *taken]), max([own, *taken])
    signs = []
    for column, held in enumerate(columns):
        if column == own:
            sign = NODE
        elif column in taken:
            sign = _joint(ends=held in ending, outermost=column in {first, final}, left=column < own)
        elif held is not None:
            sign = "│"
        else:
            sign = "─" if first < column < final else " "
        signs.append(sign + ("─" if first <= column < final else " "))
    return "".join(signs)[:-1]


def _joint(*, ends: bool, outermost: bool, left: bool) -> str:
    if not outermost:
        return "┴" if ends else "┼"
    if left:
        return "╰" if ends else "├"
    return "╯" if ends else "┤"


def picture(names: Sequence[str], edges: Sequence[tuple[str, str]], marks: Mapping[str, str] | None = None) -> str:
    """Return the DAG as lines of text, one a step; as a list of needs where the rails would be too many to follow.

    Parameters
    ----------
    names, edges
        As for `rails`.
    marks
        The sign of each step's node.
    """
    if not names:
        return ""
    drawn = rails(names, edges)
    marks = marks or {}
    if is_readable(drawn):
        return "\n".join(f"{drawn[name].with_node(marks.get(name, NODE))}  {name}" for name in names)
    needs = reduced(names, edges)
    return "\n".join(
        f"{marks.get(name, NODE)}  {name}" + (f"  ◂ {', '.join(needs[name])}" if needs[name] else "") for name in names
    )


def is_readable(drawn: Mapping[str, Row]) -> bool:
    """Say whether an eye can follow the rails."""
    return all(len(row.left) + len(row.right) <= 2 * _MOST_RAILS for row in drawn.values())
