"""A step of another notebook is called with other values: what it takes, gives, runs, and what it refuses."""

from __future__ import annotations

import inspect
import json
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import mlops_nb
from mlops_nb.artifacts import fingerprint
from mlops_nb.notebook import read_notebook
from mlops_nb.reuse.call import StepRaised
from mlops_nb.reuse.taking import NoSuchStep, NotReusable, take
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    ("imports", "import pandas as pd\n%matplotlib inline"),
    ("parameters", "longest = 60.0  # miles\ncolumns = ['distance']\nunused = 3"),
    ("functions", "MOST = 1000\ndef minutes(rides):\n    return (rides['end'] - rides['start']).clip(upper=MOST)"),
    ("step:load", "open('loaded.txt', 'w').close()\nrides = pd.read_csv('there/is/none.csv')\nmean = rides.mean()"),
    (
        "step:clean",
        "%%time\nkept = rides[rides['distance'] < longest].assign(minutes=minutes)\ngone = len(rides) - len(kept)",
    ),
    ("step:look", "print(kept, gone)\nabove = kept[columns] > mean"),
]
RIDES = pd.DataFrame({"distance": [1.0, 15.0, 25.0], "start": [0, 0, 0], "end": [3, 4, 5]})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path / "rides.ipynb", CELLS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def one(folder: Path, *cells: Any, name: str = "one") -> Any:
    """Return a step of a notebook of these cells."""
    return mlops_nb.step(write(folder / "other.ipynb", cells), name)


def test_it_runs_with_other_values_and_nothing_else_of_its_notebook_does(folder: Path) -> None:
    clean = mlops_nb.step("rides.ipynb", "clean")

    assert clean(RIDES).gone == 0
    kept, gone = clean(rides=RIDES, longest=20)
    assert kept["minutes"].tolist() == [3, 4]
    assert gone == 1
    assert sorted(path.name for path in folder.iterdir()) == ["pyproject.toml", "rides.ipynb"]


def test_its_signature_and_its_text_say_what_it_takes_and_gives(folder: Path) -> None:
    clean = mlops_nb.step("rides.ipynb", "clean")

    assert str(inspect.signature(clean)) == "(rides, *, longest: float = 60.0) -> (kept, gone)"
    assert repr(clean) == "<step clean(rides, *, longest: float = 60.0) -> (kept, gone) of rides.ipynb>"
    assert "longest: float = 60.0 (miles)" in str(clean.__doc__)
    look = mlops_nb.step("rides.ipynb", "look")
    assert str(inspect.signature(look)).startswith("(kept, gone, mean, *, columns: list = ['distance'])")


def test_its_text_is_what_stands_above_it(folder: Path) -> None:
    path = write(folder / "told.ipynb", [("step:one", "x = 1")])
    document = dict(read_notebook(path).document)
    text = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "## Takes away what is too long\n\nMore."}
    document["cells"] = [text, *document["cells"]]
    path.write_text(json.dumps(document), encoding="utf-8")

    assert str(mlops_nb.step(path, "one").__doc__).splitlines()[0] == "Takes away what is too long"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"longset": 3}, "takes no `longset`. Did you mean `longest`?"),
        ({"longest": "far"}, "`longest` is of type float (default `60.0`), and the call gives it 'far'"),
        ({"rides": None}, ""),
    ],
)
def test_what_cannot_be_given_is_refused_with_the_nearest(folder: Path, arguments: Any, told: str) -> None:
    clean = mlops_nb.step("rides.ipynb", "clean")

    if told:
        with pytest.raises(TypeError) as caught:
            clean(RIDES, **arguments)
        assert told in str(caught.value)
    else:
        with pytest.raises(TypeError, match="missing a required argument: 'rides'"):
            clean()


def test_what_its_code_raises_is_told_with_file_step_and_cell(folder: Path) -> None:
    with pytest.raises(StepRaised) as caught:
        mlops_nb.step("rides.ipynb", "clean")(RIDES.drop(columns="end"))

    told = "Step `clean` of rides.ipynb, cell 5, line 2 raised KeyError: 'end': `kept = rides[rides['distance'] <"
    assert caught.value.message.startswith(told)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_unknown_step_is_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(NoSuchStep) as caught:
        mlops_nb.step("rides.ipynb", "claen")
    assert "Did you mean `clean`?" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("!ls", "needs a notebook's shell: cell 2, line 1: `!ls`"),
        ("a = 1\n%env A=1", "cell 2, line 2: `%env A=1`"),
        ("exec(text)\nb = 1", "nobody can know"),
        ("a = _", "reads the history"),
        ("import asyncio\nawait asyncio.sleep(0)", "awaits at the top"),
    ],
)
def test_what_needs_its_notebook_is_refused_with_its_place(folder: Path, source: str, told: str) -> None:
    with pytest.raises(NotReusable) as caught:
        one(folder, ("step:before", "text = input()"), ("step:one", source))
    assert told in caught.value.message


def test_a_value_that_a_function_needs_of_a_step_is_an_input(folder: Path) -> None:
    above = one(
        folder,
        ("step:load", "xs = list(range(5))\nmean = sum(xs) / len(xs)\ndef above(x):\n    return x > mean"),
        ("step:one", "found = [x for x in xs if above(x)]"),
        ("step:after", "print(found)"),
    )

    assert str(inspect.signature(above)) == "(xs, mean) -> Any"
    assert above([1, 5], 3) == [5]


def test_a_function_means_what_it_meant_at_the_step(folder: Path) -> None:
    made = one(
        folder,
        ("functions", "def f(x):\n    return x + 1"),
        ("step:one", "y = f(1)"),
        ("step:after", "def f(x):\n    return -x\nprint(y)"),
    )

    assert made() == 2


def test_a_default_that_must_be_computed_is_computed_and_a_given_value_wins(folder: Path) -> None:
    made = one(
        folder,
        ("parameters", "import math\nn = math.floor(3.5)\nseen = []"),
        ("step:one", "seen.append(n)\nlength = len(seen)\ntwice = 2 * n"),
        ("step:after", "print(length, twice)"),
    )

    assert made() == (1, 6)
    assert made(n=5) == (1, 10)
    assert made() == (1, 6), "a call does not see what another one left"


def test_classes_of_its_notebook_travel(folder: Path) -> None:
    made = one(
        folder,
        ("functions", "class Box:\n    def __init__(self, x):\n        self.x = x"),
        ("step:one", "box = Box(3)"),
        ("step:after", "box.x"),
    )

    assert made().x == 3
    assert fingerprint(made(), namespace={}) == fingerprint(made(), namespace={})


def test_it_is_a_value_that_follows_its_own_code_and_no_other_step(folder: Path) -> None:
    clean = mlops_nb.step("rides.ipynb", "clean")
    assert pickle.loads(pickle.dumps(clean)) == clean

    edit(folder / "rides.ipynb", 6, "print(kept, gone)\nabove = kept[columns] >= mean")
    assert fingerprint(mlops_nb.step("rides.ipynb", "clean")) == fingerprint(clean)
    edit(folder / "rides.ipynb", 3, CELLS[2][1].replace("1000", "2000"))
    assert fingerprint(mlops_nb.step("rides.ipynb", "clean")) != fingerprint(clean)


def test_comments_are_no_part_of_what_identifies_it(folder: Path) -> None:
    before = take(read_notebook(folder / "rides.ipynb"), "look").digest

    edit(folder / "rides.ipynb", 6, "# a look\n" + CELLS[5][1])
    assert take(read_notebook(folder / "rides.ipynb"), "look").digest == before
    edit(folder / "rides.ipynb", 6, CELLS[5][1].replace(">", ">="))
    assert take(read_notebook(folder / "rides.ipynb"), "look").digest != before


def test_modules_beside_its_notebook_are_found_and_no_other_of_that_name(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "there" / "reused_units.py").write_text("MILES = 2", encoding="utf-8")
    notebook = write(folder / "there" / "other.ipynb", [("step:one", "import reused_units\nx = reused_units.MILES")])
    made = mlops_nb.step(notebook, "one")
    before = list(sys.path)

    assert made() == 2
    assert sys.path == before
    sys.modules["reused_units"].__file__ = str(folder / "reused_units.py")
    with pytest.raises(StepRaised, match="is imported under that name"):
        made()
    del sys.modules["reused_units"]
