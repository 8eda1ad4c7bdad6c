from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from mlops_nb.notebook import Notebook, parse_notebook, read_notebook
from mlops_nb.pipeline.module_cells import cell_lines, indented, marked_cells, marker, source_of
from mlops_nb.pipeline.modules import (
    ModuleConflictError,
    ModuleError,
    ModuleExport,
    ModuleStep,
    compare,
    export_modules,
    import_modules,
    write_modules,
)
from mlops_nb.steps.graph import read_steps

EXAMPLES = Path(__file__).resolve().parents[2] / "notebooks"
OUTPUT = {"output_type": "stream", "name": "stdout", "text": "3\n"}


def notebook(*cells: tuple[str, str]) -> Notebook:
    """Return a notebook of (tags, source) cells; the tag `md` makes a Markdown cell."""
    written: list[dict[str, Any]] = []
    for number, (tags, source) in enumerate(cells, 1):
        kind = "markdown" if tags == "md" else "code"
        cell = {"cell_type": kind, "id": f"c{number}", "metadata": {"tags": tags.split()}, "source": source}
        written.append(cell if kind == "markdown" else cell | {"outputs": [OUTPUT], "execution_count": number})
    metadata = {"language_info": {"name": "python"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return reread({"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def reread(document: dict[str, Any]) -> Notebook:
    return parse_notebook(json.dumps(document), Path("some.ipynb"))


def plan_of(given: Notebook, extra: dict[str, tuple[str, ...]] | None = None) -> list[ModuleStep]:
    """Return the steps with what the graph's edges say crosses them, and `extra` outputs."""
    graph = read_steps(given)
    plan = []
    for step in graph.steps:
        inputs = {name for edge in graph.edges if edge.target == step.name for name in edge.variables}
        outputs = {name for edge in graph.edges if edge.source == step.name for name in edge.variables}
        outputs |= set((extra or {}).get(step.name, ()))
        plan.append(ModuleStep(step.name, step.cells, tuple(sorted(inputs)), tuple(sorted(outputs))))
    return plan


def exported(given: Notebook, folder: Path, extra: dict[str, tuple[str, ...]] | None = None) -> ModuleExport:
    export = export_modules(given, plan_of(given, extra))
    write_modules(given, export, folder)
    return export


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def edited(given: Notebook, cell: int, **changes: Any) -> Notebook:
    document = json.loads(json.dumps(given.document))
    document["cells"][cell] |= changes
    return reread(document)


def run(code: str, folder: Path) -> Any:
    """Run code that ends by binding `result`, in a fresh interpreter, and return the result from JSON."""
    script = f"{code}\nimport json, sys\nassert 'mlops_nb' not in sys.modules\nprint('\\n' + json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def both_ways(given: Notebook, folder: Path, names: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the names' values after the notebook ran in one namespace, and after the modules ran."""
    last = plan_of(given)[-1].name
    exported(given, folder / "steps", {last: names})
    left_out = {"skip", "test"}
    sources = [cell.source for cell in given.code_cells if not left_out & set(cell.tags)]
    pick = f"{{name: state[name] for name in {names!r}}}"
    whole = f"state = {{'__name__': '__main__'}}\nfor source in {sources!r}:\n    exec(source, state)\nresult = {pick}"
    parts = f"import steps.__main__ as m\nstate = m.main()\nresult = {pick}"
    return run(whole, folder), run(parts, folder)


# --- a cell's text and back -------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("x = 1", "    y = 2", "\ty = 2", "if a:", "    pass", "def f():", "@decorator", "class A:", "return", ""),
        *('"""', "'''", 'f"""{', '}"""', 'f"{x["a"]}"', "f'{f\"{x}\"}'", '"a\\', 'b"', "rb'''", "# comment", "    # c"),
        *("x = (", "  % 3)", "{", "}", "\\", "x = 1 + \\", "  2", "x = 1;", "\x0c", "\x0cx = 1", "\x0b", " ", "\t"),
        *("%matplotlib inline", "    %time x = 1", "%time x = 1", "%%time", "%%bash", "%%html", "!ls \\", "  -la"),
        *(
            "df?",
            "?df",
            "x = !ls",
            "x = %pwd",
            "# %% [a] b",
            "# %% end",
            "# %magic x",
            "pass  # %magic x",
            "x  # %time",
        ),
        *('# %json "x"', "    # %% end", "# mlops-nb frame: x", "from __future__ import annotations", "await f()"),
        *(
            "\r",
            "x = 1\r",
            "\u2028",
            "x = '\x85'",
            "match x:",
            "    case 1:",
            "# -*- coding: latin-1 -*-",
            "\ud800",
            "\x00",
        ),
        *("import numpy as np", "from a import *", "global x", "async def g():", "    await h()", "lambda: (yield)"),
    ]
)
TAGS = ("imports", "functions", "step:a", "step:b", "parameters", "")
SOURCES = st.lists(PIECES | st.text(max_size=8), max_size=12).map("\n".join)


@hypothesis.settings(max_examples=400, deadline=None)
@hypothesis.given(first=SOURCES, second=SOURCES, deep=st.booleans())
def test_any_cell_comes_back_from_a_module_character_by_character(first: str, second: str, *, deep: bool) -> None:
    lines = ["def f():" if deep else "x = 1"]
    indent = "    " if deep else ""
    for number, source in enumerate((first, second)):
        written = cell_lines(source).lines
        lines += [indent + marker(f"c{number}", ("step:a", "a b")), *(indented(written) if deep else written), ""]
    text = "\n".join([*lines, f"{indent}# %% end", f"{indent}pass"])

    cells, around = marked_cells(text)

    assert [(cell.id, cell.tags, cell.source) for cell in cells] == [
        ("c0", ("step:a", "a b"), first),
        ("c1", ("step:a", "a b"), second),
    ]
    assert around == [lines[0], f"{indent}pass"]
    text.encode("utf-8")


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(cells=st.lists(st.tuples(st.sampled_from(TAGS), SOURCES), max_size=6))
def test_any_notebook_comes_back_from_its_modules_unchanged(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    given = notebook(("step:a", "x = 1"), *cells)
    folder = tmp_path_factory.mktemp("modules")
    steps: dict[str, list[Any]] = {}
    name = "a"
    for cell in given.code_cells:
        name = next((tag.removeprefix("step:") for tag in cell.tags if tag.startswith("step:")), name)
        steps.setdefault(name, []).append(cell)
    export = export_modules(given, [ModuleStep(name, tuple(own)) for name, own in steps.items()])
    write_modules(given, export, folder)

    assert compare(given, folder) == []
    assert import_modules(given, folder) == given.document
    for name in export.files:
        if not name.endswith("_cells.py"):
            compile((folder / name).read_text(encoding="utf-8"), name, "exec")


def test_magics_are_kept_as_comments_where_the_code_stays_code() -> None:
    source = '%%time\nx = (7\n % 3)\n%matplotlib inline\nif x:\n    %time y = x\n    !ls\n"""\n%kept\n"""\ny?'
    written = cell_lines(source)

    assert written.lines == (
        *("# %magic %%time", "x = (7", " % 3)", "# %magic %matplotlib inline", "if x:", "    y = x  # %time"),
        *("    pass  # %magic !ls", '"""', "%kept", '"""', "# %magic y?"),
    )
    assert written.lost == ()
    assert source_of(written.lines) == source


@pytest.mark.parametrize(
    ("source", "lost"),
    [
        ("!wget http://x/y", "line 1: !wget http://x/y"),
        ("x = 1\nfiles = !ls", "line 2: files = !ls"),
        ("!ls > files.txt", "line 1: !ls > files.txt"),
        ("%run other.py", "line 1: %run other.py"),
        ("%%bash\nls", "%%bash"),
        ("x = = 1", "x = = 1"),
    ],
)
def test_what_only_a_notebook_can_run_is_told(source: str, lost: str) -> None:
    assert cell_lines(source).lost == (lost,)


# --- the modules ------------------------------------------------------------------------------------------------------

SHOP = (
    ("md", "# A shop"),
    ("imports", "from datetime import date\nimport math\n%matplotlib inline"),
    ("functions", "RATES = {'a': 2}\n\ndef priced(n):\n    return n * RATES['a'] + fee\n\nclass Bill:\n    total = 0"),
    ("parameters", "fee = 1\nday = date(2024, 1, 1)\nsizes = [1, 2]"),
    ("step:load", 'text = """\n  keep\n\tthis\n"""\nrows = [priced(n) for n in sizes]\nrows.append(len(text))'),
    ("skip", "rows.clear()"),
    (
        "step:sum",
        "for i in range(2):\n    rows[i] += i\nif rows:\n    total = sum(rows)\nbill = Bill()\nbill.total = total",
    ),
    ("test", "assert total"),
    ("", "sum_of = lambda xs: sum(xs) + len(text)\nid = id(rows) and 3"),
    ("imports", "import json"),
    (
        "step:show",
        "shown = json.dumps([sum_of([1]), total, str(day), math.floor(2.5), id, bill.total])\ndisplay(shown)",
    ),
)


@pytest.mark.row(28)
def test_the_modules_compute_what_the_notebook_computes(tmp_path: Path) -> None:
    cells = [(tags, source.replace("%matplotlib inline", "").replace("display(", "print(")) for tags, source in SHOP]
    whole, parts = both_ways(notebook(*cells), tmp_path, ("shown", "total", "id"))

    assert parts == whole
    assert json.loads(parts["shown"])[3:5] == [2, 3]


def test_a_step_is_a_function_of_its_inputs_and_of_the_parameters_it_uses(tmp_path: Path) -> None:
    exported(notebook(*SHOP), tmp_path / "steps")
    code = "from steps.load import load\nresult = [load()['rows'], load(sizes=[5], fee=10)['rows']]"

    assert run(code, tmp_path) == [[3, 5, 14], [20, 14]]


def test_a_function_of_the_prelude_is_imported_and_called_alone(tmp_path: Path) -> None:
    exported(notebook(*SHOP), tmp_path / "steps")

    assert run("from steps.prelude import priced\nresult = priced(3)", tmp_path) == 7


def test_given_parameters_reach_steps_and_the_functions_they_call(tmp_path: Path) -> None:
    exported(notebook(*SHOP), tmp_path / "steps", {"sum": ("total",)})
    code = "from steps.__main__ import main\nresult = main(fee=100, sizes=[1])['total']"

    assert run(code, tmp_path) == 100 + 2 + 14 + 1


def test_text_raw_skip_and_test_cells_stay_in_the_notebook() -> None:
    export = export_modules(notebook(*SHOP), plan_of(notebook(*SHOP)))

    assert sorted(export.files) == [
        *("__init__.py", "__main__.py", "load.py", "parameters.py", "prelude.py", "show.py", "sum.py"),
    ]
    assert export.problems == ()
    assert not any(
        "rows.clear()" in text or "assert total" in text or "A shop" in text for text in export.files.values()
    )
    assert "import json" in export.files["prelude.py"]


def test_an_absolute_path_is_not_recorded(tmp_path: Path) -> None:
    given = notebook(("step:a", "x = 1"))
    moved = parse_notebook(json.dumps(given.document), tmp_path / "deep" / "some.ipynb")
    export = export_modules(moved, plan_of(moved))

    assert not any(str(tmp_path) in text for text in export.files.values())
    assert "# mlops-nb notebook: some.ipynb\n" in export.files["a.py"]
    assert "notebook: ../some.ipynb\n" in export_modules(moved, [], recorded_path="../some.ipynb").files["prelude.py"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("from math import *\ny = floor(x)", "import *"),
        ("def f():\n    global y\n    y = x\nf()", "global y"),
        ("y = eval('x')", "`eval`"),
        ("globals()['y'] = x\ny = y", "`globals`"),
        ("if __name__ == '__main__':\n    y = x", "`__name__`"),
        ("class A:\n    x = x\ny = A.x", "`x`"),
        ("base = x\ny = shifted(0) - 40", "`base`"),
    ],
)
def test_code_that_does_not_fit_into_a_function_is_run_as_a_script(tmp_path: Path, cell: str, reason: str) -> None:
    given = notebook(
        ("functions", "def shifted(n):\n    return n + base"), ("step:a", "x = 41\nbase = 40"), ("step:b", cell)
    )
    given = edited(given, 1, source="x = 41\nbase = 0")
    whole, parts = both_ways(given, tmp_path, ("y",))
    (problem,) = export_modules(given, plan_of(given, {"b": ("y",)})).problems

    assert parts == whole
    assert (problem.step, problem.refused) == ("b", False)
    assert reason in problem.message or "function" in problem.message
    assert compare(given, tmp_path / "steps") == []


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("!touch file", "!touch file"),
        ("import asyncio\nawait asyncio.sleep(0)", "awaits"),
        ("y = Out[3]", "`Out`"),
        ("x = 1\n%%bash\nls", "cell 1"),
    ],
)
def test_code_that_needs_a_notebook_is_kept_and_its_function_refuses(tmp_path: Path, cell: str, reason: str) -> None:
    given = notebook(("step:a", cell))
    export = exported(given, tmp_path / "steps")
    code = "from steps.a import a\ntry:\n    a()\nexcept NotImplementedError as error:\n    result = str(error)"

    assert [(problem.step, problem.refused) for problem in export.problems] == [("a", True)]
    assert reason in run(code, tmp_path)
    assert import_modules(given, tmp_path / "steps") == given.document


def test_a_function_that_would_miss_a_later_value_is_refused(tmp_path: Path) -> None:
    given = notebook(("step:a", "k = 1\ndef f():\n    return k"), ("step:b", "k = 2\ny = f()"))
    (problem,) = exported(given, tmp_path).problems

    assert (problem.step, problem.refused) == ("b", True)
    assert "`f`" in problem.message
    assert "`k`" in problem.message


def test_an_output_that_a_branch_leaves_unbound_is_left_out(tmp_path: Path) -> None:
    given = notebook(("step:a", "if False:\n    y = 1\nz = 2\ndel z"))
    exported(given, tmp_path / "steps", {"a": ("y", "z")})

    assert run("from steps.a import a\nresult = a()", tmp_path) == {}


def test_a_shadowed_builtin_or_prelude_name_is_read_before_it_is_bound(tmp_path: Path) -> None:
    given = notebook(
        *(
            ("imports", "import math"),
            ("step:a", "y = [max(1, 2), math.floor(2.5)]\nmax = 3\nmath = 4\ny += [max, math]"),
        ),
        ("step:b", "y += [max, math]"),
    )
    whole, parts = both_ways(given, tmp_path, ("y",))

    assert parts == whole == {"y": [2, 2, 3, 4, 3, 4]}


def test_future_imports_stand_first_in_every_module(tmp_path: Path) -> None:
    future = "from __future__ import annotations\nimport math"
    given = notebook(("imports", future), ("step:a", "def f(x: No) -> No: ...\ny = 1"))
    exported(given, tmp_path / "steps", {"a": ("y",)})

    assert run("from steps.a import a\nresult = a()", tmp_path) == {"y": 1}


def test_step_names_that_are_no_module_names_become_some(tmp_path: Path) -> None:
    given = notebook(
        ("step:train-all", "x = 1"), ("step:parameters", "y = x"), ("step:b", "z = y"), ("step:train-all", "w = z")
    )

    assert both_ways(given, tmp_path, ("w",))[1] == {"w": 1}
    assert {"train_all.py", "step_parameters.py", "train_all_2.py"} <= {p.name for p in (tmp_path / "steps").iterdir()}


def test_an_imports_cell_further_down_moves_up_only_when_nothing_else_binds_its_names(tmp_path: Path) -> None:
    given = notebook(
        ("step:a", "x = 1"),
        ("imports", "import math"),
        ("imports", "import json as x"),
        ("step:b", "y = [x.dumps(math.floor(2.5))]"),
    )
    whole, parts = both_ways(given, tmp_path, ("y",))

    assert parts == whole
    assert "import math" in (tmp_path / "steps" / "prelude.py").read_text()
    assert "import json as x" in (tmp_path / "steps" / "a.py").read_text()


@pytest.mark.row(28)
@pytest.mark.parametrize(
    ("name", "small", "names"),
    [("adult_income", {"max_iter": 4, "n_estimators": 4}, ("best_name", "metrics"))],
)
def test_an_example_notebook_gives_the_same_result_as_modules(
    tmp_path: Path, name: str, small: dict[str, Any], names: tuple[str, ...]
) -> None:
    given = read_notebook(EXAMPLES / f"{name}.ipynb")
    export = exported(given, tmp_path / "steps", {"evaluate": names})
    sources = [cell.source for cell in given.code_cells if not {"skip", "test"} & set(cell.tags)]
    parameters = next(cell.source for cell in given.code_cells if "parameters" in cell.tags)
    changed = [source if source != parameters else f"{source}\nglobals().update({small!r})" for source in sources]
    pick = f"{{name: state[name] for name in {names!r}}}"
    folder = EXAMPLES
    whole = run(f"state = {{}}\nfor source in {changed!r}:\n    exec(source, state)\nresult = {pick}", folder)
    path = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
    parts = run(f"{path}import steps.__main__ as m\nstate = m.main(**{small!r})\nresult = {pick}", folder)

    assert export.problems == ()
    assert parts == whole
    assert compare(given, tmp_path / "steps") == []
    assert import_modules(given, tmp_path / "steps") == given.document


# --- edits on either side ---------------------------------------------------------------------------------------------

SMALL = (
    ("imports", "import os"),
    ("md", "# Load"),
    ("step:a", "x = 1\n%time y = 2"),
    ("", "z = 3"),
    ("step:b", "w = x"),
)


@pytest.mark.row(28)
def test_an_edit_in_a_module_is_seen_and_carried_into_the_notebook(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "a.py", "    x = 1\n", '    x = """\nfar left\n"""\n    # %magic %matplotlib inline\n')

    (change,) = compare(given, tmp_path)
    document = import_modules(given, tmp_path)

    assert (change.kind, change.side, change.file, change.cell) == ("edited", "module", "a.py", "c3")
    cells = document["cells"]
    assert cells[2]["source"] == 'x = """\nfar left\n"""\n%matplotlib inline\n%time y = 2'
    assert (cells[2]["outputs"], cells[2]["execution_count"]) == ([], None)
    assert [cell for cell in cells if cell["id"] != "c3"] == [c for c in given.document["cells"] if c["id"] != "c3"]
    write_modules(reread(document), export_modules(reread(document), plan_of(reread(document))), tmp_path)
    assert compare(reread(document), tmp_path) == []


@pytest.mark.row(28)
def test_an_edit_in_the_notebook_is_seen_and_left_alone_by_the_way_back(tmp_path: Path) -> None:
    exported(notebook(*SMALL), tmp_path)
    given = edited(notebook(*SMALL), 3, source="z = 4")

    assert [(c.kind, c.side, c.cell) for c in compare(given, tmp_path)] == [("edited", "notebook", "c4")]
    assert import_modules(given, tmp_path) == given.document


@pytest.mark.row(28)
def test_an_edit_on_both_sides_is_a_conflict_that_names_the_cell(tmp_path: Path) -> None:
    exported(notebook(*SMALL), tmp_path)
    edit(tmp_path, "a.py", "    z = 3\n", "    z = 5\n")
    given = edited(notebook(*SMALL), 3, source="z = 4")

    assert [(c.kind, c.side, c.cell) for c in compare(given, tmp_path)] == [("edited", "both", "c4")]
    with pytest.raises(ModuleError, match="cell 4"):
        import_modules(given, tmp_path)


def test_the_same_edit_on_both_sides_is_no_conflict(tmp_path: Path) -> None:
    exported(notebook(*SMALL), tmp_path)
    edit(tmp_path, "a.py", "    z = 3\n", "    z = 4\n")
    given = edited(notebook(*SMALL), 3, source="z = 4")

    assert compare(given, tmp_path) == []
    assert import_modules(given, tmp_path) == given.document


def test_empty_lines_that_a_formatter_adds_before_a_marker_are_no_edit(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "a.py", "    # %% [c4]", "\n\n    # %% [c4]")

    assert compare(given, tmp_path) == []


def test_a_cell_added_to_a_module_comes_behind_the_one_above_it(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "a.py", "    # %% [c4]", "    # %% [new] hide-input\n    v = 7\n\n    # %% [c4]")
    edit(tmp_path, "b.py", "    # %% [c5]", "    # %% [first]\n    u = 8\n\n    # %% [c5]")

    document = import_modules(given, tmp_path)

    assert [(c.kind, c.side, c.cell) for c in compare(given, tmp_path)] == [
        ("added", "module", "new"),
        ("added", "module", "first"),
    ]
    assert [cell["id"] for cell in document["cells"]] == ["c1", "c2", "c3", "new", "c4", "first", "c5"]
    assert (document["cells"][3]["source"], document["cells"][3]["metadata"]) == ("v = 7", {"tags": ["hide-input"]})


def test_a_cell_removed_from_a_module_is_removed_from_the_notebook(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "a.py", "    # %% [c4]\n    z = 3\n\n", "")

    assert [(c.kind, c.side, c.cell) for c in compare(given, tmp_path)] == [("removed", "module", "c4")]
    assert [cell["id"] for cell in import_modules(given, tmp_path)["cells"]] == ["c1", "c2", "c3", "c5"]


def test_tags_edited_on_either_side_are_seen(tmp_path: Path) -> None:
    exported(notebook(*SMALL), tmp_path)
    edit(tmp_path, "a.py", "    # %% [c4]", "    # %% [c4] hide-input")
    given = edited(notebook(*SMALL), 4, metadata={"tags": ["step:c"]})

    assert [(c.kind, c.side, c.cell) for c in compare(given, tmp_path)] == [
        ("tags", "module", "c4"),
        ("tags", "notebook", "c5"),
    ]
    assert import_modules(given, tmp_path)["cells"][3]["metadata"]["tags"] == ["hide-input"]


def test_cells_added_removed_or_moved_in_the_notebook_are_seen(tmp_path: Path) -> None:
    exported(notebook(*SMALL), tmp_path)
    document = json.loads(json.dumps(notebook(*SMALL).document))
    cells = document["cells"]
    cells[2], cells[3] = cells[3], cells[2]
    cells.append({**cells[4], "id": "new"})
    del cells[4]

    assert {(c.kind, c.side, c.cell) for c in compare(reread(document), tmp_path)} == {
        ("moved", "notebook", "c3"),
        ("added", "notebook", "new"),
        ("removed", "notebook", "c5"),
    }


def test_lines_outside_the_cells_cannot_be_carried_back(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "b.py", "def b(x):", "def b(x, y=3):")

    assert [(c.kind, c.side, c.file) for c in compare(given, tmp_path)] == [("frame", "module", "b.py")]
    with pytest.raises(ModuleError, match=r"b\.py"):
        import_modules(given, tmp_path)


def test_an_export_does_not_run_over_edits_that_are_not_in_the_notebook(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "a.py", "    z = 3\n", "    z = 5\n")

    with pytest.raises(ModuleConflictError, match="cell 4"):
        exported(given, tmp_path)
    assert "z = 5" in (tmp_path / "a.py").read_text()


def test_a_step_that_is_gone_takes_its_module_along_and_other_files_stay(tmp_path: Path) -> None:
    exported(notebook(*SMALL), tmp_path)
    (tmp_path / "own.py").write_text("x = 1\n")
    given = notebook(*SMALL[:4])
    exported(given, tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("__init__.py", "__main__.py", "a.py", "own.py", "parameters.py", "prelude.py"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    z = 3\n", '    z = """\n', "is not Python"),
        ("    # %% [c4]", "    # %% [c3]", "stands twice"),
        ("    # %% [c4]", "    # %% [a.b]\n    v = 1\n\n    # %% [c4]", "cannot be the id"),
    ],
)
def test_a_module_that_cannot_be_read_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    edit(tmp_path, "a.py", old, new)

    with pytest.raises(ModuleError, match=said):
        import_modules(given, tmp_path)


def test_a_module_with_windows_line_ends_is_not_edited(tmp_path: Path) -> None:
    given = notebook(*SMALL)
    exported(given, tmp_path)
    for path in tmp_path.glob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert compare(given, tmp_path) == []


def test_a_folder_without_modules_has_no_changes(tmp_path: Path) -> None:
    assert compare(notebook(*SMALL), tmp_path / "nowhere") == []
    assert import_modules(notebook(*SMALL), tmp_path) == notebook(*SMALL).document
