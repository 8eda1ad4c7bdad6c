"""What is heard of questions about files, of the environment, and of forked processes, without a kernel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from mlops_nb.handover import EVERY_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

# A cell, as far as anybody can tell from its name.
CELL = "<ipython-input-1-0123456789ab>"
WATCH = """
import json, os, sys
from pathlib import Path
from mlops_nb.handover.outside import Outside
from mlops_nb.handover.project_code import watch_imports

watch_imports()
outside = Outside()
space = vars(sys.modules["__main__"])
before = {before!r}
exec(compile(before, {cell!r}, "exec"), space)
outside.listen([os.getcwd()])
try:
    exec(compile({source!r}, {cell!r}, "exec"), space)
finally:
    outside.stop()
def told(sink):
    return sorted(os.path.relpath(path) for path in outside.seen(sink, ()))
print(json.dumps([told(outside.asked), told(outside.read), told(outside.written), sorted(outside.variables),
                  sorted(outside.unpickled), sorted(outside.done)]))
"""


class Seen:
    """What one cell was seen to do: files by their places below the folder."""

    def __init__(self, told: list[list[str]]) -> None:
        self.asked, self.read, self.written, self.variables, self.unpickled, self.done = told


def seen(folder: Path, source: str, before: str = "") -> Seen:
    script = WATCH.format(source=textwrap.dedent(source), before=textwrap.dedent(before), cell=CELL)
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr, ran.stderr
    return Seen(json.loads(ran.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "question",
    [
        "os.path.exists('a')",
        "os.path.lexists('a')",
        "os.path.isfile('a')",
        "os.path.isdir(b'a')",
        "os.path.islink(Path('a'))",
        "Path('a').exists()",
        "Path('a').is_file()",
        "Path('a').is_dir()",
        "Path('a').is_symlink()",
        "os.access('a', os.R_OK)",
        "os.access(path='a', mode=os.F_OK)",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_whether_a_file_is_there(tmp_path: Path, question: str, *, there: bool) -> None:
    if there:
        (tmp_path / "a").touch()
    found = seen(tmp_path, f"import os\nfrom pathlib import Path\n{question}")
    assert (found.asked, found.read, found.written) == (["a"], [], [])


@pytest.mark.parametrize(
    "question",
    ["os.stat('a').st_size", "os.lstat('a')", "os.path.getsize('a')", "os.path.getmtime('a')", "Path('a').stat()"],
)
def test_what_only_the_content_tells_is_read(tmp_path: Path, question: str) -> None:
    (tmp_path / "a").touch()
    found = seen(tmp_path, f"import os\nfrom pathlib import Path\nos.path.exists('a')\n{question}")
    assert (found.asked, found.read) == ([], ["a"])


@pytest.mark.parametrize(
    "act",
    [
        "os.makedirs('deep/er', exist_ok=True)",
        "Path('deep/er').mkdir(parents=True, exist_ok=True)",
        "Path('x').resolve()",
        "os.path.realpath('x')",
        "import colorsys",
        "import inspect, linecache; linecache.checkcache()",
        "os.path.exists(sys.prefix + '/nothing')",
        "os.path.exists('/proc/self/nothing')",
        "os.path.exists('nothing\\0')",
        "os.stat(0)",
        "os.fstat(0)",
    ],
)
def test_what_is_no_question_of_the_notebooks(tmp_path: Path, act: str) -> None:
    found = seen(tmp_path, f"import os, sys\nfrom pathlib import Path\ntry:\n    {act}\nexcept ValueError:\n    pass")
    assert (found.asked, found.read) == ([], [])


def test_what_is_opened_as_well_is_not_only_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    found = seen(tmp_path, "import os\nos.path.exists('a')\nopen('a').close()")
    assert (found.asked, found.read, found.written) == ([], ["a"], [])


def test_what_was_asked_for_before_it_was_written_is_asked_for(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        "import os\nopen('a', 'w').close()\nfor name in 'ab':\n    os.path.exists(name)\nopen('b', 'w').close()",
    )
    assert (found.asked, found.read, found.written) == (["b"], [], ["a", "b"])


def test_a_question_relative_to_an_open_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    found = seen(tmp_path, "import os\nf = os.open('deep', os.O_RDONLY)\nos.access('a', os.F_OK, dir_fd=f)")
    assert found.asked == ["deep/a"]


def test_of_very_many_paths_their_folders_are_told(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    found = seen(tmp_path, "import os\nfor n in range(3000):\n    os.path.exists(f'deep/{n}')")
    assert len(found.asked) == 1000
    assert found.read == ["deep"]


def test_a_library_asks_on_behalf_of_the_notebook(tmp_path: Path) -> None:
    found = seen(
        tmp_path, "import pandas as pd\ntry:\n    pd.DataFrame().to_csv('no/x.csv')\nexcept OSError:\n    pass"
    )
    assert found.asked == ["no"]


def test_variables_of_the_environment_by_computed_names(tmp_path: Path) -> None:
    source = """
        import os
        for name in ('ONE', 'TWO'):
            os.environ.get(name)
        'THREE' in os.environ
        os.getenv('FOUR', 'x')
        os.environ['SET'] = '1'
        os.environ.pop('SET')
        os.environ.setdefault('FIVE', '5')
        os.path.expandvars('$SIX/x')
        """
    assert seen(tmp_path, source).variables == ["FIVE", "FOUR", "ONE", "SET", "SIX", "THREE", "TWO"]
    assert seen(tmp_path, "import os\nos.environ['SET'] = '1'\ndel os.environ['SET']").variables == []
    # What a library looks up is the library's.
    assert seen(tmp_path, "import tempfile, os\ntempfile.gettempdir()\nos.path.expanduser('~/x')").variables == []


def test_times_and_rights_that_are_set_are_written(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).touch()
    found = seen(tmp_path, "import os\nos.utime('a')\nos.chmod('b', 0o600)\nos.chown('c', -1, -1)")
    assert (found.written, found.read) == (["a", "b", "c"], [])


def test_what_is_unpickled_by_a_name_of_the_notebook(tmp_path: Path) -> None:
    before = "import pickle\ndef f(): pass\ndata = pickle.dumps([f, len])"
    found = seen(tmp_path, "pickle.loads(data)", before)
    assert found.unpickled == ["f"]


FORKS = """
import os
def in_child(act):
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
class TestForked:
    def test_its_files_questions_and_variables(self, tmp_path: Path) -> None:
        (tmp_path / "in").touch()
        source = """
            def act():
                open('in').close()
                open('out', 'w').close()
                os.path.exists('no')
                os.environ.get('NAME')
            in_child(act)
            """
        found = seen(tmp_path, source, FORKS)
        assert (found.read, found.written, found.asked) == (["in"], ["out"], ["no"])
        assert (found.variables, found.done) == (["NAME"], [])

    def test_a_grandchild_and_one_that_is_killed(self, tmp_path: Path) -> None:
        source = """
            def act():
                in_child(lambda: open('deep', 'w').close())
                open('killed', 'w').close()
                os.kill(os.getpid(), 9)
            in_child(act)
            """
        assert seen(tmp_path, source, FORKS).written == ["deep", "killed"]

    def test_a_pool_and_what_it_made_and_took_away(self, tmp_path: Path) -> None:
        source = """
            import multiprocessing, os
            def act(n):
                with open(f'temporary-{n}', 'w'):
                    pass
                os.remove(f'temporary-{n}')
                with open(f'part-{n}', 'w'):
                    pass
            with multiprocessing.get_context('fork').Pool(2) as pool:
                pool.map(act, range(4))
            """
        assert seen(tmp_path, source).written == [f"part-{n}" for n in range(4)]

    def test_closed_numbers_that_have_become_the_users(self, tmp_path: Path) -> None:
        source = """
            os.open('mine', os.O_WRONLY | os.O_CREAT)
            in_child(lambda: None)
            os.closerange(3, 100)
            mine = [os.open(f'mine-{n}', os.O_WRONLY | os.O_CREAT) for n in range(20)]
            def act():
                open('out', 'w').close()
            in_child(act)
            """
        found = seen(tmp_path, source, FORKS)
        assert "out" in found.written or found.done
        assert [path.stat().st_size for path in tmp_path.glob("mine*")] == [0] * 21

    def test_the_same_file_many_times_is_told_once(self, tmp_path: Path) -> None:
        source = """
            def act():
                for _ in range(2000):
                    open('out', 'w').close()
            in_child(act)
            """
        assert seen(tmp_path, source, FORKS).written == ["out"]


def test_the_functions_that_ask_are_what_they_stand_for() -> None:
    script = """
        import inspect, os, pickle, types
        real = os.stat
        from mlops_nb.handover.asked import put_questions
        put_questions(); put_questions()
        ask = os.stat
        assert ask is not real and ask == real and real == ask and hash(ask) == hash(real)
        assert ask in os.supports_dir_fd and ask in os.supports_follow_symlinks and ask in os.supports_fd
        assert isinstance(ask, types.BuiltinFunctionType) and inspect.isbuiltin(ask) and callable(ask)
        assert pickle.loads(pickle.dumps(ask)) is ask
        assert inspect.signature(ask) == inspect.signature(real)
        assert (ask.__name__, ask.__doc__, repr(ask)) == (real.__name__, real.__doc__, repr(real))
        assert ask(".").st_ino == real(".").st_ino == ask(path=".", follow_symlinks=True).st_ino
        import unittest.mock
        with unittest.mock.patch("os.stat", return_value=5):
            assert os.stat("x") == 5
        assert os.stat is ask
        assert os.environ.encodekey("A") == b"A"
        """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_hidden_folders_and_compiled_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By the notebook's own hand, and not by a library for itself.
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    hidden = tmp_path / "home" / ".mine"
    hidden.mkdir(parents=True)
    (hidden / "rows.csv").write_text("x\n1\n")
    (hidden / "rows.joblib").touch()
    source = """
        import os, tempfile
        from pathlib import Path
        text = Path('~/.mine/rows.csv').expanduser().read_text()
        import pandas as pd
        with open(os.path.expanduser('~/.mine/rows.joblib')) as f:
            pass
        """
    assert seen(tmp_path, source).read == ["home/.mine/rows.csv", "home/.mine/rows.joblib"]
    shutil.copy(ctypes_test(), tmp_path / "own.so")
    assert seen(tmp_path, "import ctypes, os\nctypes.CDLL(os.path.abspath('own.so'))").read == ["own.so"]
    assert seen(tmp_path, "import ctypes\nctypes.CDLL('libc.so.6')").read == []


def ctypes_test() -> str:
    """Return a small compiled module that every Python has."""
    import _ctypes

    return str(_ctypes.__file__)


@pytest.mark.parametrize("how", ["exec(text)", "eval(text)", "import asks"])
def test_who_asks_is_the_notebook_also_behind_exec_and_when_its_module_is_imported(tmp_path: Path, how: str) -> None:
    (tmp_path / "asks.py").write_text("import os\nthere = os.path.exists('a'), os.environ.get('NAME')")
    text = "(os.path.exists('a'), os.environ.get('NAME'))"
    found = seen(tmp_path, f"import os, sys\nsys.path.insert(0, '')\ntext = {text!r}\n{how}")
    assert (found.asked, found.variables) == (["a"], ["NAME"])


def test_a_file_that_cannot_be_opened_is_no_answer_for_its_folder(tmp_path: Path) -> None:
    source = "import os\nos.path.isdir('no')\ntry:\n    open('no/x')\nexcept OSError:\n    pass"
    found = seen(tmp_path, source)
    assert (found.asked, found.read) == (["no"], ["no/x"])


def test_what_was_asked_for_before_it_came_and_went_is_asked_for(tmp_path: Path) -> None:
    source = "import os\nos.path.exists('stop')\nopen('stop', 'w').close()\nos.remove('stop')"
    found = seen(tmp_path, source)
    assert (found.asked, found.written) == (["stop"], [])


@pytest.mark.parametrize(
    "look",
    [
        "{**os.environ}",
        "dict(os.environ)",
        "os.environ.copy()",
        "[name for name in os.environ if name.startswith('APP_')]",
        "[name for name, value in os.environ.items() if value]",
        "list(os.environ.keys())",
        "'{HOME}'.format(**os.environ)",
    ],
)
def test_who_goes_through_the_environment_depends_on_all_of_it(tmp_path: Path, look: str) -> None:
    assert EVERY_VARIABLE in seen(tmp_path, f"import os\n{look}").variables


def test_a_template_looks_up_the_variables_that_it_names(tmp_path: Path) -> None:
    found = seen(tmp_path, "import os\nfrom string import Template\nTemplate('$MODE').safe_substitute(os.environ)")
    assert found.variables == ["MODE"]


def test_a_library_that_copies_the_environment_depends_on_none_of_it(tmp_path: Path) -> None:
    assert (
        seen(
            tmp_path, "import subprocess, sys\nimport requests\nrequests.utils.get_environ_proxies('http://x')"
        ).variables
        == []
    )


@pytest.mark.parametrize(
    "act",
    [
        "import tempfile\ntempfile.mktemp()",
        "import tempfile\nwith tempfile.NamedTemporaryFile(): pass",
        "import tempfile\nwith tempfile.TemporaryFile(): pass",
        "import shutil\nshutil.which('nothing')",
        "import requests\nrequests.utils.get_netrc_auth('http://x.org')",
    ],
)
def test_what_lies_elsewhere_and_is_not_asked_for_by_the_notebook_itself(tmp_path: Path, act: str) -> None:
    found = seen(tmp_path, act)
    assert (found.asked, found.read, found.written) == ([], [], [])


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    source = (
        "import os\nos.mkdir('x')\nos.chdir('x')\nos.rmdir('../x')\nassert not os.access('y', os.R_OK)\nos.chdir('..')"
    )
    assert seen(tmp_path, source).asked == []


def test_a_path_that_is_no_text_is_asked_for_its_text_once(tmp_path: Path) -> None:
    source = """
        import os
        class Path:
            times = 0
            def __fspath__(self):
                self.times += 1
                return f'a{self.times}'
        path = Path()
        os.access(path, os.R_OK)
        assert path.times == 1
        """
    assert seen(tmp_path, source).asked == ["a1"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_a_forked_process_with_threads_and_one_that_may_write_no_file(tmp_path: Path) -> None:
    source = """
        import resource, threading
        def act():
            def work(n):
                for m in range(100):
                    open(f'out-{n}-{m}', 'w').close()
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        in_child(act)
        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            open('limited', 'w').close()
            open('after', 'w').close()
        in_child(limited)
        assert os.path.exists('after')
        """
    assert len([path for path in seen(tmp_path, source, FORKS).written if path.startswith("out-")]) == 800


def test_processes_that_are_spawned_are_told(tmp_path: Path) -> None:
    source = """
        import multiprocessing
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            pool.map(abs, [1])
        """
    assert seen(tmp_path, source).done == ["starts processes of its own, and nobody sees what they read"]


@pytest.mark.parametrize(
    "looks",
    [
        "importlib.util.find_spec('zm' + 'od')",
        "importlib.import_module('zm' + 'od')",
        "__import__('zm' + 'od')",
        "exec('import zmod')",
        "import pkgutil; pkgutil.resolve_name('zm' + 'od:x')",
        "import asks",
    ],
)
def test_where_a_module_would_lie_that_nobody_finds(tmp_path: Path, looks: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "asks.py").write_text("import importlib\nimportlib.import_module('zm' + 'od')")
    source = f"""
        import importlib.util, sys
        sys.path[:0] = ['', 'lib']
        try:
            {looks}
        except ImportError:
            pass
        """
    assert seen(tmp_path, source).asked == ["lib/zmod", "lib/zmod.py", "zmod", "zmod.py"]


def test_where_a_module_lies_that_is_only_looked_for(tmp_path: Path) -> None:
    (tmp_path / "zmod.py").touch()
    source = "import importlib.util, sys\nsys.path.insert(0, '')\nimportlib.util.find_spec('zm' + 'od')"
    assert seen(tmp_path, source).asked == ["zmod.py"]
    assert seen(tmp_path, source.replace("util.find_spec", "import_module")).asked == []
    (tmp_path / "folder").mkdir()
    assert seen(tmp_path, source.replace("'zm' + 'od'", "'folder'")).asked == ["folder"]


def test_where_a_module_of_a_package_would_lie(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    source = "import importlib.util, sys\nsys.path.insert(0, '')\nimportlib.util.find_spec('models.' + 'tree')"
    assert seen(tmp_path, source).asked == ["models/tree", "models/tree.py"]
    (tmp_path / "models" / "__init__.py").touch()
    assert seen(tmp_path, source).asked == ["models/tree", "models/tree.py"]


def test_what_a_library_looks_for_is_the_librarys(tmp_path: Path) -> None:
    source = "import sys\nsys.path.insert(0, '')\nimport pandas as pd\npd.DataFrame({'a': [1]}).describe()"
    assert seen(tmp_path, source).asked == []


SUM = "def size(entry):\n    return entry.stat().st_size"


@pytest.mark.parametrize(
    "lists",
    [
        "sum(e.stat().st_size for e in os.scandir('data'))",
        "sum(size(e) for e in os.scandir('data'))",
        "def entries():\n    return list(os.scandir('data'))\nsum([e.stat().st_size for e in entries()])",
        "os.chdir('data')\nwith os.scandir() as found:\n    sizes = [e.stat() for e in found]\nos.chdir('..')",
        "import asks; asks.total('data')",
    ],
)
def test_sizes_that_a_listing_tells_are_read(tmp_path: Path, lists: str) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "x").touch()
    (tmp_path / "asks.py").write_text(
        "import os\ndef total(folder):\n    return max(os.scandir(folder), key=lambda e: e.stat().st_mtime)"
    )
    found = seen(tmp_path, f"import os, sys\nsys.path.insert(0, '')\n{SUM}\n{lists}")
    assert (found.read, found.asked) == (["data", "data/x"], [])


@pytest.mark.parametrize(
    "lists",
    [
        "names = [e.name for e in os.scandir('data')]",
        "names = list(os.walk('data')), os.stat('other')",
        "import glob; names = glob.glob('data/*'), os.stat('other')",
    ],
)
def test_a_listing_of_which_no_sizes_are_asked(tmp_path: Path, lists: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").touch()
    (tmp_path / "other").touch()
    assert "data/x" not in seen(tmp_path, f"import os\n{lists}").read


def test_the_folder_that_the_step_is_in_is_read_when_it_is_listed(tmp_path: Path) -> None:
    assert seen(tmp_path, "import os\nos.listdir()").read == ["."]
