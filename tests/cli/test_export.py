"""`mlops-nb export`: a notebook's steps as modules, edits on either side, and the way back."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.cli import main
from tests.notebook_factory import Cell, edit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., tuple[int, str]]

EXAMPLES = Path(__file__).resolve().parents[2] / "notebooks"
CELLS: list[Cell] = [
    ("imports", "import math"),
    ("parameters", "n = 3"),
    ("functions", "def double(values):\n    return [2 * value for value in values]"),
    ("step:load", "numbers = list(range(n))\nname = 'total'"),
    ("step:left", "left = double(numbers)"),
    ("step:right", "right = [math.sqrt(value) for value in numbers]"),
    ("step:join", "total = sum(left) + sum(right)\nrow = {'name': total}", {"outputs": {"row": {"type": "value"}}}),
    ("", "half = total / 2"),
    ("pipeline-metrics", "print(half)"),
    ("skip", "numbers.clear()"),
]


@pytest.fixture
def mlops_nb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the command line as a person does; return its exit code and what it printed."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mlops-nb", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), " ".join((told.out + told.err).split())

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write(tmp_path / "shop" / "sums.ipynb", CELLS)


def modules(notebook: Path) -> Path:
    return notebook.parent / "pipelines" / notebook.stem / "modules"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def cells(notebook: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in loaded:
        cell["source"] = "".join(cell["source"])
    return loaded


def without_mlops_nb(code: str, folder: Path, *paths: Path) -> Any:
    """Run code that binds `result` where mlops_nb cannot be imported, and return the result."""
    script = f"import sys\nsys.modules['mlops_nb'] = None\nsys.path[:0] = {[str(path) for path in paths]!r}\n{code}\n"
    script += "import json\nprint()\nprint(json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# --- out --------------------------------------------------------------------------------------------------------------


def test_a_step_becomes_a_function_of_what_it_reads_and_returns_what_others_read(mlops_nb: Run, notebook: Path) -> None:
    code, told = mlops_nb("export", notebook)

    assert code == 0, told
    assert "8 written, 0 unchanged, 0 removed" in told
    signatures = without_mlops_nb(
        "import inspect\nfrom modules import load, left, right, join\n"
        "result = [list(inspect.signature(f).parameters) for f in (load.load, left.left, right.right, join.join)]",
        notebook.parent,
        modules(notebook).parent,
    )
    # `name` is a word of a dictionary in `join` and not a variable it reads.
    assert signatures == [["n"], ["numbers"], ["numbers"], ["left", "right"]]
    results = without_mlops_nb(
        "from modules import load, join\nresult = [load.load(n=2), join.join([1], [2])]",
        notebook.parent,
        modules(notebook).parent,
    )
    assert results == [{"numbers": [0, 1]}, {"half": 1.5, "row": {"name": 3}}]


def test_a_declared_output_that_an_earlier_step_made_passes_through(mlops_nb: Run, tmp_path: Path) -> None:
    outputs = {"outputs": {"rows": {"type": "value", "variable": "first"}}}
    notebook = write(tmp_path / "a.ipynb", [("step:a", "first = 1\nsecond = 2"), ("step:b", "third = second", outputs)])
    mlops_nb("export", notebook)

    code = "from modules.__main__ import main\nfrom modules.b import b\nresult = [main(), b(first=5, second=6)]"
    ran, alone = without_mlops_nb(code, tmp_path, modules(notebook).parent)
    assert ran == {"first": 1, "second": 2}
    assert alone == {"first": 5}


def test_a_step_that_may_read_anything_takes_everything(mlops_nb: Run, tmp_path: Path) -> None:
    steps: list[Cell] = [("step:a", "x = 20\ny = 22"), ("step:b", "z = eval('+'.join(['x', 'y']))")]
    notebook = write(tmp_path / "a.ipynb", [*steps, ("step:c", "w = z"), ("pipeline-metrics", "print(w)")])
    code, told = mlops_nb("export", notebook)

    assert code == 0
    assert "b: runs as a script" in told
    assert "`eval`" in told
    main = "from modules.__main__ import main\nresult = main()['w']"
    assert without_mlops_nb(main, tmp_path, modules(notebook).parent) == 42


def test_an_object_that_a_step_changes_in_place_is_seen_by_the_next(mlops_nb: Run, tmp_path: Path) -> None:
    steps: list[Cell] = [
        ("step:a", "rows = [1]\nsame = rows"),
        ("step:b", "same.append(2)"),
        ("step:c", "n = len(rows)"),
    ]
    notebook = write(tmp_path / "a.ipynb", [*steps, ("pipeline-metrics", "print(n)")])
    mlops_nb("export", notebook)

    main = "from modules.__main__ import main\nresult = main()['n']"
    assert without_mlops_nb(main, tmp_path, modules(notebook).parent) == 2


def test_a_variable_that_a_query_names_is_taken(mlops_nb: Run, tmp_path: Path) -> None:
    load = "import pandas as pd\nrides = pd.DataFrame({'tip': [1, 2, 3]})\nlimit = 1\ntip = 0"
    look = "kept = len(rides.query('tip > @limit'))"
    notebook = write(tmp_path / "a.ipynb", [("step:a", load), ("step:b", look), ("pipeline-metrics", "print(kept)")])
    mlops_nb("export", notebook)

    main = "from modules.__main__ import main\nresult = main()['kept']"
    assert without_mlops_nb(main, tmp_path, modules(notebook).parent) == 2


def test_what_cannot_run_as_a_module_is_told(mlops_nb: Run, tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb", [("step:a", "!touch made"), ("step:b", "x = 1")])
    code, told = mlops_nb("export", notebook, "--json")

    (problem,) = json.loads(told)["problems"]
    assert code == 0
    assert (problem["step"], problem["refused"]) == ("a", True)
    assert "!touch made" in problem["message"]
    assert "a: cannot be called" in mlops_nb("export", notebook)[1]


def test_exporting_again_writes_nothing_and_a_step_that_went_is_removed(mlops_nb: Run, notebook: Path) -> None:
    first = json.loads(mlops_nb("export", notebook, "--json")[1])
    again = json.loads(mlops_nb("export", notebook, "--json")[1])
    change(notebook, '"step:left"', '"step:doubled"')
    renamed = json.loads(mlops_nb("export", notebook, "--json")[1])

    assert {"__main__.py", "prelude.py", "left.py", "right.py"} < set(first["written"])
    assert (again["written"], again["unchanged"]) == ([], first["written"])
    assert renamed["removed"] == ["left.py"]
    assert "doubled.py" in renamed["written"]


def test_a_notebook_with_errors_is_not_exported(mlops_nb: Run, tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb", [("step:a", "x = y")])
    code, told = mlops_nb("export", notebook)

    assert code == 2
    assert "MN301" in told
    assert not modules(notebook).exists()


def test_a_folder_that_cannot_be_written_is_told_without_a_traceback(mlops_nb: Run, notebook: Path) -> None:
    modules(notebook).parent.mkdir(parents=True)
    modules(notebook).write_text("in the way", encoding="utf-8")
    code, told = mlops_nb("export", notebook)

    assert code == 2
    assert "cannot be written" in told
    assert "Traceback" not in told


# --- edits on either side ---------------------------------------------------------------------------------------------


def edit_a_module(notebook: Path) -> None:
    change(modules(notebook) / "left.py", "left = double(numbers)", "left = double(numbers)[1:]")


def add_a_cell_to_a_module(notebook: Path) -> None:
    change(modules(notebook) / "right.py", "    # %% end", "    # %% [more]\n    again = right\n\n    # %% end")


def remove_a_cell_from_a_module(notebook: Path) -> None:
    text = (modules(notebook) / "join.py").read_text(encoding="utf-8")
    start, end = text.index("    # %% [c9]"), text.index("    # %% end")
    (modules(notebook) / "join.py").write_text(text[:start] + text[end:], encoding="utf-8")


def delete_a_module(notebook: Path) -> None:
    (modules(notebook) / "__main__.py").unlink()


def edit_a_cell(notebook: Path) -> None:
    edit(notebook, 5, "left = double(numbers)[1:]")


def retag_a_cell(notebook: Path) -> None:
    change(notebook, '"step:left"', '"step:doubled"')


def declare_an_output(notebook: Path) -> None:
    change(notebook, '"row": {"type": "value"}', '"left": {"type": "value"}')


def add_an_untagged_cell(notebook: Path) -> None:
    loaded = json.loads(notebook.read_text(encoding="utf-8"))
    loaded["cells"].insert(5, loaded["cells"][5] | {"id": "new", "metadata": {}, "source": "z = 1"})
    notebook.write_text(json.dumps(loaded), encoding="utf-8")


@pytest.mark.row(28)
@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (edit_a_module, ("edited", "module", "c5")),
        (add_a_cell_to_a_module, ("added", "module", "more")),
        (remove_a_cell_from_a_module, ("removed", "module", "c9")),
        (delete_a_module, ("removed", "module", None)),
        (edit_a_cell, ("edited", "notebook", "c5")),
        (retag_a_cell, ("tags", "notebook", "c5")),
        (declare_an_output, ("frame", "notebook", None)),
        (add_an_untagged_cell, ("added", "notebook", "new")),
    ],
)
def test_an_edit_on_either_side_fails_the_check(
    mlops_nb: Run, notebook: Path, act: Callable[[Path], None], expected: tuple[str, str, str | None]
) -> None:
    mlops_nb("export", notebook)
    assert mlops_nb("export", notebook, "--check")[0] == 0

    act(notebook)

    code, told = mlops_nb("export", notebook, "--check", "--json")
    changes = json.loads(told)["changes"]
    assert code == 1
    assert [(change["kind"], change["side"], change["cell"]) for change in changes] == [expected]
    code, told = mlops_nb("export", notebook, "--check")
    assert code == 1
    assert ("--take-back" in told) == (expected[1] == "module" and expected[2] is not None)


def test_a_module_that_was_deleted_is_written_again(mlops_nb: Run, notebook: Path) -> None:
    mlops_nb("export", notebook)
    before = (modules(notebook) / "__main__.py").read_bytes()
    delete_a_module(notebook)

    assert json.loads(mlops_nb("export", notebook, "--take-back", "--json")[1])["taken"] == []
    assert (modules(notebook) / "__main__.py").read_bytes() == before


def test_an_edit_that_no_cell_can_take_is_told_with_what_to_do(mlops_nb: Run, notebook: Path) -> None:
    mlops_nb("export", notebook)
    edit_around_the_cells(notebook)
    code, told = mlops_nb("export", notebook, "--check")

    assert code == 1
    assert "left.py" in told
    assert "--take-back" not in told
    assert "remove" in told


def test_an_empty_cell_at_the_end_is_no_edit(mlops_nb: Run, notebook: Path) -> None:
    mlops_nb("export", notebook)
    add_an_untagged_cell(notebook)
    change(notebook, '"z = 1"', '""')

    assert mlops_nb("export", notebook, "--check")[0] == 0


def test_checking_what_was_never_exported_is_refused(mlops_nb: Run, notebook: Path) -> None:
    code, told = mlops_nb("export", notebook, "--check")

    assert code == 2
    assert "holds no exported modules" in told
    assert "mlops-nb export" in told


def test_exporting_over_edits_of_the_modules_is_refused(mlops_nb: Run, notebook: Path) -> None:
    mlops_nb("export", notebook)
    edit_a_module(notebook)
    edit(notebook, 6, "right = [1.0]")
    code, told = mlops_nb("export", notebook)

    assert code == 2
    assert "--take-back" in told
    assert "double(numbers)[1:]" in (modules(notebook) / "left.py").read_text(encoding="utf-8")
    assert "math.sqrt" in (modules(notebook) / "right.py").read_text(encoding="utf-8")


# --- back -------------------------------------------------------------------------------------------------------------


@pytest.mark.row(28)
def test_edits_of_the_modules_are_taken_back_beside_those_of_the_notebook(mlops_nb: Run, notebook: Path) -> None:
    mlops_nb("export", notebook)
    edit_a_module(notebook)
    add_a_cell_to_a_module(notebook)
    edit(notebook, 4, "numbers = [1, 2]")
    before = {cell["id"]: cell for cell in cells(notebook)}
    code, told = mlops_nb("export", notebook, "--take-back", "--json")

    assert code == 0, told
    assert [change["cell"] for change in json.loads(told)["taken"]] == ["c5", "more"]
    after = cells(notebook)
    assert [cell["id"] for cell in after] == ["c1", "c2", "c3", "c4", "c5", "c6", "more", "c7", "c8", "c9", "c10"]
    assert after[4]["source"] == "left = double(numbers)[1:]"
    assert after[6]["source"] == "again = right"
    assert [c for c in after if c["id"] not in {"c5", "more"}] == [c for k, c in before.items() if k != "c5"]
    assert mlops_nb("export", notebook, "--check")[0] == 0
    assert "numbers = [1, 2]" in (modules(notebook) / "load.py").read_text(encoding="utf-8")


@pytest.mark.row(28)
def test_with_nothing_to_take_back_the_notebook_is_not_touched(mlops_nb: Run, notebook: Path) -> None:
    mlops_nb("export", notebook)
    before = (notebook.read_bytes(), notebook.stat().st_mtime_ns)
    code, told = mlops_nb("export", notebook, "--take-back")

    assert code == 0
    assert "nothing taken back" in told
    assert (notebook.read_bytes(), notebook.stat().st_mtime_ns) == before


def break_a_module(notebook: Path) -> None:
    change(modules(notebook) / "left.py", "left = double(numbers)", "left = double(numbers")


def misspell_a_name(notebook: Path) -> None:
    change(modules(notebook) / "left.py", "double(numbers)", "double(numbrs)")


def edit_both_sides(notebook: Path) -> None:
    edit_a_module(notebook)
    edit(notebook, 5, "left = double(numbers)[:1]")


def edit_around_the_cells(notebook: Path) -> None:
    change(modules(notebook) / "left.py", '"left": left', '"left": left[1:]')


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (break_a_module, "not Python"),
        (misspell_a_name, "MN301"),
        (edit_both_sides, "cell 5"),
        (edit_around_the_cells, "left.py"),
    ],
)
def test_what_cannot_be_taken_back_is_refused_and_nothing_is_written(
    mlops_nb: Run, notebook: Path, act: Callable[[Path], None], reason: str
) -> None:
    mlops_nb("export", notebook)
    act(notebook)
    before = [path.read_bytes() for path in (notebook, *sorted(modules(notebook).glob("*.py")))]
    code, told = mlops_nb("export", notebook, "--take-back")

    assert code == 2
    assert reason in told
    assert [path.read_bytes() for path in (notebook, *sorted(modules(notebook).glob("*.py")))] == before


def test_a_notebook_without_cell_ids_is_exported_and_not_written_back(mlops_nb: Run, notebook: Path) -> None:
    loaded = json.loads(notebook.read_text(encoding="utf-8"))
    loaded["nbformat_minor"] = 4
    for cell in loaded["cells"]:
        del cell["id"]
    notebook.write_text(json.dumps(loaded), encoding="utf-8")
    assert mlops_nb("export", notebook)[0] == 0
    edit_a_module(notebook)
    before = notebook.read_bytes()
    code, told = mlops_nb("export", notebook, "--take-back")

    assert code == 2
    assert "JupyterLab" in told
    assert notebook.read_bytes() == before


def test_checking_and_taking_back_at_once_is_refused(mlops_nb: Run, notebook: Path) -> None:
    assert mlops_nb("export", notebook, "--check", "--take-back")[0] == 2


# --- real data --------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, cwd=folder).stdout


@pytest.mark.row(28)
@pytest.mark.row(71)
def test_one_command_makes_the_step_source_of_a_real_notebook_that_a_repository_keeps(
    mlops_nb: Run, tmp_path: Path
) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    shutil.copytree(EXAMPLES, mine / "notebooks", ignore=shutil.ignore_patterns("taxi*", ".ipynb_checkpoints"))
    (mine / "pyproject.toml").touch()
    git(mine, "init", "--quiet")

    assert mlops_nb("export", mine / "notebooks" / "adult_income.ipynb")[0] == 0

    git(mine, "add", ".")
    git(mine, "commit", "--quiet", "--message", "Steps as source")
    # Somebody else's checkout, without mlops_nb, runs the steps on the data.
    git(tmp_path, "clone", "--quiet", str(mine), str(theirs))
    package = "pipelines.adult_income.modules"
    code = (
        f"from {package}.load import load\nfrom {package}.clean import clean\nfrom {package}.split import split\n"
        "cleaned = clean(**load())\n"
        "parts = split(**{name: cleaned[name] for name in ('features', 'target')})\n"
        "result = [len(cleaned['features']), *(len(parts[name]) for name in ('X_train', 'X_valid', 'X_test'))]"
    )
    people, *parts = without_mlops_nb(code, theirs / "notebooks", theirs)
    assert people == sum(parts) > 30_000
    assert str(mine) not in "".join(path.read_text() for path in theirs.rglob("pipelines/**/*.py"))

    # An edit of theirs is seen, and finds its way into the notebook: that one line, and no other.
    notebook = theirs / "notebooks" / "adult_income.ipynb"
    assert mlops_nb("export", notebook, "--check")[0] == 0
    change(modules_of(theirs) / "clean.py", "people.drop_duplicates()", "people.drop_duplicates(ignore_index=True)")
    assert mlops_nb("export", notebook, "--check")[0] == 1
    assert mlops_nb("export", notebook, "--take-back")[0] == 0
    changed = [line for line in git(theirs, "diff", "--unified=0", str(notebook)).splitlines() if line[0] in "+-"]
    assert len(changed) == 4, changed
    assert "ignore_index=True" in changed[-1]
    assert mlops_nb("export", notebook, "--check")[0] == 0


def modules_of(project: Path) -> Path:
    return project / "pipelines" / "adult_income" / "modules"
