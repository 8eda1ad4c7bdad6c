"""Files that a step reads and changes itself, links that it goes through, files that it leaves open: real kernels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mlops_nb.lifecycle import resume, run
from tests.execution.planned import because, succeeded
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebook_factory import Cell

IMPORTS = ("imports", "import json, os\nfrom pathlib import Path\nn = 'n.' + 'txt'")
TELL = ("step:tell", "Path('told.json').write_text(json.dumps(found))")


def told(notebook: Path) -> object:
    return json.loads((notebook.parent / "told.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ("found = int(Path(n).read_text()) if Path(n).exists() else 0\nPath(n).write_text(str(found + 1))", [0, 1, 2]),
        (
            """try:
    found = int(open(n).read())
except FileNotFoundError:
    found = 0
Path('new').write_text(str(found + 1))
os.replace('new', n)""",
            [0, 1, 2],
        ),
        (
            "open(n, 'a').close()\nwith open(n, 'r+') as f:\n    found = len(f.read())\n    f.write('x')",
            [0, 1, 2],
        ),
        ("with open(n, 'a') as f:\n    f.write('x')\nfound = len(open(n).read())", [1, 2, 3]),
    ],
    ids=["exists", "try-and-replace", "in-place", "append-and-read"],
)
def test_a_step_that_changes_what_it_reads_goes_on_from_there(tmp_path: Path, count: str, expected: list[int]) -> None:
    notebook = write(tmp_path / "n.ipynb", [IMPORTS, ("step:count", count), TELL])
    seen = []
    for _ in expected:
        succeeded(notebook)
        seen.append(told(notebook))
    assert seen == expected


def test_a_database_counts_by_what_it_says(tmp_path: Path) -> None:
    imports = "import json, sqlite3\nfrom pathlib import Path\nimport pandas as pd"
    put = (
        "con = sqlite3.connect('da' + 'ta.db')\n"
        "pd.DataFrame({{'x': [1, 2]}}).to_sql({table!r}, con, if_exists={how!r}, index=False)\n"
        "{more}con.close()"
    )
    count = "found = len(con.execute('select x from added').fetchall())\n"
    cells: list[Cell] = [
        ("imports", imports),
        ("step:replace", put.format(table="replaced", how="replace", more="")),
        ("step:add", put.format(table="added", how="append", more=count)),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    for expected in (2, 4, 6):
        succeeded(notebook)
        assert told(notebook) == expected
    # What is replaced by the same is as it was, however SQLite has put it into the file.
    edit(notebook, 3, put.format(table="added", how="replace", more=count))
    for _ in range(3):
        succeeded(notebook)
        assert told(notebook) == 2
    assert because(notebook) == {}


def test_what_is_made_because_it_is_not_there_yet_is_made_once(tmp_path: Path) -> None:
    cells: list[Cell] = [
        IMPORTS,
        (
            "step:folder",
            "if not os.path.exists('o' + 'ut'):\n    os.makedirs('o' + 'ut')\nPath('out/a').write_text('1')",
        ),
        ("step:file", "if not Path(n).exists():\n    Path(n).write_text('7')\nfound = Path(n).read_text()"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    # Another time the file is there, and the step takes the other way.
    assert because(notebook)["file"] == "the file `n.txt` changed"
    assert "folder" not in because(notebook)
    succeeded(notebook)
    assert told(notebook) == "7"
    assert because(notebook) == {}


def test_a_run_that_is_gone_on_with_does_not_change_a_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells: list[Cell] = [
        IMPORTS,
        ("step:count", "found = int(Path(n).read_text())\nPath(n).write_text(str(found + 1))"),
        ("step:stop", "if Path('stop').exists():\n    raise ValueError(found)"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    (tmp_path / "n.txt").write_text("5")
    (tmp_path / "stop").touch()
    failed = run(notebook).result.record
    assert failed.run.status == "failed"
    (tmp_path / "stop").unlink()
    monkeypatch.chdir(tmp_path)
    assert resume(failed.run.id).result.record.run.status == "succeeded"
    assert (told(notebook), (tmp_path / "n.txt").read_text()) == (5, "6")
    assert because(notebook)["count"] == "the file `n.txt` changed"


def test_a_link_to_a_folder_that_two_steps_set(tmp_path: Path) -> None:
    make = "for v in ('one', 'two'):\n    os.makedirs(v, exist_ok=True)\n    Path(v, 'd').write_text(v)"
    link = "if os.path.islink('latest'):\n    os.unlink('latest')\nos.symlink({!r}, 'latest')"
    cells: list[Cell] = [
        IMPORTS,
        ("step:make", make),
        ("step:first", link.format("one")),
        ("step:x", "x = Path('latest/d').read_text()"),
        ("step:second", link.format("two")),
        ("step:y", "found = [x, Path('latest/d').read_text(), os.readlink('latest')]"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    for _ in range(3):
        succeeded(notebook)
        assert told(notebook) == ["one", "two", "two"]
    edit(notebook, 4, "x = Path('latest/d').read_text().upper()")
    succeeded(notebook)
    assert told(notebook) == ["ONE", "two", "two"]


@pytest.mark.parametrize(
    "look",
    ["os.readlink('current')", "os.path.basename(os.path.realpath('current'))", "Path('current').resolve().name"],
)
def test_where_a_link_of_somebody_else_leads(tmp_path: Path, look: str) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "d.csv").write_text("the same")
    (tmp_path / "current").symlink_to("v1")
    read = "rows = open('current/d.csv').read()"
    notebook = write(tmp_path / "n.ipynb", [IMPORTS, ("step:look", f"found = {look}"), ("step:read", read), TELL])
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == ("v1", {})
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("v2")
    assert because(notebook)["look"] == "the file `current ->` changed"
    succeeded(notebook)
    assert told(notebook) == "v2"


def test_who_goes_through_the_environment_sees_a_variable_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = "found = {k: v for k, v in os.environ.items() if k.startswith('OWN_')}"
    notebook = write(tmp_path / "n.ipynb", [IMPORTS, ("step:look", look), ("step:other", "x = 1"), TELL])
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == ({}, {})
    monkeypatch.setenv("OLDPWD", "elsewhere")
    assert because(notebook) == {}
    monkeypatch.setenv("OWN_MODE", "prod")
    assert because(notebook)["look"] == "the environment variable `OWN_MODE` changed"
    succeeded(notebook)
    assert told(notebook) == {"OWN_MODE": "prod"}


@pytest.mark.parametrize("isolation", ["fork", "cold"])
def test_files_that_nobody_closes_are_written_when_their_kernel_ends(tmp_path: Path, isolation: str) -> None:
    cells: list[Cell] = [
        ("imports", "import atexit, zipfile\nfrom pathlib import Path"),
        ("step:text", "f = open('f.txt', 'w')\nn = f.write('abc')"),
        ("step:zip", "z = zipfile.ZipFile('z.zip', 'w')\nz.writestr('a', 'abc')"),
        ("step:late", "def late():\n    Path('late.txt').write_text('done')\n_ = atexit.register(late)"),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    (tmp_path / "pyproject.toml").write_text(f'[tool.mlops_nb]\nisolation = "{isolation}"\n')
    succeeded(notebook)
    assert (tmp_path / "f.txt").read_text() == "abc"
    assert (tmp_path / "z.zip").stat().st_size > 100
    assert (tmp_path / "late.txt").read_text() == "done"
