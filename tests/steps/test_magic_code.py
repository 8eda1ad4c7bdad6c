"""The code that magics and literal texts run is read as the cell's own."""

from __future__ import annotations

import ast

import pytest

from mlops_nb.steps.magic_code import tree_with_magics


def calls(source: str) -> list[tuple[str, int]]:
    """Return the functions that a cell's code calls by their names, with the lines where they stand."""
    return [
        (node.func.id, node.lineno)
        for node in ast.walk(tree_with_magics(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "wanted"
    ]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("wanted()", 1),
        ("%%time\n\nwanted()", 3),
        ("%%capture out\nx = 1\nwanted()", 3),
        ("x = 1\n%time y = wanted()", 2),
        ("y = %timeit -o wanted()", 1),
        ("%%timeit x = 1\nwanted()", 2),
        ("%%time\n%%capture\nwanted()", 3),
        ("def f():\n    return eval('wanted()')", 2),
        ("x = 1\nexec('''y = 2\nwanted()''')", 3),
        ("total: int = eval('wanted()')", 1),
    ],
)
def test_what_runs_is_found_where_it_stands(source: str, line: int) -> None:
    assert calls(source) == [("wanted", line)]


@pytest.mark.parametrize("source", ["%%bash\nwanted()", "%%writefile f.py\nwanted()", "exec(text)", "exec('wanted(')"])
def test_what_is_no_code_of_the_notebook_is_not_read(source: str) -> None:
    assert calls(source) == []


def test_what_is_timed_binds_nothing_in_the_notebook() -> None:
    names = [type(node).__name__ for node in tree_with_magics("%timeit x = wanted()").body]
    assert names == ["Expr", "FunctionDef"]
