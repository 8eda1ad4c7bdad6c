"""What steps ask without opening a file, with real kernels: it belongs to their keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mlops_nb.lifecycle import run
from mlops_nb.pipeline import read_lock
from tests.execution.planned import because, succeeded
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebook_factory import Cell

IMPORTS = ("imports", "import json, os\nfrom pathlib import Path")
TELL = ("step:tell", "told = Path('told.json').write_text(json.dumps(found))")


def told(notebook: Path) -> object:
    return json.loads((notebook.parent / "told.json").read_text(encoding="utf-8"))


def test_a_file_that_comes_or_goes_runs_the_step_that_asked_for_it(tmp_path: Path) -> None:
    cells: list[Cell] = [
        IMPORTS,
        ("step:place", "cfg = {'name': 'fl' + 'ag'}"),
        ("step:ask", "found = [os.path.exists(cfg['name']), Path(cfg['name']).is_dir()]"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert because(notebook) == {}
    (tmp_path / "flag").touch()
    assert because(notebook)["ask"] == "`flag` came or went"
    succeeded(notebook)
    assert told(notebook) == [True, False]
    # What it holds is nothing to who asks whether it is there.
    (tmp_path / "flag").write_text("more")
    assert because(notebook) == {}
    (tmp_path / "flag").unlink()
    (tmp_path / "flag").mkdir()
    succeeded(notebook)
    assert told(notebook) == [True, True]
    lock = read_lock(tmp_path / "pipelines" / "n" / "dataflow.lock.json").steps["ask"]
    assert (lock.asks_files, lock.reads_files) == (("flag",), ())


def test_a_step_that_asks_for_what_a_later_one_removed_has_it_made_again(tmp_path: Path) -> None:
    cells: list[Cell] = [
        IMPORTS,
        ("step:place", "cfg = {'name': 'fl' + 'ag'}"),
        ("step:make", "Path(cfg['name']).touch()"),
        ("step:ask", "found = [os.path.exists(cfg['name'])]"),
        ("step:remove", "Path(cfg['name']).unlink()"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert because(notebook) == {}
    cells[3] = ("step:ask", "found = [os.path.exists(cfg['name']), 2]")
    write(notebook, cells)
    assert "make" in because(notebook)
    succeeded(notebook)
    assert told(notebook) == [True, 2]


def test_a_variable_of_the_environment_by_a_computed_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells: list[Cell] = [
        IMPORTS,
        ("step:place", "cfg = {'name': 'ASKED_' + 'FOR'}"),
        ("step:ask", "found = [os.environ.get(cfg['name'])]"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert because(notebook) == {}
    monkeypatch.setenv("ASKED_FOR", "something")
    assert because(notebook)["ask"] == "the environment variable `ASKED_FOR` changed"
    succeeded(notebook)
    assert told(notebook) == ["something"]
    assert "something" not in (tmp_path / "pipelines" / "n" / "dataflow.lock.json").read_text()


def test_what_ipython_stores_is_read_back_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "home" / ".ipython"))
    cells: list[Cell] = [
        IMPORTS,
        ("step:one", "kept = [1]\n%store kept"),
        ("step:two", "%store -r kept\nfirst = list(kept)"),
        ("step:three", "kept = [2]\n%store kept"),
        ("step:four", "%store -r kept\nsecond = list(kept)"),
        ("step:found", "found = [first, second]"),
        TELL,
    ]
    notebook = write(tmp_path / "project" / "n.ipynb", cells)
    succeeded(notebook)
    assert told(notebook) == [[1], [2]]
    cells[2] = ("step:two", "%store -r kept\nfirst = [*kept, 0]")
    write(notebook, cells)
    succeeded(notebook)
    assert told(notebook) == [[1, 0], [2]]


def test_lock_of_a_notebook_that_asks_nothing_stays_as_it_was(tmp_path: Path) -> None:
    cells: list[Cell] = [
        (
            "imports",
            "import pandas as pd\nfrom sklearn.linear_model import LinearRegression\nimport matplotlib.pyplot as plt",
        ),
        (
            "step:load",
            "frame = pd.DataFrame({'x': [1.0, 2.0, 3.0]})\nframe.to_csv('frame.csv')\nframe = pd.read_csv('frame.csv')",
        ),
        ("step:fit", "model = LinearRegression().fit(frame[['x']], frame.x)"),
        ("step:plot", "figure = plt.figure()\nframe.x.plot()\nplt.savefig('frame.png')"),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    lock = tmp_path / "pipelines" / "n" / "dataflow.lock.json"
    first = lock.read_text()
    asks = {name: step.asks_files for name, step in read_lock(lock).steps.items() if step.asks_files}
    assert asks == {"prelude": ("matplotlibrc",)}
    assert '"variables"' not in first
    assert run(notebook, fresh=True).result.status == "succeeded"
    assert lock.read_text() == first


def test_functions_that_joblib_runs_elsewhere_run_every_time(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("1")
    cells: list[Cell] = [
        ("imports", "import json\nfrom pathlib import Path\nfrom joblib import Parallel, delayed"),
        ("step:define", "def load(name):\n    return int(Path(name + '.txt').read_text())"),
        ("step:load", "found = Parallel(n_jobs=2)(delayed(load)(name) for name in ['rows', 'rows'])"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert "joblib's workers" in because(notebook)["load"]
    (tmp_path / "rows.txt").write_text("2")
    succeeded(notebook)
    assert told(notebook) == [2, 2]
    cells[0] = ("imports", "import json\nfrom pathlib import Path\nimport joblib as jl")
    cells[2] = ("step:load", "found = jl.Parallel(n_jobs=2)(jl.delayed(load)(name) for name in ['rows'])")
    write(notebook, cells)
    succeeded(notebook)
    assert "joblib's workers" in because(notebook)["load"]
    # A library's workers are the library's.
    cells[0] = (
        "imports",
        (
            "import json\nfrom pathlib import Path\nfrom sklearn.datasets import load_iris\n"
            "from sklearn.linear_model import LogisticRegression\nfrom sklearn.model_selection import cross_val_score"
        ),
    )
    cells[1] = ("step:define", "x, y = load_iris(return_X_y=True)")
    cells[2] = (
        "step:load",
        "found = [float(cross_val_score(LogisticRegression(max_iter=500), x, y, n_jobs=2).mean())]",
    )
    write(notebook, cells)
    succeeded(notebook)
    assert because(notebook) == {}


def test_a_class_of_the_notebook_that_a_pickle_refers_to_is_what_the_step_depends_on(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("imports", "import json, pickle\nfrom pathlib import Path"),
        ("step:define", "class Model:\n    factor = 2\n    def tell(self):\n        return self.factor * self.x"),
        ("step:save", "model = Model()\nmodel.x = 3\nPath('model.pickle').write_bytes(pickle.dumps(model))"),
        ("step:load", "loaded = pickle.loads(Path('model' + '.pickle').read_bytes())\nfound = loaded.tell()"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (6, {})
    lock = read_lock(tmp_path / "pipelines" / "n" / "dataflow.lock.json").steps["load"]
    assert (lock.unpickles, lock.outside) == (("Model",), ())
    cells[1] = ("step:define", cells[1][1].replace("2", "5"))
    write(notebook, cells)
    succeeded(notebook)
    assert told(notebook) == 15


def test_what_a_spawned_process_imports_lies_beside_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def double(n):\n    return 2 * n")
    cells: list[Cell] = [
        (
            "imports",
            "import json, multiprocessing, helper\nfrom pathlib import Path\nfrom joblib import Parallel, delayed",
        ),
        (
            "step:spawn",
            "with multiprocessing.get_context('spawn').Pool(1) as pool:\n    one = pool.map(helper.double, [1, 2])",
        ),
        ("step:joblib", "found = [one, Parallel(n_jobs=2)(delayed(helper.double)(n) for n in [1, 2])]"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert told(notebook) == [[2, 4], [2, 4]]


@pytest.mark.parametrize(
    ("look", "module", "before", "after"),
    [
        ("s = importlib.util.find_spec('zmod')\nfound = s is not None", "zmod.py", False, True),
        ("found = present('models.' + 'tree')", "models/tree.py", None, 7),
        ("found = present('dyn_' + 'mod')", "dyn_mod.py", None, 7),
        ("found = present('dyn_' + 'pack')", "dyn_pack/__init__.py", None, 7),
    ],
)
def test_a_module_that_comes_runs_the_step_that_looked_for_it(
    tmp_path: Path, look: str, module: str, before: object, after: object
) -> None:
    (tmp_path / "models").mkdir()
    cells: list[Cell] = [
        (IMPORTS[0], f"{IMPORTS[1]}\nimport importlib, importlib.util"),
        (
            "step:define",
            (
                "def present(name):\n    try:\n        return importlib.import_module(name).build()\n"
                "    except ImportError:\n        return None"
            ),
        ),
        ("step:look", look),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (before, {})
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).write_text("def build():\n    return 7")
    assert "came or went" in because(notebook)["look"]
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (after, {})
    # Once it is there its source counts, and no longer only whether it is there.
    (tmp_path / module).write_text("def build():\n    return 8")
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (8 if after == 7 else True, {})
    (tmp_path / module).unlink()
    assert "look" in because(notebook)


def test_a_file_that_grows_runs_the_step_that_sums_sizes_of_a_listing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.txt").write_text("12")
    cells: list[Cell] = [
        IMPORTS,
        ("step:sum", "found = sum(e.stat().st_size for e in os.scandir('data'))"),
        TELL,
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (2, {})
    (tmp_path / "data" / "rows.txt").write_text("12345")
    assert because(notebook)["sum"] == "the file `data/rows.txt` changed"
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (5, {})


PLOTS = ("imports", f"{IMPORTS[1]}\nimport matplotlib.pyplot as plt")
WIDTH = "found = plt.rcParams['lines.linewidth']"


def test_settings_of_matplotlib_beside_the_notebook(tmp_path: Path) -> None:
    notebook = write(tmp_path / "n.ipynb", [PLOTS, ("step:look", WIDTH), TELL])
    succeeded(notebook)
    assert (told(notebook), because(notebook)) == (1.5, {})
    for width in (4.0, 5.0):
        (tmp_path / "matplotlibrc").write_text(f"lines.linewidth: {width}")
        assert "matplotlibrc" in because(notebook)["prelude"]
        succeeded(notebook)
        assert (told(notebook), because(notebook)) == (width, {})
    (tmp_path / "matplotlibrc").unlink()
    assert "matplotlibrc" in because(notebook)["prelude"]


@pytest.mark.parametrize(
    ("step", "expected", "again"),
    [
        # It is imported already; when the whole notebook runs once more, the file is there.
        ("Path('matplotlibrc').write_text('lines.linewidth: 3')", [1.5, 1.5], [3, 1.5]),
        ("plt.rcdefaults()", [1.5, 1.5], [1.5, 1.5]),
        (
            "plt.rcParams['lines.linewidth'] = 2\nPath('matplotlibrc').write_text('lines.linewidth: 3')",
            [2, 1.5],
            [2, 1.5],
        ),
    ],
)
def test_settings_of_matplotlib_are_those_it_was_imported_with(
    tmp_path: Path, step: str, expected: object, again: object
) -> None:
    if "rcdefaults" in step:
        (tmp_path / "matplotlibrc").write_text("lines.linewidth: 3")
    look = f"{WIDTH}\nplt.rcdefaults()\nfound = [found, plt.rcParams['lines.linewidth']]"
    cells: list[Cell] = [PLOTS, ("step:set", step), ("step:look", look), TELL]
    notebook = write(tmp_path / "n.ipynb", cells)
    succeeded(notebook)
    assert told(notebook) == expected
    cells[2] = ("step:look", f"1\n{look}")
    write(notebook, cells)
    succeeded(notebook)
    assert told(notebook) == again
