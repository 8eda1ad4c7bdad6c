"""Files that a library opens in C, by paths that no text names: with real kernels, several at once."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from mlops_nb.pipeline import StepEvidence, read_lock
from tests.execution.planned import because, succeeded
from tests.notebook_factory import edit, write
from tests.told_by_the_system import only_where_it_is_told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebook_factory import Cell


pytestmark = only_where_it_is_told

IMPORTS = ("imports", "import json, os, time\nfrom pathlib import Path\nimport pyarrow as pa\nfrom pyarrow import csv")
WRITE = "csv.write_csv(pa.table({{'x': {values}}}), cfg['folder'] + '/rows' + '.csv')"
READ = "rows = csv.read_csv(cfg['folder'] + '/rows' + '.csv')"
TELL = "Path('told.json').write_text(json.dumps(rows['x'].to_pylist()))"


def evidence(notebook: Path) -> dict[str, StepEvidence]:
    lock = notebook.parent / "pipelines" / notebook.stem / "dataflow.lock.json"
    return dict(read_lock(lock).steps)


def test_what_is_written_and_read_in_c_orders_the_steps(tmp_path: Path) -> None:
    cells: list[Cell] = [
        IMPORTS,
        ("step:place", "cfg = {'folder': 'da' + 'ta'}\nos.makedirs(cfg['folder'], exist_ok=True)"),
        ("step:save", f"time.sleep(1)\n{WRITE.format(values=[1, 2])}"),
        ("step:load", READ),
        ("step:tell", TELL),
    ]
    first = write(tmp_path / "first" / "n.ipynb", cells)
    succeeded(first)
    seen = evidence(first)
    assert seen["save"].writes_files == ("data/rows.csv",)
    assert (seen["save"].reads_files, seen["load"].reads_files) == ((), ("data/rows.csv",))
    # Where only the lock is known: the reader would come first, were it not for it.
    second = write(tmp_path / "second" / "n.ipynb", cells)
    shutil.copytree(first.parent / "pipelines", second.parent / "pipelines")
    succeeded(second, workers=4)
    assert json.loads((second.parent / "told.json").read_text()) == [1, 2]
    assert evidence(second) == seen


def test_a_database_that_is_written_in_c_is_made_anew_before_it_is_added_to_again(tmp_path: Path) -> None:
    functions = """def asked(*texts):
    con = sqlite3.connect(":memory:")
    con.execute("attach ? as ar", ("tw" + "o.db",))
    rows = [con.execute(text).fetchall() for text in texts][-1]
    con.commit()
    con.close()
    return rows
"""
    cells: list[Cell] = [
        ("imports", "import json, sqlite3\nfrom pathlib import Path"),
        ("functions", functions),
        ("step:make", "asked('drop table if exists ar.u', 'create table ar.u (x)')"),
        ("step:add", "asked('insert into ar.u values (9)')"),
        ("step:tell", "Path('told.json').write_text(json.dumps(asked('select x from ar.u')))"),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert because(notebook) == {}
    edit(notebook, 4, cells[3][1].replace("(9)", "(8)"))
    succeeded(notebook)
    assert json.loads((tmp_path / "told.json").read_text()) == [[8]]


@pytest.mark.parametrize("place", ["below", "link", "elsewhere"])
def test_data_that_is_read_in_c_belongs_to_what_a_step_depends_on(tmp_path: Path, place: str) -> None:
    folder, data = tmp_path / "project", tmp_path / "data"
    named = str(data)
    folder.mkdir()
    if place == "below":
        data, named = folder / "raw" / "2026", "raw/2026"
    if place == "link":
        (folder / "linked").symlink_to(data)
        named = "lin" + "ked"
    data.mkdir(parents=True)
    (data / "rows.csv").write_text("x\n1\n")
    cells: list[Cell] = [
        IMPORTS,
        ("step:place", f"cfg = {{'folder': {named!r}}}"),
        ("step:load", READ),
        ("step:tell", TELL),
    ]
    notebook = write(folder / "n.ipynb", cells)
    succeeded(notebook)
    assert because(notebook) == {}
    (data / "rows.csv").write_text("x\n2\n")
    assert "rows.csv" in because(notebook)["load"]
    succeeded(notebook)
    assert json.loads((folder / "told.json").read_text()) == [2]


def test_steps_that_run_at_once_are_not_taken_for_each_other(tmp_path: Path) -> None:
    # The names are others in each run, so that no lock knows whose they are.
    own = "Path(cfg['folder'], f'{kind}-{{time.time_ns()}}.txt')"
    work = "for _ in range(8):\n    {own}.write_text('x')\n    time.sleep(0.1)\n"
    cells: list[Cell] = [
        IMPORTS,
        ("step:place", "cfg = {'folder': 'da' + 'ta'}\nos.makedirs(cfg['folder'], exist_ok=True)"),
        ("step:short", work.format(own=own.format(kind="short"))),
        ("step:long", work.format(own=own.format(kind="long")) * 2 + WRITE.format(values=[3])),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    for _ in range(2):
        succeeded(notebook, workers=4)
        shutil.rmtree(tmp_path / "data")
    seen = evidence(notebook)
    for name, others in (("short", "long"), ("long", "short")):
        files = (*seen[name].reads_files, *seen[name].writes_files)
        assert len(seen[name].writes_files) >= 8
        assert not [file for file in files if others in file]
    assert "data/rows.csv" in seen["long"].writes_files
    assert "data/rows.csv" not in seen["short"].writes_files


def test_what_comes_and_goes_within_a_step_is_nothing_to_the_others(tmp_path: Path) -> None:
    scratch = f"cfg = {{'folder': 'scr' + 'atch'}}\nos.mkdir(cfg['folder'])\n{WRITE.format(values=[1])}\n{READ}\n"
    scratch += "import ctypes\nassert ctypes.CDLL(None).unlink((cfg['folder'] + '/rows.csv').encode()) == 0"
    notebook = write(tmp_path / "n.ipynb", [IMPORTS, ("step:a", scratch)])
    succeeded(notebook)
    assert (evidence(notebook)["a"].reads_files, evidence(notebook)["a"].writes_files) == ((), ("scratch",))


def test_what_others_do_meanwhile_is_not_the_steps(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n")
    cells: list[Cell] = [
        IMPORTS,
        ("step:load", f"cfg = {{'folder': '.'}}\ntime.sleep(1)\n{READ}\ntime.sleep(1)"),
        ("step:tell", TELL),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.02):
            (tmp_path / "notes.csv").write_text("1")
            (tmp_path / "notes.csv").read_text()
            (tmp_path / "made").mkdir(exist_ok=True)

    other = threading.Thread(target=work)
    other.start()
    try:
        succeeded(notebook)
    finally:
        over.set()
        other.join()
    seen = evidence(notebook)
    assert (seen["load"].reads_files, seen["load"].writes_files) == (("rows.csv",), ())
    assert seen["tell"].writes_files == ("told.json",)


@pytest.mark.parametrize("place", ["'da' + 'ta'", "{elsewhere!r}"])
def test_a_folder_that_is_emptied_or_made_by_a_step_is_watched_all_the_same(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "elsewhere" if "elsewhere" in place else tmp_path / "project" / "data"
    make = f"cfg = {{{{'folder': {place}}}}}\nimport shutil\nshutil.rmtree(cfg['folder'], ignore_errors=True)"
    make = make.format(elsewhere=str(folder)) + "\nos.makedirs(cfg['folder'] + '/deep')"
    cells: list[Cell] = [
        IMPORTS,
        ("step:make", make),
        ("step:save", WRITE.format(values=[1])),
        ("step:load", READ),
        ("step:tell", TELL),
    ]
    notebook = tmp_path / "project" / "n.ipynb"
    for _ in range(2):
        write(notebook, cells)
        succeeded(notebook)
        assert json.loads((tmp_path / "project" / "told.json").read_text()) == [1]
        seen = evidence(notebook)
        assert [file.rpartition("/")[2] for file in seen["save"].writes_files] == ["rows.csv"]
        assert seen["load"].reads_files == seen["save"].writes_files
        cells[2] = ("step:save", WRITE.format(values=[1]) + "\npass")
    assert because(notebook) == {}
    (folder / "rows.csv").write_text("x\n2\n")
    assert set(because(notebook)) >= {"save", "load"}
