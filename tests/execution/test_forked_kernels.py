"""A forked kernel is a kernel: as isolated, interruptible and mortal as a started one, and it looks like one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.execution.kernels.templates import KernelRequest, NoTemplate, Templates
from mlops_nb.lifecycle import run
from tests.execution.forked_kernels import gone, shell, soon
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_nb.execution import RunEvent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")

HEAVY = ("pandas", "sklearn.ensemble", "sklearn.linear_model", "matplotlib.pyplot")
PARENT = "import os\nprint(os.getppid())"
BOOSTING = """\
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
X = np.random.default_rng(0).normal(size=(20_000, 20))
y = X[:, 0] + X[:, 1] > 0
print(HistGradientBoostingClassifier(max_iter=20).fit(X, y).score(X, y) > 0.9)
"""
# What a kernel is, as far as a notebook can see it.
FACTS = """\
import json, os, signal, sys, threading, warnings
print(json.dumps({
    "modules": sorted(sys.modules),
    "filters": [repr(item) for item in warnings.filters],
    "environ": {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "PYDEVD_"))},
    "path": sys.path,
    "argv": [sys.argv[0], *(word for word in sys.argv[1:] if "/" not in word)],
    "orig_argv": [word for word in sys.orig_argv if "kernel.json" not in word],
    "main": sys.modules["__main__"].__dict__ is globals(),
    "signals": {str(number): repr(signal.getsignal(number)) for number in signal.valid_signals()},
    "blocked": [repr(item) for item in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "threads": len(threading.enumerate()),
    "leads": [os.getpid() == os.getpgrp(), os.getpid() == os.getsid(0)],
    "input": sys.stdin.read(),
    "umask": os.umask(os.umask(0o22)),
    "recursion": sys.getrecursionlimit(),
}))
"""


@pytest.fixture
def own_templates(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder for templates of this test alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("t")))
    yield Path(os.environ["XDG_RUNTIME_DIR"], "mlops_nb")
    Templates().end()


# --- it looks like a kernel that was just started ---------------------------------------------------------------------


# Compiled code imports without asking `__import__`, and pyarrow imports cloudpickle, which our own code brings too.
@pytest.mark.usefixtures("own_templates")
@pytest.mark.parametrize("first", [(), ("sklearn.ensemble", "pyarrow.parquet"), ("pandas",)])
def test_a_notebook_cannot_tell_a_forked_kernel_from_a_cold_one(tmp_path: Path, first: tuple[str, ...]) -> None:
    with shell(tmp_path, *first) as kernel:
        assert kernel.live.forked
    for before in ("", "import numpy", "import pandas", "import pyarrow", "import sklearn.svm, matplotlib.pyplot"):
        with shell(tmp_path, isolation="cold") as kernel:
            assert not kernel.live.forked
            cold = kernel.told(before, FACTS)
        with shell(tmp_path, *HEAVY) as kernel:
            assert kernel.live.forked
            fork = kernel.told(before, FACTS)

        tops = {"pandas", "numpy", "sklearn", "scipy", "matplotlib", "joblib", "mlops_nb", "pyarrow", "cloudpickle"}
        for facts in (cold, fork):
            facts["modules"] = [name for name in facts["modules"] if name.partition(".")[0] in tops]
        assert fork == cold, before
        if "matplotlib" in before:
            assert {"sklearn.svm", "matplotlib.pyplot"} <= set(fork["modules"])


def test_an_import_of_the_template_acts_as_if_it_happened_in_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "needed.py").write_text("value = 1\n")
    (tmp_path / "loud.py").write_text(
        "import os, sys, warnings\nimport needed\n"
        "warnings.filterwarnings('ignore', message='mine')\nos.environ.setdefault('LOUD', 'yes')\n"
        "warnings.warn('take care', UserWarning)\nprint('hello')\nout = sys.stdout\n"
    )
    program = f"""
import io, os, sys, warnings
sys.path.insert(0, {str(tmp_path)!r})
from mlops_nb.execution.kernels.template_finder import BringsBack
from mlops_nb.execution.kernels.template_modules import Known
known = Known()
said = sys.stdout
known.load(["loud", "not_there"])
assert "loud" not in sys.modules and "needed" not in sys.modules and "LOUD" not in os.environ
assert "LOUD" in known.variables
finder = BringsBack(known)
sys.meta_path.insert(0, finder)
heard = io.StringIO()
sys.stdout = heard
with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    import loud
    assert [str(item.message) for item in given] == ["take care"], given
    assert any("mine" in repr(item) for item in warnings.filters)
loud.out.write("there")
sys.stdout = said
assert heard.getvalue() == "hello\\nthere", heard.getvalue()
assert os.environ["LOUD"] == "yes" and sys.modules["needed"].value == 1
assert type(loud.__spec__.loader).__name__ == "SourceFileLoader", loud.__spec__
import importlib
importlib.reload(loud)
print("all")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["all"], done.stderr


def test_a_lazily_imported_module_counts_as_imported_only_once_it_is_used(tmp_path: Path) -> None:
    """Who carries the stream of `numpy.random` looks for it in `sys.modules`."""
    code = """
import json, sys
import numpy as np
before = "numpy.random" in sys.modules
np.random.seed(3)
print(json.dumps([before, "numpy.random" in sys.modules]))
"""
    with shell(tmp_path / "cold", isolation="cold") as cold:
        expected = cold.told(code)
    with shell(tmp_path / "fork", "sklearn.linear_model") as fork:
        assert fork.told(code) == expected
    assert expected[1] is True


def test_a_module_of_a_package_is_there_only_once_it_is_imported(tmp_path: Path) -> None:
    """`from package import module` imports nothing when the package has a name for it."""
    code = """
import json, sys
import sklearn.experimental
told = [hasattr(sklearn.experimental, "enable_halving_search_cv")]
from sklearn.experimental import enable_halving_search_cv
from sklearn.model_selection import HalvingRandomSearchCV
told.append(HalvingRandomSearchCV.__module__ in sys.modules)
told.append(enable_halving_search_cv is sys.modules["sklearn.experimental.enable_halving_search_cv"])
print(json.dumps(told))"""
    with shell(tmp_path / "cold", isolation="cold") as cold:
        expected = cold.told(code)
    with shell(tmp_path / "fork", "sklearn.experimental.enable_halving_search_cv") as fork:
        assert fork.told(code) == expected
    assert expected == [False, True, True]


def test_a_module_beside_the_notebook_wins_over_a_package_of_that_name(tmp_path: Path) -> None:
    with shell(tmp_path / "plain", *HEAVY) as kernel:
        assert kernel.live.forked
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "pandas.py").write_text("here = True\n")
    with shell(tmp_path / "shadow", *HEAVY) as kernel:
        assert not kernel.live.forked
        assert "pandas.py" in kernel.live.why_cold
        assert kernel.text("import pandas\nprint(pandas.here)") == "True"


def test_a_module_on_a_path_set_by_the_notebook_wins_too(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "pandas.py").write_text("here = True\n")
    with shell(tmp_path, *HEAVY) as kernel:
        assert kernel.live.forked
        assert kernel.text("import sys\nsys.path.insert(0, 'src')\nimport pandas\nprint(pandas.here)") == "True"


def test_a_variable_that_a_package_reads_when_it_is_imported_has_its_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = "import sklearn\nprint(sklearn.get_config()['assume_finite'])"
    with shell(tmp_path, *HEAVY) as kernel:
        assert kernel.text(ask) == "False"
    monkeypatch.setenv("SKLEARN_ASSUME_FINITE", "1")
    with shell(tmp_path, *HEAVY) as kernel:
        assert kernel.live.forked
        assert kernel.text(ask) == "True"


def test_each_kernel_has_the_environment_and_folder_of_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = "import os, json\nprint(json.dumps([os.getcwd(), os.environ.get('OF_A'), os.environ.get('OF_B')]))"
    monkeypatch.setenv("OF_A", "1")
    with shell(tmp_path / "a") as kernel:
        first, parent = kernel.told(ask), kernel.text(PARENT)
    monkeypatch.delenv("OF_A")
    monkeypatch.setenv("OF_B", "2")
    with shell(tmp_path / "b") as kernel:
        second = kernel.told(ask)
        assert kernel.text(PARENT) == parent
    assert first == [str(tmp_path / "a"), "1", None]
    assert second == [str(tmp_path / "b"), None, "2"]


def test_a_signal_that_is_ignored_stays_so_as_under_nohup(tmp_path: Path) -> None:
    ask = "import json, signal\nprint(json.dumps([n for n in range(1, 32) if signal.getsignal(n) == signal.SIG_IGN]))"
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        with shell(tmp_path, isolation="cold") as kernel:
            cold = kernel.told(ask)
        with shell(tmp_path) as kernel:
            assert kernel.live.forked
            assert kernel.told(ask) == cold
            assert signal.SIGQUIT in cold
    finally:
        signal.signal(signal.SIGQUIT, before)


def test_random_numbers_differ_from_kernel_to_kernel(tmp_path: Path) -> None:
    ask = "import json, random, numpy\nprint(json.dumps([random.random(), numpy.random.rand(), hash('a')]))"
    drawn = []
    for _ in range(2):
        with shell(tmp_path, *HEAVY) as kernel:
            assert kernel.live.forked
            drawn.append(kernel.told(ask))
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]
    # The order of sets of strings, however, is the same in every kernel.
    assert drawn[0][2] == drawn[1][2]


def test_what_a_kernel_does_is_unseen_by_the_next(tmp_path: Path) -> None:
    with shell(tmp_path, *HEAVY) as kernel:
        kernel.run(
            "import pandas, os, warnings\npandas.mine = 1\nos.environ['MINE'] = '1'\npandas.DataFrame.head = None"
        )
    with shell(tmp_path, *HEAVY) as kernel:
        ask = "import pandas, os\nprint(hasattr(pandas, 'mine'), 'MINE' in os.environ, pandas.DataFrame.head is None)"
        assert kernel.text(ask) == "False False False"


# --- everything runs in it --------------------------------------------------------------------------------------------


def test_parallel_regions_do_not_hang_in_any_of_several_kernels(tmp_path: Path) -> None:
    # One parallel region in the template, and the second kernel would wait for ever.
    def one(_: int) -> str:
        with shell(tmp_path, *HEAVY) as kernel:
            return str(kernel.live.forked) + kernel.text(BOOSTING)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(4))) == ["TrueTrue"] * 4


RUNS = {
    "joblib": (
        "from joblib import Parallel, delayed\nprint(Parallel(n_jobs=2)(delayed(abs)(-n) for n in range(3)))",
        "[0, 1, 2]",
    ),
    "a pool": ("import multiprocessing as m\nwith m.Pool(2) as pool:\n    print(pool.map(abs, [-1, 2]))", "[1, 2]"),
    "spawn": (
        "import multiprocessing as m\nwith m.get_context('spawn').Pool(1) as pool:\n    print(pool.map(abs, [-1]))",
        "[1]",
    ),
    "a program": (
        "import subprocess\nprint(subprocess.run(['echo', 'x'], capture_output=True).stdout)",
        "b'x\\n'",
    ),
    "shell": ("!echo shell", "shell"),
    "its standard output": ("import os, time\nos.system('echo raw')\ntime.sleep(0.5)", "raw"),
    "await": ("import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')", "awaited"),
    "a thread": ("import threading\nt = threading.Thread(target=print, args=('in it',))\nt.start()\nt.join()", "in it"),
    "a forest": (
        "import sklearn.ensemble as e\nprint(e.RandomForestRegressor(4, n_jobs=2).fit([[0], [1]], [0, 1]).n_outputs_)",
        "1",
    ),
    "BLAS": (
        "import numpy\na = numpy.ones((500, 500))\nprint((a @ a)[0, 0], numpy.linalg.svd(a)[1][0].round())",
        "500.0 500.0",
    ),
    "Parquet": (
        "import pandas\npandas.DataFrame({'a': [1]}).to_parquet('p')\nprint(len(pandas.read_parquet('p')))",
        "1",
    ),
    "pickle": (
        "import pickle, pandas\nprint(len(pickle.loads(pickle.dumps(pandas.DataFrame({'a': [1]})))))",
        "1",
    ),
    "both streams": ("print(f'{1:>5}')\nimport sys\nprint('error', file=sys.stderr)", "1\nerror"),
}


@pytest.mark.parametrize("what", RUNS)
def test_it_runs_in_a_forked_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    # ipykernel captures no output of other programs where it sees this.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    source, printed = RUNS[what]
    with shell(tmp_path, *HEAVY) as kernel:
        assert kernel.live.forked
        assert kernel.text(source) == printed


def test_a_figure_is_drawn_into_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MPLBACKEND")
    with shell(tmp_path, *HEAVY) as kernel:
        assert kernel.live.forked
        outputs = kernel.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert [sorted(output["data"]) for output in outputs if "data" in output] == [["image/png", "text/plain"]]


@pytest.mark.parametrize("how", ["os.chdir('other')", "os.environ['MATPLOTLIBRC'] = os.path.abspath('other')"])
def test_settings_of_matplotlib_are_those_of_the_file_that_the_kernel_finds(tmp_path: Path, how: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "matplotlibrc").write_text("lines.linewidth: 4\nbackend: svg\ninteractive: True\n")
    tell = (
        "import json, matplotlib\nfrom matplotlib import rcParams, rcParamsOrig\n"
        "print(json.dumps([[str(s[key]) for key in sorted(s)] for s in (rcParams, rcParamsOrig)]))"
    )
    for before in ("", "import matplotlib.pyplot", "import pandas.plotting"):
        with shell(tmp_path, isolation="cold") as kernel:
            cold = kernel.told(f"import os\n{how}", before, tell)
        with shell(tmp_path, *HEAVY) as kernel:
            assert kernel.live.forked
            assert kernel.told(f"import os\n{how}", before, tell) == cold


def test_many_kernels_share_a_folder_and_a_template(tmp_path: Path) -> None:
    def one(number: int) -> list[Any]:
        with shell(tmp_path) as kernel:
            found: list[Any] = kernel.told(f"import json, os\nprint(json.dumps([os.getppid(), os.getpid(), {number}]))")
            return found

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(one, range(8)))
    assert [number for _, _, number in told] == list(range(8))
    assert len({parent for parent, _, _ in told}) == 1
    assert len({pid for _, pid, _ in told}) == 8


# --- it is interrupted, and it ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "busy", ["while True:\n    pass", "import time\ntime.sleep(60)", "await __import__('asyncio').sleep(3)"]
)
def test_an_interrupt_ends_a_busy_cell_and_not_the_kernel(tmp_path: Path, busy: str) -> None:
    with shell(tmp_path) as kernel:
        assert kernel.live.forked
        began = threading.Event()

        def interrupt() -> None:
            began.wait()
            time.sleep(0.5)
            kernel.live.interrupt()

        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        outputs = kernel.run("kept = 7", busy, on_cell=lambda _, cell: began.set() if cell == "c2" else None)
        interrupter.join()
        assert outputs[-1].get("ename") in {"KeyboardInterrupt", "CancelledError"}
        assert kernel.text("print(kept)") == "7"


def test_a_killed_kernel_is_noticed(tmp_path: Path) -> None:
    with shell(tmp_path) as kernel:
        started = time.monotonic()
        kernel.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
        assert time.monotonic() - started < 10
        assert kernel.ending is not None
        assert kernel.ending.crashed == "its kernel died"
        assert kernel.ending.fork_died


def test_a_cell_that_exits_runs_exit_handlers_and_does_not_wait(tmp_path: Path) -> None:
    with shell(tmp_path, *HEAVY) as kernel:
        pid = kernel.live.pid
        kernel.run("import atexit, pathlib\natexit.register(pathlib.Path('left').touch)\nexit()")
        started = time.monotonic()
        assert soon(lambda: gone(pid))
        assert time.monotonic() - started < 5
        assert kernel.ending is not None
        assert not kernel.ending.fork_died
    assert (tmp_path / "left").exists()


def test_the_kernel_and_its_processes_are_gone_after_the_block(tmp_path: Path) -> None:
    with shell(tmp_path) as kernel:
        child = int(kernel.text("import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)"))
        pid = kernel.live.pid
        assert not gone(pid)
        assert not gone(child)
    assert soon(lambda: gone(pid) and gone(child), 5)


@pytest.mark.usefixtures("own_templates")
def test_kernels_die_with_their_template(tmp_path: Path) -> None:
    with shell(tmp_path) as kernel:
        template = int(kernel.text(PARENT))
        os.kill(template, signal.SIGKILL)
        assert soon(lambda: gone(kernel.live.pid), 5)
        kernel.run("1")
        assert kernel.ending is not None
        assert kernel.ending.crashed
    with shell(tmp_path) as kernel:
        assert kernel.live.forked
        assert int(kernel.text(PARENT)) != template


ORPHAN = """
import sys
from pathlib import Path
from tests.execution.forked_kernels import shell
with shell(Path(sys.argv[1])) as kernel:
    ask = "import os, subprocess\\nprint(os.getppid(), os.getpid(), subprocess.Popen(['sleep', '600']).pid)"
    print(kernel.text(ask))
    sys.stdout.flush()
    sys.stdin.read()
"""


def _requester(folder: Path) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-W", "ignore", "-c", ORPHAN, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)


def test_a_kernel_and_its_processes_do_not_outlive_a_killed_requester(tmp_path: Path) -> None:
    with _requester(tmp_path) as requester:
        assert requester.stdout is not None
        template, kernel, child = map(int, requester.stdout.readline().split())
        requester.kill()
    assert soon(lambda: gone(kernel) and gone(child), 5)
    assert not gone(template)


# --- templates --------------------------------------------------------------------------------------------------------


def test_two_processes_at_once_start_one_template(tmp_path: Path, own_templates: Path) -> None:
    requesters = [_requester(tmp_path / name) for name in ("a", "b")]
    try:
        told = [requester.stdout.readline().split() for requester in requesters if requester.stdout is not None]
    finally:
        for requester in requesters:
            requester.communicate()
    assert told[0][0] == told[1][0]
    assert told[0][1] != told[1][1]
    assert len(list(own_templates.glob("*.s"))) == 1


@pytest.mark.usefixtures("own_templates")
@pytest.mark.parametrize("change", ["a package", "a checkout"])
def test_a_template_is_replaced_when_what_is_installed_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    custom = tmp_path / "sitecustomize.py"
    custom.write_text(f"import sys\nsys.path.append({str(packages)!r})\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]))

    def parent() -> int:
        with shell(tmp_path) as kernel:
            assert kernel.live.forked
            return int(kernel.text(PARENT))

    first = parent()
    assert parent() == first
    if change == "a package":
        (packages / "thing-1.0.dist-info").mkdir()
    else:
        custom.write_text(custom.read_text() + "edited = True\n")
    assert parent() != first
    assert soon(lambda: gone(first))


def _request(folder: Path) -> KernelRequest:
    return KernelRequest(("launcher", "--version"), (sys.executable,), str(folder), dict(os.environ))


def test_an_unused_template_ends(tmp_path: Path, own_templates: Path) -> None:
    templates = Templates(idle_s=0.5)
    connection = templates.fork(_request(tmp_path))
    template = int(Path(f"/proc/{connection.pid}/stat").read_text().rpartition(")")[2].split()[1])
    time.sleep(1)
    assert not gone(template), "it ended under a kernel"
    connection.control.close()
    assert soon(lambda: gone(template))
    assert not list(own_templates.glob("*.s"))


def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path, own_templates: Path) -> None:
    own_templates.mkdir(mode=0o700)
    own_templates.chmod(0o755)
    with pytest.raises(NoTemplate, match="others"):
        Templates().fork(_request(tmp_path))
    with shell(tmp_path) as kernel:
        assert not kernel.live.forked
        assert "others" in kernel.live.notice
        assert kernel.text("print(1)") == "1"
    own_templates.chmod(0o700)


# --- where there is no fork -------------------------------------------------------------------------------------------


def test_a_kernel_of_another_command_is_started_cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "kernels" / "other"
    spec.mkdir(parents=True)
    argv = [
        sys.executable,
        "-c",
        "from ipykernel import kernelapp as a; a.launch_new_instance()",
        "-f",
        "{connection_file}",
    ]
    spec.joinpath("kernel.json").write_text(json.dumps({"argv": argv, "display_name": "other", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with shell(tmp_path, name="other") as kernel:
        assert not kernel.live.forked
        assert "not this environment's" in kernel.live.why_cold
        assert not kernel.live.notice
        assert kernel.text("print(1)") == "1"


FORKED = "'BringsBack' in {type(finder).__name__ for finder in __import__('sys').meta_path}"


@pytest.mark.parametrize("isolation", ["fork", "cold"])
def test_a_run_uses_the_kernels_it_is_told_to_and_records_them(tmp_path: Path, isolation: str) -> None:
    notebook = write(tmp_path / "project" / "n.ipynb", [("step:a", f"forked = {FORKED}\nprint(forked)")])
    record = run(notebook, isolation=isolation).result.record
    assert record.environment["execution"]["isolation"] == isolation
    (step,) = [step for step in record.steps if step.step == "a"]
    assert step.outcome["kernel"]["isolation"] == isolation
    assert str(isolation == "fork") in Path(step.notebook).read_text()


def test_what_follows_a_step_is_cached_whichever_kernel_the_step_ran_in(tmp_path: Path) -> None:
    cells = [
        ("parameters", "rows = 3"),
        # Both packages and their parts put warning filters in front of those that are there.
        ("imports", "import matplotlib.pyplot as plt\nimport numpy as np\nfrom sklearn.linear_model import Ridge"),
        ("step:a", "import warnings\n\nfilters = [str(each) for each in warnings.filters]"),
        ("step:b", "print(rows, len(filters))"),
    ]
    notebook = write(tmp_path / "project" / "n.ipynb", cells)
    run(notebook, isolation="fork")
    record = run(notebook, [("test", {"rows": 4})], isolation="cold").result.record
    assert {step.step: step.status for step in record.steps} == {
        "prelude": "succeeded",
        "a": "cached",
        "b": "succeeded",
    }


def test_a_step_whose_fork_dies_is_tried_once_more_in_a_cold_kernel_and_that_is_told(tmp_path: Path) -> None:
    heard: list[RunEvent] = []
    dies = f"import os, signal\nif {FORKED}:\n    os.kill(os.getpid(), signal.SIGSEGV)\nanswer = 42"
    notebook = write(tmp_path / "project" / "n.ipynb", [("step:a", dies), ("step:b", "print(answer)")])
    result = run(notebook, listen=heard.append).result
    assert result.status == "succeeded"
    kernels = {step.step: step.outcome["kernel"] for step in result.record.steps}
    assert kernels["a"]["isolation"] == "cold"
    assert "signal" in kernels["a"]["because"]
    assert kernels["b"]["isolation"] == "fork"
    assert ["cold" in event.text for event in heard if event.kind == "notice"] == [True]


def test_a_step_that_dies_in_any_kernel_fails(tmp_path: Path) -> None:
    dies = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    result = run(write(tmp_path / "project" / "n.ipynb", [("step:a", dies)])).result
    (step,) = [step for step in result.record.steps if step.step == "a"]
    assert (result.status, step.status) == ("failed", "failed")
    assert "its kernel died" in step.reason


def test_steps_that_run_at_the_same_time_share_the_cores(tmp_path: Path) -> None:
    ask = "{0} = os.environ.get('OMP_NUM_THREADS')"
    cells = [
        ("imports", "import os"),
        ("step:a", ask.format("a")),
        ("step:b", ask.format("b")),
        ("step:c", "print(a, b)"),
    ]
    notebook = write(tmp_path / "project" / "n.ipynb", cells)
    chain = run(notebook, workers=2).result.record
    assert chain.environment["execution"] | {"threads": None, "at_once": 1} == chain.environment["execution"]
    parallel = run(notebook, workers=2, fresh=True).result.record
    told = parallel.environment["execution"]
    assert (told["at_once"], told["threads"]) == (2, max(1, len(os.sched_getaffinity(0)) // 2))
    (last,) = [step for step in parallel.steps if step.step == "c"]
    assert f"{told['threads']} {told['threads']}" in Path(last.notebook).read_text()


def test_a_name_of_a_package_that_is_one_of_its_modules_too_stays_what_the_package_made_it(tmp_path: Path) -> None:
    tell = "told = [type(unittest.main).__name__, type(pyparsing.common).__name__, callable(unittest.main)]"
    notebook = write(
        tmp_path / "n.ipynb",
        [
            ("imports", "import json\nimport unittest\nfrom pathlib import Path\nimport pyparsing"),
            ("step:a", tell),
            ("step:b", f"{tell}\nPath('told.json').write_text(json.dumps(told))"),
        ],
    )
    assert run(notebook, isolation="fork").result.status == "succeeded"
    assert json.loads((tmp_path / "told.json").read_text()) == ["type", "type", True]


def test_what_a_package_imports_when_it_is_asked_is_imported_in_the_kernel_that_asks(tmp_path: Path) -> None:
    notebook = write(
        tmp_path / "n.ipynb",
        [
            (
                "imports",
                "import json\nimport sys\nfrom concurrent.futures import ThreadPoolExecutor\nfrom pathlib import Path",
            ),
            ("step:a", "with ThreadPoolExecutor() as pool:\n    found = list(pool.map(abs, [-1, 2]))"),
            (
                "step:b",
                "told = [found, sys.modules['concurrent.futures.thread'].ThreadPoolExecutor is ThreadPoolExecutor]",
            ),
            ("step:c", "Path('told.json').write_text(json.dumps(told))"),
        ],
    )
    told: list[RunEvent] = []
    assert run(notebook, isolation="fork", listen=told.append).result.status == "succeeded"
    assert json.loads((tmp_path / "told.json").read_text()) == [[1, 2], True]
    assert not [event.text for event in told if "MN305" in event.text]
