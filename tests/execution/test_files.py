"""Files through which steps depend on each other: with real kernels, several at once."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from mlops_nb.lifecycle import run
from tests.execution.planned import because, planned, told
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebook_factory import Cell


def anew(notebook: Path, cells: list[Cell], folder: Path) -> Path:
    """Return the notebook in a fresh folder, where only the lock is known."""
    again = write(folder / notebook.name, cells)
    shutil.copytree(notebook.parent / "pipelines", folder / "pipelines")
    return again


TELL = "import json\nopen('told.json', 'w').write(json.dumps({}))"


@pytest.mark.parametrize(
    ("slow", "next_one", "end", "expected"),
    [
        (
            "open(cfg['f'], 'w').write('old')\ntime.sleep(1)\nx = open(cfg['f']).read()",
            "open(cfg['f'], 'w').write('new')",
            "[x, open(cfg['f']).read()]",
            ["old", "new"],
        ),
        (
            "time.sleep(1)\nopen(cfg['f'], 'w').write('a')",
            "open(cfg['f'], 'w').write('b')",
            "open(cfg['f']).read()",
            "b",
        ),
        (
            "time.sleep(1)\nopen(cfg['f'], 'a').write('a')",
            "open(cfg['f'], 'a').write('b')",
            "open(cfg['f']).read()",
            "ab",
        ),
        (
            "time.sleep(1)\nshutil.rmtree(cfg['f'], ignore_errors=True)\nos.mkdir(cfg['f'])",
            "open(cfg['f'] + '/x', 'w').close()",
            "os.listdir(cfg['f'])",
            ["x"],
        ),
        (
            "time.sleep(1)\nos.makedirs(cfg['f'], exist_ok=True)\nx = os.listdir(cfg['f'])",
            "os.makedirs(cfg['f'], exist_ok=True)\nopen(cfg['f'] + '/x', 'w').close()",
            "[x, os.listdir(cfg['f'])]",
            [[], ["x"]],
        ),
    ],
    ids=["overwritten-later", "written-twice", "appended", "folder-made", "folder-listed"],
)
def test_the_notebooks_order_holds_for_files_that_only_watching_tells(
    tmp_path: Path, slow: str, next_one: str, end: str, expected: object
) -> None:
    cells = [
        ("imports", "import os, shutil, time"),
        ("step:p", "cfg = {'f': 'som' + 'ething'}"),
        ("step:a", slow),
        ("step:b", next_one),
        ("step:c", TELL.format(end)),
    ]
    notebook = write(tmp_path / "first" / "case.ipynb", cells)
    assert told(run(notebook), notebook) == expected
    again = anew(notebook, cells, tmp_path / "second")
    assert told(run(again, workers=4), again) == expected


def test_steps_that_read_one_file_or_write_several_in_one_folder_stay_independent(tmp_path: Path) -> None:
    cells = [
        ("imports", "from pathlib import Path"),
        ("step:p", "Path('in.txt').write_text('1')\nout = [Path('out')]"),
        ("step:a", "out[0].mkdir(exist_ok=True)\n(out[0] / 'a').write_text(Path('in.txt').read_text())"),
        ("step:b", "out[0].mkdir(exist_ok=True)\n(out[0] / 'b').write_text(Path('in.txt').read_text())"),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    run(notebook)
    step = planned(notebook).step("b")
    assert "a" not in {*step.needs, *step.after}


LIBRARY = (
    "import importlib.util\n\n\ndef load(path):\n    spec = importlib.util.spec_from_file_location('util', path)\n"
)
LIBRARY += "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n    return module"


@pytest.mark.parametrize(
    ("prelude", "cell", "was", "now"),
    [
        ("from pathlib import Path", "[len(p.read_text()) for p in Path('s' + 'rc').glob('*.py')]", [5], [6]),
        ("import runpy", "runpy.run_path('src' + '/plug.py')['n']", 1, 22),
        (LIBRARY, "load('src/' + 'plug.py').n", 1, 22),
        ("import os, sys\nsys.path.insert(0, os.path.abspath('src'))", "__import__('plug').n", 1, 22),
        ("import importlib", "importlib.import_module('.'.join(['src', 'plug'])).n", 1, 22),
    ],
    ids=["data", "runpy", "by-location", "sys-path", "computed-name"],
)
def test_code_that_a_step_opens_itself_is_a_file_that_it_reads(
    tmp_path: Path, prelude: str, cell: str, was: object, now: object
) -> None:
    source = tmp_path / "src" / "plug.py"
    source.parent.mkdir()
    source.write_text("n = 1")
    notebook = write(
        tmp_path / "case.ipynb",
        [("imports", prelude), ("step:a", f"found = {cell}"), ("step:b", TELL.format("found"))],
    )
    assert told(run(notebook), notebook) == was
    assert not planned(notebook).to_run
    source.write_text("n = 22")
    assert told(run(notebook), notebook) == now


def test_a_traceback_shows_the_source_of_a_module_and_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def f():\n    raise ValueError\n")
    cells = [
        ("imports", "import traceback\nfrom helper import f"),
        ("step:a", "try:\n    f()\nexcept ValueError:\n    shown = traceback.format_exc()"),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    run(notebook)
    lock = json.loads((tmp_path / "pipelines" / "case" / "dataflow.lock.json").read_text(encoding="utf-8"))
    assert "reads_files" not in lock["steps"]["a"]


@pytest.mark.parametrize(
    "steps",
    [
        ["write('one')", "first = read()", "write('two')", "first = [first, read()]"],
        ["write('a')", "write('b', 'a')", "write('c', 'a')", "first = read()"],
        [
            "sql('drop table if exists t')\nsql('create table t (v int)')",
            *["sql('insert into t values (1)')"] * 2,
            "first = sql('select * from t')",
        ],
        [
            "shutil.rmtree(cfg['d'], ignore_errors=True)\nos.mkdir(cfg['d'])",
            "open(cfg['d'] + '/x', 'w').close()",
            "open(cfg['d'] + '/y', 'w').close()",
            "first = sorted(os.listdir(cfg['d']))",
        ],
    ],
    ids=["read-between", "appended", "sqlite", "folder"],
)
def test_each_step_runs_again_on_files_as_the_steps_before_it_left_them(tmp_path: Path, steps: list[str]) -> None:
    prelude = (
        "import os, shutil, sqlite3\ncfg = {'p': 'kept', 'd': 'folder', 's': 'base'}\n"
        "def write(text, mode='w'):\n    with open(cfg['p'], mode) as file:\n        file.write(text)\n"
        "def read():\n    return open(cfg['p']).read()\n"
        "def sql(text):\n    with sqlite3.connect(cfg['s']) as base:\n        return base.execute(text).fetchall()"
    )
    cells = [("imports", prelude), *((f"step:s{n}", step) for n, step in enumerate(steps))]
    cells.append(("step:end", TELL.format("first")))
    notebook = write(tmp_path / "case.ipynb", cells)
    whole = told(run(notebook), notebook)
    # Who asks a database that was not there finds one now.
    assert told(run(notebook), notebook) == whole
    assert not planned(notebook).to_run
    for position, source in enumerate(steps, 2):
        edit(notebook, position, f"{source}\npass")
        assert told(run(notebook, workers=4), notebook) == whole
        edit(notebook, position, source)


def test_a_step_whose_text_shares_nothing_sees_the_file_that_an_edited_one_writes(tmp_path: Path) -> None:
    cells = [
        ("imports", "cfg = {'p': 'v.txt'}"),
        ("step:a", "x = open(cfg['p'], 'w').write('one')"),
        ("step:b", "y = open(cfg['p']).read()"),
        ("step:c", TELL.format("y")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == "one"
    edit(notebook, 2, "x = open(cfg['p'], 'w').write('three')")
    assert told(run(notebook), notebook) == "three"


@pytest.mark.parametrize("empties", [True, False])
def test_files_with_other_names_each_time_do_not_pile_up_in_a_folder_that_is_emptied(
    tmp_path: Path, *, empties: bool
) -> None:
    empty = "shutil.rmtree(folder, ignore_errors=True)\nos.makedirs(folder)" if empties else "os.makedirs(folder)"
    cells: list[Cell] = [
        ("imports", "import json, os, shutil, time, uuid"),
        ("step:empty", f"folder = 'out'\n{empty}"),
        ("step:one", "with open(f'{folder}/one-{uuid.uuid4().hex}', 'w') as f:\n    f.write('1')"),
        ("step:two", "with open(f'{folder}/two', 'w') as f:\n    f.write('2')"),
        ("step:tell", TELL.format("sorted(name[:3] for name in os.listdir(folder))")),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    assert told(run(notebook), notebook) == ["one", "two"]
    edit(notebook, 3, f"{cells[2][1]}\npass")
    if not empties:
        # Run whole, the notebook would fail here: what it did not take away stays.
        assert told(run(notebook), notebook) == ["one", "one", "two"]
        return
    again = run(notebook)
    assert told(again, notebook) == ["one", "two"]
    assert set(again.result.reran) >= {"empty"}
    assert {step.status for step in planned(notebook).steps} == {"cached"}


def without(notebook: Path, cell: int) -> None:
    """Take the cell of that number (from 1) out of the notebook."""
    loaded = json.loads(notebook.read_text(encoding="utf-8"))
    del loaded["cells"][cell - 1]
    notebook.write_text(json.dumps(loaded), encoding="utf-8")


def test_a_step_between_lists_a_folder_that_was_emptied_without_what_later_steps_left_there(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("imports", "import os, shutil"),
        ("step:empty", "shutil.rmtree('out', ignore_errors=True)\nos.makedirs('out')"),
        ("step:one", "for i in range(2):\n    open(f'out/a{i}', 'w').close()"),
        ("step:count", "first = len(os.listdir('out'))"),
        ("step:two", "for i in range(3):\n    open(f'out/b{i}', 'w').close()"),
        ("step:tell", TELL.format("[first, len(os.listdir('out'))]")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == [2, 5]
    assert not planned(notebook).to_run
    edit(notebook, 5, cells[4][1].replace("3", "4"))
    assert "count" not in because(notebook)
    assert told(run(notebook), notebook) == [2, 6]
    edit(notebook, 4, "first = 10 + len(os.listdir('out'))")
    assert told(run(notebook), notebook) == [12, 6]
    edit(notebook, 3, cells[2][1].replace("2", "1"))
    assert told(run(notebook), notebook) == [11, 5]
    # What somebody has put there the notebook would take away.
    (tmp_path / "out" / "mine").touch()
    assert told(run(notebook), notebook) == [11, 5]
    without(notebook, 3)
    assert told(run(notebook), notebook) == [10, 4]


def test_what_a_later_step_made_of_a_file_is_no_change_of_what_an_earlier_one_made(tmp_path: Path) -> None:
    cells: list[Cell] = [
        (
            "imports",
            (
                "import os, sqlite3\ndef sql(text):\n    base = sqlite3.connect('b.db')\n    with base:\n"
                "        found = base.execute(text).fetchall()\n    base.close()\n    return found"
            ),
        ),
        (
            "step:make",
            (
                "if os.path.exists('b.db'):\n    os.remove('b.db')\nsql('create table t (v int)')\n"
                "sql('insert into t values (1), (2)')"
            ),
        ),
        ("step:read", "values = sql('select v from t')"),
        ("step:prune", "sql('delete from t where v = 1')"),
        ("step:tell", TELL.format("values")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == [[1], [2]]
    edit(notebook, 4, "sql('delete from t where v < 9')")
    again = run(notebook)
    assert told(again, notebook) == [[1], [2]]
    assert not again.result.reran


def test_a_step_that_walks_through_folders_runs_again_when_a_file_comes_there(tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    cells: list[Cell] = [
        ("imports", "import os"),
        ("step:walk", "found = sorted(name for _, _, files in os.walk('data') for name in files)"),
        ("step:tell", TELL.format("found")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == []
    (tmp_path / "data" / "deep" / "new").touch()
    assert told(run(notebook), notebook) == ["new"]


def test_a_file_is_written_again_when_an_input_is_what_it_was_before_the_last_run(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("step:look", "text = open('in.txt').read()"),
        ("step:upper", "loud = text.upper()"),
        ("step:tell", "print(len(loud))\n" + TELL.format("loud")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    for text in ("a", "b", "a", "b"):
        (tmp_path / "in.txt").write_text(text, encoding="utf-8")
        assert told(run(notebook), notebook) == text.upper()
        assert not planned(notebook).to_run


def test_a_file_that_was_closed_keeps_no_step_from_running_beside_another(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("imports", "import json"),
        ("step:one", "with open('one', 'w') as f:\n    json.dump(1, f)"),
        ("step:two", "with open('two', 'w') as g:\n    json.dump(2, g)"),
        ("step:tell", TELL.format("[f.closed, f.mode, g.name]")),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    assert told(run(notebook), notebook) == [True, "w", "two"]
    steps = {step.name: step for step in planned(notebook).steps}
    assert not {"one"} & {*steps["two"].needs, *steps["two"].after}


def test_the_later_steps_file_is_the_newest_when_only_the_earlier_one_has_run_again(tmp_path: Path) -> None:
    newest = "found = max(sorted(os.listdir('out')), key=lambda name: os.path.getmtime('out/' + name))"
    cells: list[Cell] = [
        ("imports", "import os\nos.makedirs('out', exist_ok=True)"),
        ("step:a", "open('out/z', 'w').write('1')"),
        ("step:b", "open('out/y', 'w').write('2')"),
        ("step:c", newest),
        ("step:d", TELL.format("found")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == "y"
    lock = json.loads((tmp_path / "pipelines" / "case" / "dataflow.lock.json").read_text(encoding="utf-8"))
    assert lock["steps"]["c"]["asks_times"] == ["out/y", "out/z"]
    edit(notebook, 2, "open('out/z', 'w').write('11')")
    assert "b" not in because(notebook)
    assert told(run(notebook), notebook) == "y"
    # A step that has not asked before is known by the notebook's text.
    edit(notebook, 2, "open('out/z', 'w').write('111')")
    edit(notebook, 4, f"{newest}\nfurther = 1")
    assert told(run(notebook), notebook) == "y"
