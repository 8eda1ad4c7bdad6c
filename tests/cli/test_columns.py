"""Tables without lines: what stands in them is shown whole, in columns."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.text import Text

from mlops_nb.cli.console import show_pairs, show_table, table


def shown_at(width: int, *rows: tuple[Text | str, ...]) -> list[str]:
    out = Console(file=StringIO(), width=width)
    made = table("step", "took", "because", wide="because", right=("took",))
    for row in rows:
        made.add_row(*row)
    show_table(out, made, indent=1)
    return str(out.file.getvalue()).splitlines()  # type: ignore[attr-defined]


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    assert shown_at(80, ("load", "1.0 s", ""), ("train[all]", "12 s", "its source changed")) == [
        " step         took  because",
        " load        1.0 s",
        " train[all]   12 s  its source changed",
    ]


def test_the_wide_column_wraps_where_the_terminal_is_narrow_and_the_others_stay_whole() -> None:
    assert shown_at(30, ("train", "12 s", Text("its source and `x` changed"))) == [
        " step   took  because",
        " train  12 s  its source and",
        "              `x` changed",
    ]


def test_characters_of_double_width_keep_the_columns_straight() -> None:
    assert shown_at(80, ("データ", "1 s", "a"), ("x", "1 s", "b"))[1:] == [" データ   1 s  a", " x        1 s  b"]


def test_a_cell_of_several_lines_keeps_them() -> None:
    assert shown_at(80, ("x\ny", "1 s", "a"))[1:] == [" x      1 s  a", " y"]


def test_an_empty_table_prints_nothing() -> None:
    out = Console(file=StringIO())
    show_pairs(out, [])
    assert not out.file.getvalue()  # type: ignore[attr-defined]
