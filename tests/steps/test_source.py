from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from mlops_nb.steps.source import to_python


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = 1", "x = 1"),
        ("%matplotlib inline", "get_ipython().run_line_magic('matplotlib', 'inline')\n"),
        ("!ls -l", "get_ipython().system('ls -l')\n"),
        ("x = !ls", "x = get_ipython().getoutput('ls')\n"),
        ("x = %env HOME", "x = get_ipython().run_line_magic('env', 'HOME')\n"),
        ("df?", "get_ipython().run_line_magic('pinfo', 'df')\n"),
        ("%%bash\nls\n", "get_ipython().run_cell_magic('bash', '', 'ls\\n')\n"),
        (">>> x = 1\n... y = 2", "x = 1\ny = 2\n"),
        ("In [3]: x = 1", "x = 1\n"),
        ("  x = 1\n  y = 2", "x = 1\ny = 2\n"),
        ("for i in y:\n    !echo {i}\n", "for i in y:\n    get_ipython().system('echo {i}')\n"),
    ],
)
def test_what_ipython_would_run(source: str, python: str) -> None:
    found = to_python(source)
    assert found.fault is None
    assert found.text == python
    assert ast.dump(found.tree) == ast.dump(ast.parse(python))


@pytest.mark.parametrize(
    "source",
    [
        "x = (1\n  % 2)",
        "'''\n%time\n!ls\n'''",
        "x != y",
        "'what?'",
        "await f()",
        "[x async for x in xs]",
        r"'\d'",
        "1 is 1",
        "",
    ],
)
def test_python_that_only_looks_like_a_magic_is_left_alone(source: str) -> None:
    found = to_python(source)
    assert (found.text, found.fault) == (source, None)
    assert found.line(2) == 2


@pytest.mark.parametrize("source", ["ls", "pip install x", "cd ..", "  ls -l  ", "whos\n"])
def test_a_magic_alone_in_a_cell_needs_no_percent_sign(source: str) -> None:
    assert to_python(source).text.startswith("get_ipython().run_line_magic(")


@pytest.mark.parametrize(
    "source", ["ls = 1", "ls += 1", "ls(1)", "ls[0]", "time.sleep(1)", "lsx", "ls\nx", "ls: int = 1"]
)
def test_python_that_begins_like_a_magic_is_python(source: str) -> None:
    assert to_python(source).text == source


def test_a_bound_name_is_no_magic() -> None:
    assert to_python("ls", bound=frozenset({"ls"})).text == "ls"


def test_lines_are_traced_back_through_every_rewriting() -> None:
    source = "\n\nx = 1\n!ls \\\n  -l \\\n  -a\ny = 2\nfiles = !find \\\n  .\nz = 3\n"
    found = to_python(source)
    lines = {node.targets[0].id: node.lineno for node in found.tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    assert {name: found.line(line) for name, line in lines.items()} == {"x": 3, "y": 7, "files": 8, "z": 10}
    assert found.line(0) == 3
    assert found.line(99) == 10


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        ("x = = 1", 1, "x = = 1"),
        ("x = 1\n\n  y = 2", 3, "y = 2"),
        ("!ls\nx = 1\nreturn x", 3, "return x"),
        ("%time f(\nx = (", 2, "x = ("),
        ("nonlocal x", 1, "nonlocal x"),
        ("x = '\x00'", 1, "x = '\x00'"),
    ],
)
def test_a_fault_has_its_line_in_the_cell(source: str, line: int, text: str) -> None:
    found = to_python(source)
    assert found.fault is not None
    assert (found.fault.line, found.fault.text) == (line, text)
    assert found.fault.message
    assert found.tree.body == []


def test_nesting_beyond_the_parsers_stack_is_a_fault() -> None:
    assert to_python("(" * 5000 + ")" * 5000).fault is not None


def test_a_cell_of_plain_python_does_not_pay_for_ipython() -> None:
    code = """if True:
        import sys
        from mlops_nb.steps.names import read_flow
        from mlops_nb.notebook.cells import Cell
        read_flow(Cell("c", 0, "code", "x = 1 % 2  # %time !ls ?"))
        print("IPython" in sys.modules)
        read_flow(Cell("c", 0, "code", "!ls"))
        print("IPython" in sys.modules)
    """
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False", "True"]
