"""The DAG as rails: what the picture says is what the edges say, no more and no less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.cli.picture import NODE, picture, rails, reduced

DOWN = {NODE, "│", "├", "┤", "┼"}
TAKING = {"├", "╰", "┤", "╯", "┼", "┴"}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    names = [f"s{number}" for number in range(draw(st.integers(0, 9)))]
    pairs = [(names[source], names[target]) for target in range(len(names)) for source in range(target)]
    return names, draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


def read_back(names: list[str], edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Return what each step needs, as an eye reads it from the picture."""
    held: dict[int, str] = {}
    above = ""
    needs = {}
    for name, row in rails(names, edges).items():
        line = row.with_node(NODE)
        own = len(row.left)
        found = {held[own]} if own < len(above) and above[own] in DOWN else set()
        for step in (-2, 2):
            at = own + step
            # To the next column, as long as a line leads there; behind a rail it goes on.
            while 0 <= at < len(line) and line[at - step // 2] == "─":
                if line[at] in TAKING:
                    found.add(held[at])
                at += step
        needs[name] = found
        held[own] = name
        above = line
    return needs


@given(graphs())
def test_the_picture_shows_every_edge_that_no_other_implies_and_none_else(
    graph: tuple[list[str], list[tuple[str, str]]],
) -> None:
    names, edges = graph
    assert read_back(names, edges) == {name: set(needs) for name, needs in reduced(names, edges).items()}


@given(graphs())
def test_every_row_is_of_one_width_with_one_node(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    lines = [row.with_node(NODE) for row in rails(*graph).values()]
    assert len({len(line) for line in lines}) <= 1
    assert all(line.count(NODE) == 1 for line in lines)


def test_three_models_between_a_split_and_a_choice() -> None:
    names = ["split", "ridge", "forest", "boosting", "select"]
    edges = [("split", model) for model in names[1:4]] + [(model, "select") for model in names[1:4]]
    assert picture(names, [*edges, ("split", "select")]).splitlines() == [
        "●      split",
        "├─●    ridge",
        "├─│─●  forest",
        "● │ │  boosting",
        "●─┴─╯  select",
    ]


def test_too_many_rails_to_follow_become_a_list() -> None:
    names = [*(f"part{number}" for number in range(30)), "all"]
    lines = picture(names, [(name, "all") for name in names[:-1]]).splitlines()
    assert lines[0] == "●  part0"
    assert lines[-1].startswith("●  all  ◂ part0, part1, ")
    assert picture([], []) == ""
