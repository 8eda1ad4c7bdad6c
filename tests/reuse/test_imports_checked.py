"""Imported steps and how they are put together are judged before anything runs; what is not known passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb import check
from mlops_nb.reuse import types
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.notebook import Diagnostic

PREPARE = [
    ("imports", "import pandas as pd"),
    ("parameters", "longest = 60.0\ncolumns = ['a']\nsince: str | None = None"),
    ("step:load", "rides: pd.DataFrame = pd.DataFrame()\nmean = 3"),
    ("step:clean", "mean: float\nkept: pd.DataFrame = rides[rides['x'] < longest + mean][columns]\nn: int = len(kept)"),
    ("step:name", "table: pd.DataFrame\ntable = kept\ntitle: str = f'{len(kept)} {n} {since}'"),
    ("step:look", "print(title)"),
    ("step:shell", "!ls"),
]
GET = "clean = step('rides.ipynb', 'clean')\nname = step('rides.ipynb', 'name')\n"


def found(folder: Path, source: str, *more: Any) -> list[Diagnostic]:
    """Return what is wrong with a notebook whose step has this source."""
    write(folder / "rides.ipynb", PREPARE)
    cells = [("imports", "from mlops_nb import step\nimport pandas as pd\nfrom typing import Any"), *more]
    notebook = write(folder / "use.ipynb", [*cells, ("step:use", source)])
    return [item for item in check(notebook) if item.code.startswith("MN4") or item.severity == "error"]


@pytest.mark.parametrize(
    ("source", "code", "line", "told"),
    [
        ("a = step('ride.ipynb', 'clean')", "MN401", 1, "There is no notebook"),
        ("a = step('no-such-steps', 'clean')", "MN401", 1, "The package no-such-steps is not installed here."),
        ("a = step('pandas', 'clean')", "MN401", 1, "is installed and holds no steps"),
        ("a = step('pandas', 'clean', version='<1')", "MN401", 1, "and the notebook asks for <1"),
        ("a = step('rides.ipynb', 'claen')", "MN402", 1, "Did you mean `clean`?"),
        ("b = 1\na = step('rides.ipynb', 'shell')", "MN402", 2, "needs a notebook's shell: cell 7, line 1"),
        (GET + "kept = clean(ride=1, mean=2)", "MN403", 3, "takes no `ride`. Did you mean `rides`?"),
        (GET + "kept = clean(1, 2, 3)", "MN403", 3, "takes 2 by place, and 3 are given"),
        (GET + "kept = clean(pd.DataFrame())", "MN403", 3, "is not given `mean`"),
        (GET + "kept = clean(pd.DataFrame(), 1, rides=2)", "MN403", 3, "is given `rides` twice"),
        (GET + "kept = clean('rides.csv', 1)", "MN404", 3, "`'rides.csv'` (as written) is str"),
        (GET + "kept = clean(pd.DataFrame(), 1, longest='far')", "MN404", 3, "the call gives it 'far'"),
        (
            GET + "kept, n = clean(pd.DataFrame(), 1)\nname(n, n)",
            "MN404",
            4,
            "takes `kept` as pandas.DataFrame, and `n`",
        ),
        (GET + "done = clean(pd.DataFrame(), 1)\nname(done.n, 1)", "MN404", 4, "is int"),
        (
            GET + "title = name(pd.DataFrame(), 1)\nclean(title, 1)",
            "MN404",
            4,
            "(an output of step `name` of rides.ipynb)",
        ),
        (GET + "x: dict = make()\nclean(x, 1)\ndef make():\n    pass", "MN404", 4, "(as annotated) is dict"),
        (GET + "clean(name(pd.DataFrame(), 1), 1)", "MN404", 3, "is str"),
        ("kept = step('rides.ipynb', 'clean')('x', 1)", "MN404", 1, "is str"),
        ("import mlops_nb as m\nm.step('rides.ipynb', 'clean')('x', 1)", "MN404", 2, "is str"),
    ],
)
def test_what_cannot_work_is_told_with_its_cell_and_line(
    tmp_path: Path, source: str, code: str, line: int, told: str
) -> None:
    diagnostics = found(tmp_path, source)

    assert [(item.code, item.cell_number, item.line, item.step) for item in diagnostics] == [(code, 2, line, "use")]
    assert told in diagnostics[0].message
    assert diagnostics[0].fix


@pytest.mark.parametrize(
    "source",
    [
        GET + "kept, n = clean(pd.DataFrame(), 1)\ntitle = name(kept, n)",
        GET + "kept, n = clean(rides=pd.DataFrame(), mean=1, longest=20, columns=('a', 'b'))",
        GET + "kept, n = clean(mean=True, rides=pd.read_csv('x.csv'), columns=list('ab'))",
        # Nobody knows these before they run.
        GET + "x = 'text'\nif n_rows:\n    x = pd.DataFrame()\nclean(x, 1)",
        GET + "x = 'text'\nfor x in tables:\n    clean(x, 1)\nclean(x, 1)",
        GET + "x = 'text'\ndef load():\n    global x\n    x = pd.DataFrame()\nload()\nclean(x, 1)",
        GET + "def load():\n    global x\n    x = pd.DataFrame()\nx = 'text'\nload()\nclean(x, 1)",
        GET + "x = 'text'\nexec('x = pd.DataFrame()')\nclean(x, 1)",
        GET + "x = 'text'\nglobals()['x'] = pd.DataFrame()\nclean(x, 1)",
        GET + "x = 'text'\nif (x := pd.DataFrame()) is None:\n    pass\nclean(x, 1)",
        GET + "x = 'text'\nprint(x := pd.DataFrame())\nclean(x, 1)",
        GET + "x = 'text'\nwith open('f') as x:\n    pass\nclean(x, 1)",
        GET + "x = 'text'\ndel x\nfrom other import x\nclean(x, 1)",
        GET + "x = 'text'\n%store -r x\nclean(x, 1)",
        GET + "x: Any = make()\nclean(x, 1)\ndef make():\n    pass",
        GET + "x: float = 3\nclean(pd.DataFrame(), x)",
        GET + "given = {'rides': 1}\nclean(**given)\nclean(*given)",
        GET + "if n_rows:\n    clean('text', 1)",
        GET + "clean = print\nclean('text', 1)",
        GET + "found = [clean(x, 1) for x in tables]",
        "try:\n    clean = step('no-such-steps', 'clean')\nexcept Exception:\n    clean = print\nclean('x')",
        "clean = step(place, 'clean')\nclean('x')",
        GET + "x = 1\nx = pd.DataFrame({'x': [x]})\nclean(x, 1)",
        GET + "x = 1\nexec(text)\nclean(x, 1)",
    ],
)
def test_what_may_work_passes(tmp_path: Path, source: str) -> None:
    before = ("step:load", "n_rows, tables, place, text = 1, [], 'rides.ipynb', 'x = None'")

    assert found(tmp_path, source, before) == []


def test_a_name_that_a_later_cell_binds_anew_is_read_as_it_is_there(tmp_path: Path) -> None:
    cells = [("step:first", GET + "x = 'text'"), ("step:second", "x = pd.DataFrame()")]

    assert found(tmp_path, "clean(x, 1)", *cells) == []
    assert [item.code for item in found(tmp_path, "clean(x, 1)", cells[0])] == ["MN404"]


def test_a_parameter_has_the_type_of_its_default_whatever_is_given(tmp_path: Path) -> None:
    parameters = ("parameters", "far = 'far'\nmaybe: str | None = 'far'")

    assert [item.code for item in found(tmp_path, GET + "clean(far, 1)", parameters)] == ["MN404"]
    assert found(tmp_path, GET + "clean(maybe, 1)", parameters) == []


def test_only_types_that_are_known_to_differ_clash() -> None:
    assert types.clash("str", "pandas.DataFrame")
    assert types.clash("pandas.Series", "pandas.DataFrame")
    assert not types.clash("float", "int"), "an annotation with float allows an int"
    assert not types.clash("int", "float")
    assert not types.clash("datetime.date", "datetime.datetime")
    assert not types.clash("pandas.DataFrame", "sklearn.base.BaseEstimator")
    assert not types.clash("geopandas.GeoDataFrame", "pandas.DataFrame")
    assert not types.clash("", "int")


def test_a_value_is_checked_by_what_it_is() -> None:
    import numpy as np
    import pandas as pd

    class Frame(pd.DataFrame):
        pass

    assert types.fits(Frame(), "pandas.DataFrame")
    assert not types.fits(pd.Series([1]), "pandas.DataFrame")
    assert types.fits(np.float32(1), "float")
    assert types.fits(np.int64(1), "int")
    assert not types.fits(1.5, "int")
    assert types.fits(1, "float")
    assert types.fits(object(), "there.is.no.such.Type")
    assert types.fits(object(), "pandas.there_is_none.Type")
    assert types.shown(pd.DataFrame()) == "pandas.DataFrame"
