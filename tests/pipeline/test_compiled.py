"""The compiled form: what is written, and what plain `ploomber build` makes of it where mlops_nb cannot be imported."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.artifacts import fingerprint
from mlops_nb.notebook import read_notebook, read_tags
from mlops_nb.notebook.tags import LEFT_OUT
from mlops_nb.pipeline.compiled import CompileError, compile_graph
from mlops_nb.pipeline.settings_file import SettingsFileError, read_pipeline_settings
from mlops_nb.steps.graph import StepGraph, read_steps
from mlops_nb.steps.parameter_values import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PLOOMBER = str(Path(sys.executable).with_name("ploomber"))
BLOCKER = """
import sys

class NoMlopsNb:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "mlops_nb":
            raise ImportError("mlops_nb is not installed here")

sys.meta_path.insert(0, NoMlopsNb())
"""

SMALL = """
# %% imports
import os
import random
import warnings
import xml.dom.minidom

import numpy as np
import pandas as pd
# %% imports
warnings.filterwarnings("ignore", message="never mind")
pd.set_option("display.max_rows", 7)
# %% functions
def scaled(x):
    return x * factor
# %% functions
import enum
import functools

class Thing:
    def __init__(self, content):
        self.content = content

class Box(Thing):
    def __init__(self, content):
        super().__init__(content)

    @functools.cached_property
    def weight(self):
        return scaled(len(self.content))

class Size(enum.Enum):
    LARGE = 1
# %% parameters
import datetime
n = 5  # how many
code = "042"
word = "none"
window = (1, 3)
since = datetime.date(2024, 1, 31)
rate = 1e-05
columns = ["a", "7"]
fast = False
limit: int | None = None
# %% step:make
random.seed(3)
np.random.seed(4)
factor = 2
numbers = [random.random() for _ in range(n)]
twin = numbers
box = Box(numbers)
size = Size.LARGE
base = np.arange(6.0)
view = base[::2]
table = np.asfortranarray(np.ones((3, 2)))
column = table[:, 1]
handle = open("data.txt")
text = handle.read()
os.makedirs("below", exist_ok=True)
os.chdir("below")
# %%
os.environ["MODE"] = "fast"

def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step

tick = counter()
tick()
tock = tick
doomed = 1
# %% skip
raise RuntimeError("exploration does not run")
# %% step:change
factor = 10
twin.append(scaled(3))
view[0] = 99.0
column[:] = 5.0
draw = random.random(), np.random.rand()
ticks = tick(), tock()
del doomed
made = xml.dom.minidom.Document()
# %% test
raise RuntimeError("tests do not run")
# %% step:judge
%time quick = 1
here = os.path.basename(os.getcwd())
try:
    import mlops_nb
except ImportError as error:
    missing = str(error)
frame = pd.DataFrame({"n": numbers})
rows = pd.get_option("display.max_rows")
mode = os.environ["MODE"]
given = [n, code, word, window, since, rate, columns, fast, limit]
same = [
    numbers is twin is box.content,
    bool(base[0] == 99.0),
    bool(table[2, 1] == 5.0),
    isinstance(box, Thing) and box.weight == 60,
    size is Size.LARGE,
    "doomed" not in globals(),
    any("never mind" in str(seen) for seen in warnings.filters),
]
# %% pipeline-metrics
score = float(frame["n"].sum())
print(score)
"""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


# --- a project to compile and to build --------------------------------------------------------------------------------


def document(cells: list[tuple[str, str, str]]) -> str:
    """Return the text of a notebook of code cells, each an id, a tag (or none) and a source."""
    written: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": cell_id,
            "metadata": {"tags": [tag]} if tag else {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for cell_id, tag, source in cells
    ]
    return json.dumps({"cells": written, "metadata": {"kernelspec": KERNEL}, "nbformat": 4, "nbformat_minor": 5})


def write_cells(path: Path, text: str) -> Path:
    """Write a notebook from text in which `# %% TAG` stands before each cell."""
    pieces = [piece.partition("\n") for piece in text.split("# %%")[1:]]
    cells = [(f"cell-{number}", tag.strip(), source.strip("\n")) for number, (tag, _, source) in enumerate(pieces)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(cells), encoding="utf-8")
    return path


def graph_of(path: Path) -> StepGraph:
    return read_steps(read_notebook(path))


class Project:
    """A folder with one notebook, its compiled form, and a machine on which mlops_nb is not installed."""

    def __init__(self, root: Path, cells: str) -> None:
        self.root = root
        self.notebook = write_cells(root / "notebooks" / "work.ipynb", cells)
        (root / "notebooks" / "data.txt").write_text("some data\n", encoding="utf-8")
        self.folder = root / "pipelines" / "work"
        blocker = root / "blocker"
        blocker.mkdir()
        (blocker / "sitecustomize.py").write_text(BLOCKER, encoding="utf-8")
        self.environment = os.environ | {
            "PYTHONPATH": str(blocker),
            "PLOOMBER_STATS_ENABLED": "false",
            "PLOOMBER_VERSION_CHECK_DISABLED": "1",
            "PYTHONWARNINGS": "default",
        }

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        folder = cwd or self.folder
        return subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True, check=False)

    def build(self, *options: str) -> str:
        result = self.run(PLOOMBER, "build", *options)
        assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
        return result.stdout + result.stderr

    def refused(self, *options: str) -> str:
        result = self.run(PLOOMBER, "build", *options)
        assert result.returncode != 0
        return result.stdout + result.stderr

    def ran(self, output: str) -> list[str]:
        """Return the steps that a build ran, from Ploomber's own report."""
        rows = [line.split() for line in output.splitlines() if " True " in f"{line} " or " False " in f"{line} "]
        return [row[0] for row in rows if row[1] == "True"]

    def variables(self, step: str) -> dict[str, Any]:
        return read_state(self.folder, self.folder / "output" / f"{step}.state")

    def sequential(self) -> dict[str, Any]:
        """Run the notebook's cells in one kernel, top to bottom, and return what is left."""
        own = [cell for cell in read_notebook(self.notebook).code_cells if read_tags(cell)[0].role not in LEFT_OUT]
        cells = [("start", "", START), *((cell.id, "", cell.source) for cell in own), ("save", "", SAVE)]
        whole = self.folder / "steps" / "whole.ipynb"
        whole.write_text(document(cells), encoding="utf-8")
        command = ("-m", "papermill", "whole.ipynb", "../output/whole.ipynb")
        result = self.run(sys.executable, *command, cwd=whole.parent)
        whole.unlink()
        assert result.returncode == 0, result.stderr[-4000:]
        return self.variables("whole")


START = """
import sys; sys.path.insert(0, "..")
import step_state
step_state.start(globals(), None, {"state": "../output/whole.state"}, "../../../notebooks")
"""
SAVE = "__import__('step_state').save([])"


def read_state(folder: Path, path: Path) -> dict[str, Any]:
    module = module_of(folder)
    variables: dict[str, Any] = module.read(path)
    return variables


def module_of(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("step_state", folder / "step_state.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["step_state"] = module
    spec.loader.exec_module(module)
    return module


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "output" not in path.parts and "__pycache__" not in path.parts
    }


def same(one: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    return fingerprint(one[name], namespace=one) == fingerprint(other[name], namespace=other)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A compiled notebook of every hazard, built once by plain Ploomber."""
    project = Project(tmp_path_factory.mktemp("built"), SMALL)
    compile_graph(graph_of(project.notebook), project.folder)
    project.build()
    return project


# --- built by plain Ploomber ------------------------------------------------------------------------------------------


def test_neither_the_build_nor_its_kernels_can_import_mlops_nb(built: Project) -> None:
    outside = built.run(sys.executable, "-c", "import mlops_nb", cwd=ROOT)

    assert "ImportError: mlops_nb is not installed here" in outside.stderr
    assert built.variables("judge")["missing"] == "mlops_nb is not installed here"


def test_a_plain_build_ends_with_the_variables_of_restart_and_run_all(built: Project) -> None:
    pipeline, notebook = built.variables("judge"), built.sequential()

    assert "handle" not in pipeline
    assert pipeline.keys() == notebook.keys()
    # A class with a cached property holds a lock, which has no fingerprint; `same` looks at the box.
    names = pipeline.keys() - {"Thing", "Box", "box"}
    assert [name for name in names if not same(pipeline, notebook, name)] == []
    assert pipeline["same"] == [True] * 7
    assert pipeline["twin"] is pipeline["numbers"] is pipeline["box"].content
    assert pipeline["ticks"] == (2, 3)
    assert (pipeline["rows"], pipeline["mode"], pipeline["here"], pipeline["quick"]) == (7, "fast", "below", 1)
    assert pipeline["text"] == "some data\n"
    pipeline["view"][1] = -1.0
    assert pipeline["base"][2] == -1.0


def test_every_kind_of_parameter_arrives_as_it_was(built: Project) -> None:
    since = built.variables("judge")["since"]

    assert built.variables("judge")["given"] == [5, "042", "none", (1, 3), since, 1e-05, ["a", "7"], False, None]
    assert repr(since) == "datetime.date(2024, 1, 31)"


TINY = """
# %% parameters
n = 5
# %% step:double
doubled = n * 2
"""


def test_a_second_build_runs_nothing_and_a_parameter_given_to_a_build_runs_what_follows_it(tmp_path: Path) -> None:
    project = Project(tmp_path, TINY)
    compile_graph(graph_of(project.notebook), project.folder)
    before = contents(tmp_path)

    assert project.ran(project.build()) == ["prelude", "double"]
    assert project.ran(project.build()) == []
    assert project.ran(project.build("--env--n", "8")) == ["prelude", "double"]
    assert project.variables("double") == {"n": 8, "doubled": 16}
    assert contents(tmp_path) == before

    elsewhere = project.run(PLOOMBER, "build", "-e", "pipelines/work/pipeline.yaml", cwd=tmp_path)

    assert project.ran(elsewhere.stdout) == ["prelude", "double"]
    assert project.variables("double") == {"n": 5, "doubled": 10}

    told = project.refused("--env--n", "many")

    assert "The parameter `n` is of type int, and this build gives it 'many', a str." in told
    assert project.variables("double") == {"n": 5, "doubled": 10}


FILE = """
# %% step:open
lines = open("data.txt")
unused = (x for x in [1])
# %% step:count
count = 1
# %% step:read
text = lines.read()
"""


def test_a_value_that_cannot_leave_its_kernel_is_refused_where_a_later_step_uses_it(tmp_path: Path) -> None:
    project = Project(tmp_path, FILE)
    compile_graph(graph_of(project.notebook), project.folder)

    told = project.refused()

    assert "This step uses `lines`, which cannot leave the kernel of step `open` (an open file lives in its" in told
    assert "Make `lines` in this step, or tag the cells of both steps as one step." in told
    assert (project.folder / "output" / "count.state").exists()
    assert not (project.folder / "output" / "read.state").exists()


@pytest.mark.timeout(900)  # six kernels that import scikit-learn and seaborn, on whatever machine
def test_the_taxi_example_computes_in_a_plain_build_what_it_computes_in_one_kernel(tmp_path: Path) -> None:
    project = Project(tmp_path, SMALL)
    text = (ROOT / "notebooks" / "taxi_tips.ipynb").read_text(encoding="utf-8")
    # Fewer trees and fewer kernels: the models' quality and the number of steps are not the point here.
    for many in ("n_estimators = 200", "max_iter = 100"):
        assert many in text
        text = text.replace(many, f"{many.split()[0]} = 10")
    for joined in ("features", "split", "train_ridge", "train_forest", "train_boosting"):
        assert f'"step:{joined}"' in text
        text = text.replace(f'"step:{joined}"', "")
    project.notebook.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "notebooks" / "data", tmp_path / "notebooks" / "data")
    compile_graph(graph_of(project.notebook), project.folder)
    before = contents(tmp_path)

    project.build()

    assert contents(tmp_path) == before
    pipeline, notebook = project.variables("evaluate"), project.sequential()
    assert pipeline.keys() == notebook.keys()
    # Figures hold clocks and addresses; what they show is among the other variables.
    names = [name for name in notebook if "matplotlib" not in str(type(notebook[name])) and "_ax" not in name]
    assert len(names) > 60
    assert [name for name in names if not same(pipeline, notebook, name)] == []
    assert pipeline["metrics"]["mae"] < 1


# --- the module that carries the state --------------------------------------------------------------------------------

ARRAYS = "import numpy as np\na = np.arange(24.0).reshape(4, 6)\n"
FRAMES = "import numpy as np, pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': [4.0, 5.0, 6.0]})\n"
CARRIED = {
    "a function sees what is bound anew": ("k = 1\ndef f(): return k", "k = 5; r = f()"),
    "two functions over one counter": (
        """
def make():
    x = 0
    def up():
        nonlocal x
        x += 1
    return up, lambda: x
up, get = make()
""",
        "up(); up(); r = get()",
    ),
    "a closure that calls itself": (
        "def make():\n def fact(n): return 1 if n < 2 else n * fact(n - 1)\n return fact\nfact = make()",
        "r = fact(5)",
    ),
    "defaults and attributes of a function": ("def f(x=[1]): return x\nf.tag = f()", "f().append(2); r = f.tag, f()"),
    "a cached function that was not called": (
        "import functools\n@functools.lru_cache(maxsize=3)\ndef f(x): return x + k\nk = 2",
        "r = f(1), f.cache_info().maxsize",
    ),
    "a default dictionary and a partial": (
        "import collections, functools\nd = collections.defaultdict(lambda: k)\ng = functools.partial(max, 3); k = 1",
        "k = 7; r = d['x'], g(2), dict(d)",
    ),
    "the output": ("import sys\nout = sys.stdout", "r = out is sys.stdout"),
    "views": (f"{ARRAYS}b, c, d = a[1], a[::-1, ::2], a.T", "a[1, 2] = -1; c[0, 0] = -2; r = a, b, c, d"),
    "a view in Fortran order": (f"{ARRAYS}a = np.asfortranarray(a); b = a[1:, 2]", "b[:] = 0; r = a, b"),
    "a view of another type": (f"{ARRAYS}b = a[2].view('u1'); b[0]", "b[:] = 0; r = a"),
    "a field of records": ("import numpy as np\na = np.zeros(3, 'i4,f8'); b = a['f1']", "b[:] = 2; r = a"),
    "a view of objects": ("import numpy as np\na = np.array([[1], 'x'], dtype=object); b = a[:1]", "b[0] = 7; r = a"),
    "a sliding window": (
        f"{ARRAYS}from numpy.lib.stride_tricks import sliding_window_view as s\nb = s(a[0], 3)",
        "a[0, 0] = 8; r = b",
    ),
    "an array without writes": (
        f"{ARRAYS}a.flags.writeable = False; b = a[::2]",
        "r = a.flags.writeable, b.flags.writeable",
    ),
    "frames that copy when written": (
        f"{FRAMES}e = df[:]; s = df['a']; t = s[:]",
        "df.iloc[0, 0] = 9; r = df, e, s, t",
    ),
    "masked columns": (
        f"{FRAMES}s = pd.Series([1, None], dtype='Int64'); t = s[:]",
        "s.iloc[0] = 9; r = str(s), str(t)",
    ),
    "a frame and its values": (f"{FRAMES}v = df['b'].to_numpy()", "df.loc[0, 'b'] = 9; r = df, v"),
    "a frame over an array": (
        "import numpy as np, pandas as pd\na = np.zeros((2, 2)); df = pd.DataFrame(a, copy=False)",
        "a[0, 0] = 3; r = df",
    ),
    "one frame under two names": (f"{FRAMES}e = df", "df['c'] = 1; r = e, e is df"),
}


@pytest.fixture
def carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that hands a namespace over as two steps would, one after the other."""
    shutil.copy(ROOT / "mlops_nb" / "pipeline" / "step_state.py.txt", tmp_path / "step_state.py")
    module = module_of(tmp_path)
    monkeypatch.chdir(tmp_path)

    def hand_over(namespace: dict[str, Any]) -> dict[str, Any]:
        monkeypatch.syspath_prepend("..")
        kept = dict(namespace)
        module.start(namespace, None, {"state": "all.state"}, ".")
        namespace.update(kept)
        module.save([])
        carried: dict[str, Any] = module.read("all.state")
        return carried

    return lambda namespace: hand_over(hand_over(namespace))


@pytest.mark.parametrize(("make", "act"), CARRIED.values(), ids=CARRIED)
def test_code_does_to_carried_variables_what_it_does_to_the_first(
    carry: Callable[[dict[str, Any]], dict[str, Any]], make: str, act: str
) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(make, namespace)  # noqa: S102 - the case
    carried = carry(namespace)

    exec(act, namespace)  # noqa: S102
    exec(act, carried)  # noqa: S102

    assert fingerprint(carried["r"], namespace=carried) == fingerprint(namespace["r"], namespace=namespace)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        ("x = (i for i in [1])", "`x` stays behind: cannot pickle 'generator' object"),
        ("import io\nx = io.FileIO(0, closefd=False)", "`x` stays behind: an open file lives in its process"),
        ("x = open('step_state.py'); x.close()", "`x` stays behind: a closed file"),
        ("import threading\nx = [threading.Lock()]", "`x` stays behind: cannot pickle '_thread.lock' object"),
        ("import functools\nx = functools.lru_cache(lambda n: n); x(1)", "`x` stays behind: the cache of `<lambda>`"),
    ],
)
def test_what_cannot_leave_its_kernel_stays_behind_by_name_and_the_rest_is_carried(
    carry: Callable[[dict[str, Any]], dict[str, Any]], capsys: pytest.CaptureFixture[str], make: str, told: str
) -> None:
    namespace: dict[str, Any] = {"y": [1]}
    exec(make, namespace)  # noqa: S102 - the case

    carried = carry(namespace)

    assert carried["y"] == [1]
    assert "x" not in carried
    assert told in capsys.readouterr().out


def test_a_step_that_may_read_anything_is_refused_what_stayed_behind_unless_it_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "mlops_nb" / "pipeline" / "step_state.py.txt", tmp_path / "step_state.py")
    module = module_of(tmp_path)
    monkeypatch.chdir(tmp_path)

    def start(upstream: str | None, step: str) -> dict[str, Any]:
        monkeypatch.syspath_prepend("..")
        namespace: dict[str, Any] = {}
        before = {upstream: {"state": f"{upstream}.state"}} if upstream else None
        module.start(namespace, before, {"state": f"{step}.state"}, ".")
        return namespace

    with Path("step_state.py").open(encoding="utf-8") as closed:
        start(None, "one")["closed"] = closed
    module.save([])
    start("one", "two")
    module.load(None)
    module._Session.namespace["alive"] = (number for number in [1])
    module.save([])
    start("two", "three")

    module.load(["something"])
    with pytest.raises(module.CannotCarry, match="`alive`, which cannot leave the kernel of step `two`"):
        module.load(None)
    with pytest.raises(module.CannotCarry, match=r"`closed`, .* of step `one` \(a closed file\)"):
        module.load(["closed"])


# --- what is written --------------------------------------------------------------------------------------------------


def small(tmp_path: Path, cells: str = SMALL) -> tuple[StepGraph, Path]:
    return graph_of(write_cells(tmp_path / "notebooks" / "work.ipynb", cells)), tmp_path / "pipelines" / "work"


def test_compiling_twice_changes_nothing(tmp_path: Path) -> None:
    graph, folder = small(tmp_path)
    first = compile_graph(graph, folder)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}

    second = compile_graph(graph, folder)

    assert {path.name for path in first.written} >= {"pipeline.yaml", "settings.toml", "make.ipynb", "step_state.py"}
    assert second.written == second.removed == ()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")} == before


def test_a_changed_step_changes_its_notebook_alone_and_a_removed_one_takes_its_notebook_along(tmp_path: Path) -> None:
    graph, folder = small(tmp_path)
    compile_graph(graph, folder)
    mine = folder / "steps" / "mine.ipynb"
    shutil.copy(write_cells(tmp_path / "mine.ipynb", "# %%\n1"), mine)
    changed = SMALL.replace("factor = 10", "factor = 11")
    without = changed[: changed.index("# %% step:change")] + changed[changed.index("# %% step:judge") :]

    compiled = compile_graph(small(tmp_path, changed)[0], folder)

    assert [path.name for path in compiled.written] == ["change.ipynb"]
    compiled = compile_graph(small(tmp_path, without)[0], folder)
    assert [path.name for path in compiled.removed] == ["change.ipynb"]
    assert mine.exists()


def test_the_cells_of_the_user_keep_their_text_ids_and_tags(tmp_path: Path) -> None:
    graph, folder = small(tmp_path)
    compile_graph(graph, folder)

    for step in graph.steps:
        written = {cell.id: cell for cell in read_notebook(folder / "steps" / f"{step.name}.ipynb").cells}
        for cell in step.cells:
            assert (written[cell.id].source, written[cell.id].tags) == (cell.source, cell.tags)


def test_no_file_names_a_path_of_this_machine(tmp_path: Path) -> None:
    graph, folder = small(tmp_path)
    compile_graph(graph, folder)

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if str(tmp_path) in path.read_text(encoding="utf-8")]


def test_a_notebook_with_errors_and_a_folder_of_somebody_else_are_refused(tmp_path: Path) -> None:
    graph, folder = small(tmp_path, "# %% step:one\nprint(never_defined)")
    with pytest.raises(CompileError, match=r"1 error and was not compiled:\nMN301 .*never_defined"):
        compile_graph(graph, folder)
    assert not folder.exists()
    graph, folder = small(tmp_path)
    folder.mkdir(parents=True)
    (folder / "pipeline.yaml").write_text("tasks: []\n", encoding="utf-8")

    with pytest.raises(CompileError, match=r"already holds pipeline.yaml"):
        compile_graph(graph, folder)

    assert [path.name for path in folder.iterdir()] == ["pipeline.yaml"]


TEXTS = [
    "plain",
    "042",
    "none",
    "True",
    "'quoted'",
    "both\"'",
    "{{n}}",
    "{% if %}",
    "a\nb\n",
    "100 %",
    "1e3",
    "[1]",
    " 1",
    "\\d",
]


def test_texts_that_yaml_python_or_jinja_would_read_otherwise_reach_the_kernel_unchanged(tmp_path: Path) -> None:
    names = {f"text_{number}": text for number, text in enumerate(TEXTS)} | {"path": "7", "_own": "none", "user": "é"}
    defaults = [*(f"{name} = ''" for name in names), "nested = {'a': ['x']}", "odd = {1: 'one'}", "pairs = [(1, 2)]"]
    project = Project(tmp_path, "\n".join(["# %% parameters", *defaults, "# %% step:one", "done = True"]))
    graph = graph_of(project.notebook)
    given = names | {"nested": {"b": ["true", "2"]}, "odd": {2: "two"}, "pairs": [(3, 4)]}
    compile_graph(graph, project.folder, given)

    project.build()

    arrived = project.variables("one")
    assert {name: arrived[name] for name in given} == given


def test_a_parameter_that_its_cell_has_already_used_cannot_be_given_to_a_build(tmp_path: Path) -> None:
    graph, folder = small(tmp_path, "# %% parameters\nn = 5\nm = n * 2\nk = 1\n# %% step:one\nn, m, k")

    compile_graph(graph, folder)

    assert [line.split(":")[0] for line in (folder / "env.yaml").read_text().splitlines()[1:]] == ["m", "k"]
    compile_graph(graph, folder, {"n": 5})
    assert "\nn = 5" not in read_notebook(folder / "steps" / "prelude.ipynb").cells[-2].source
    with pytest.raises(ParameterError, match="line 2"):
        compile_graph(graph, folder, {"n": 6})


# --- the settings file ------------------------------------------------------------------------------------------------


def test_the_settings_file_is_written_once_and_sets_nothing(tmp_path: Path) -> None:
    graph, folder = small(tmp_path)
    assert read_pipeline_settings(folder, graph) == ({}, {})
    compile_graph(graph, folder)
    assert read_pipeline_settings(folder, graph) == ({}, {})
    (folder / "settings.toml").write_text("# mine\n[parameters]\nn = 9\n", encoding="utf-8")

    compile_graph(graph, folder, read_pipeline_settings(folder, graph)[0])

    assert (folder / "settings.toml").read_text(encoding="utf-8").startswith("# mine")
    assert "n: 9" in (folder / "env.yaml").read_text(encoding="utf-8")


def test_settings_are_read_as_the_types_that_the_notebook_declares(tmp_path: Path) -> None:
    graph, folder = small(tmp_path)
    folder.mkdir(parents=True)
    text = (
        "[parameters]\nrate = 1\nwindow = [2, 4]\nsince = 2024-02-01\n"
        "[steps.make]\ntimeout_s = 60\n[steps.prelude]\ncache = false\n"
    )
    (folder / "settings.toml").write_text(text, encoding="utf-8")

    parameters, steps = read_pipeline_settings(folder, graph)

    assert parameters == {"rate": 1.0, "window": (2, 4), "since": graph.parameters[4].default.replace(month=2, day=1)}
    assert type(parameters["rate"]) is float
    assert steps == {"make": {"timeout_s": 60}, "prelude": {"cache": False}}
    assert read_steps(graph.notebook, steps).step("make").settings.timeout_s == 60


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[parameter]\nn = 1", r"`parameter` is no section. Did you mean `parameters`\?"),
        ("[parameters]\nrat = 1.0", r"`rat` \(from .*settings.toml\) is not a parameter.* Did you mean `rate`\?"),
        ("[parameters]\nn = 'many'", "`n` is of type int .*settings.toml gives it 'many'"),
        ("[parameters]\nn = 1.5", "`n` is of type int .*settings.toml gives it 1.5"),
        ("[steps.mak]\ntimeout_s = 1", r"settings.toml: `steps.mak`: .* Did you mean `make`\?"),
        ("[steps.make]\ntimeout = 1", r"toml: `steps.make`: `timeout` is not a setting. Did you mean `timeout_s`\?"),
        ("[steps.make]\ntimeout_s = 'long'", "settings.toml: `steps.make`: `timeout_s` must be of type number"),
        ("[steps]\nmake = 1", "`steps.make` must be a section"),
        ("parameters = 3", "`parameters` must be a section"),
        ("[parameters\n", "settings.toml cannot be read"),
    ],
)
def test_an_unknown_or_mistyped_key_is_refused_with_file_and_near_miss(tmp_path: Path, text: str, told: str) -> None:
    graph, folder = small(tmp_path)
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(text, encoding="utf-8")

    with pytest.raises((SettingsFileError, ParameterError), match=told):
        read_pipeline_settings(folder, graph)
