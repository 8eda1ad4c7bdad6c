"""A verification tells a pipeline that computes what its notebook computes from one that does not, and names where."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.execution import Watch, kernel_session
from mlops_nb.execution.verifying.contents import Contents, compare_contents
from mlops_nb.execution.verifying.copies import changed_files, copy_project
from mlops_nb.execution.verifying.outputs import compare_outputs, parts_of
from mlops_nb.execution.verifying.verification import Verdict
from mlops_nb.execution.verifying.witnesses import VerificationStopped
from mlops_nb.lifecycle import run, verify
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mlops_nb.execution import Ending, Limits, Session
    from mlops_nb.execution.verifying.verification import Verification

CELLS = [
    ("imports", "import random\nimport numpy as np"),
    ("step:draw", "drawn = np.random.rand(3)\nalso = drawn\nprint(drawn, object())"),
    ("step:pick", "picked = random.random()\nnp.set_printoptions(precision=2)"),
    ("step:show", "last = np.random.rand(2)\nprint(drawn, picked)\nlast"),
]


def snapshot(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def told(found: Verification) -> set[tuple[str, str]]:
    return {(item.what, item.name) for item in found.differences}


def forgetting(forgets: Callable[[dict[str, Any]], None]) -> Any:
    """Return an `OpenSession` with real kernels that loses something of the state before a step: a broken pipeline."""

    @contextmanager
    def opened(kernel_name: str, cwd: Path, watch: Watch) -> Iterator[Session]:
        with kernel_session(kernel_name, cwd, watch) as session:
            yield _Forgetting(session, forgets)

    return opened


class _Forgetting:
    def __init__(self, session: Session, forgets: Callable[[dict[str, Any]], None]) -> None:
        self.session, self.forgets = session, forgets

    def run(
        self, place: Path, parameters: Mapping[str, Any], limits: Limits, on_cell: Callable[[str, str], None]
    ) -> Ending:
        document = json.loads(place.read_text(encoding="utf-8"))
        for cell in document["cells"]:
            if cell["id"] == "mlops-nb-begin":
                self.forgets(cell)
        place.write_text(json.dumps(document), encoding="utf-8")
        return self.session.run(place, parameters, limits, on_cell)

    def let_end(self) -> None:
        self.session.let_end()


def test_a_notebook_and_its_pipeline_are_equal_and_nothing_of_the_persons_is_touched(tmp_path: Path) -> None:
    notebook = write(tmp_path / "project" / "draws.ipynb", [*CELLS, ("", "open('made.txt', 'w').write('x')")])
    run(notebook)
    before = snapshot(tmp_path)
    phases: list[str] = []

    found = verify(notebook, listen=phases.append)

    assert (found.verdict, found.differences, found.unstable) == (Verdict.IDENTICAL, (), ())
    assert found.compared == {"variables": 6, "outputs": 4, "figures": 0}
    assert phases == ["whole", "again", "chain", "parallel"]
    assert snapshot(tmp_path) == before


def test_the_first_cell_and_variable_that_differ_are_named(tmp_path: Path) -> None:
    def ambient_state(begin: dict[str, Any]) -> None:
        # Options and random streams are as in a fresh kernel, whatever the step before left.
        begin["source"] += (
            "\nimport sys as _sys, random as _random\n_random.seed(1)\n"
            "if 'numpy' in _sys.modules:\n"
            "    _sys.modules['numpy'].random.seed(1)\n    _sys.modules['numpy'].set_printoptions(precision=8)\n"
            "del _sys, _random"
        )

    found = verify(write(tmp_path / "draws.ipynb", CELLS), open_session=forgetting(ambient_state))

    assert (found.verdict, found.exit_code) == (Verdict.DIFFERENT, 1)
    assert {("variable", "picked"), ("variable", "last"), ("output", "stdout")} <= told(found)
    first = next(item for item in found.differences if item.what == "variable" and item.name == "picked")
    assert (first.step, first.cell, first.cell_number, first.run) == ("pick", "c3", 3, "chain")
    assert {item.step for item in found.differences if item.name == "last"} == {"show"}
    assert json.loads(json.dumps(found.as_dict()))["verdict"] == "different"


def test_a_notebook_that_differs_from_itself_is_not_blamed_on_the_pipeline(tmp_path: Path) -> None:
    cells = [
        ("step:draw", "import os, time\nnoise = os.urandom(8)\nnow = time.time()\nfixed = 7"),
        ("step:show", "print('fixed', fixed)\nprint('now', now)\nlater = (now, fixed)"),
    ]
    found = verify(write(tmp_path / "clock.ipynb", cells))
    assert found.verdict is Verdict.IDENTICAL
    assert {(item.what, item.name) for item in found.unstable} == {
        ("variable", "noise"),
        ("variable", "now"),
        ("variable", "later"),
        ("output", "stdout"),
    }


def test_a_cell_that_raises_makes_the_notebook_broken_in_itself(tmp_path: Path) -> None:
    found = verify(write(tmp_path / "broken.ipynb", [("step:a", "x = 1"), ("step:b", "x / 0")]))
    assert (found.verdict, found.exit_code) == (Verdict.BROKEN, 1)
    assert found.reason == "cell 2 raises ZeroDivisionError: division by zero"


def test_a_notebook_that_diagnostics_refuse_is_refused_before_anything_runs(tmp_path: Path) -> None:
    phases: list[str] = []
    found = verify(write(tmp_path / "typo.ipynb", [("step:a", "x = y")]), listen=phases.append)
    assert (found.verdict, found.exit_code, phases) == (Verdict.REFUSED, 2, [])
    assert found.reason.startswith("MN301")


def test_a_verification_that_is_stopped_says_so(tmp_path: Path) -> None:
    watch = Watch()
    watch.cancel("enough")
    with pytest.raises(VerificationStopped, match="enough"):
        verify(write(tmp_path / "any.ipynb", [("step:a", "x = 1")]), watch=watch)


def test_the_command_prints_the_answer_as_json_and_exits_with_its_code(tmp_path: Path) -> None:
    notebook = write(tmp_path / "broken.ipynb", [("step:a", "1 / 0")])
    command = [sys.executable, "-m", "mlops_nb.cli", "verify", str(notebook), "--json"]
    code = "import sys; from mlops_nb.cli import main; sys.argv[0] = 'mlops-nb'; main()"
    command = [sys.executable, "-c", code, "verify", str(notebook), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["equal"]) == ("broken in itself", False)
    assert answer["error"]["cell_number"] == 1


# --- rules of the comparison ------------------------------------------------------------------------------------------


def shown(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<Line2D at 0x7f3a11223344>", "<Line2D at 0x7f3a55667788>"),
        ("/t/ipykernel_12/345.py:3: UserWarning", "/t/ipykernel_99/678.py:3: UserWarning"),
        ("Cell In[3], line 1", "Cell In[12], line 1"),
    ],
)
def test_what_no_two_kernels_have_in_common_is_no_difference(one: str, other: str) -> None:
    assert not list(compare_outputs(parts_of([shown(one)]), parts_of([shown(other)])))


def test_how_often_a_kernel_flushes_is_no_difference_but_what_it_prints_is() -> None:
    whole = parts_of([shown("a\nb\n")])
    assert not list(compare_outputs(whole, parts_of([shown("a\n"), shown("b\n")])))
    (found,) = compare_outputs(whole, parts_of([shown("a\nc\n")]))
    assert (found.what, found.name, found.one, found.other) == ("output", "stdout", "'b' in line 2", "'c'")


def test_of_text_that_differs_from_itself_the_other_lines_are_still_compared() -> None:
    whole, again = parts_of([shown("took 1 s\n7\n")]), parts_of([shown("took 2 s\n7\n")])
    assert not list(compare_outputs(whole, parts_of([shown("took 3 s\n7\n")]), again))
    assert list(compare_outputs(whole, parts_of([shown("took 3 s\n8\n")]), again))


def picture(shade: int) -> dict[str, Any]:
    import base64
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 100, 100)).save(out, "PNG")
    return {"output_type": "display_data", "data": {"image/png": base64.b64encode(out.getvalue()).decode()}}


@pytest.mark.parametrize(("shade", "close"), [(101, True), (140, False)])
def test_pictures_are_compared_by_their_pixels(shade: int, close: bool) -> None:  # noqa: FBT001
    (found,) = compare_outputs(parts_of([picture(100)]), parts_of([picture(shade)]))
    assert (found.what, found.close) == ("figure", close)
    assert not list(compare_outputs(parts_of([picture(100)]), parts_of([picture(100)])))


def contents(sharing: list[list[str]], **variables: str) -> Contents:
    told = {name: {"type": "list", "is": "list of 1", "fingerprint": print_} for name, print_ in variables.items()}
    return Contents.from_dict({"variables": told, "sharing": sharing, "streams": {}, "absent": {}})


def test_two_names_for_one_object_that_come_apart_are_a_difference() -> None:
    whole, pipeline = contents([["a", "b"]], a="1", b="1"), contents([], a="1", b="1")
    (found,) = compare_contents(whole, pipeline, None, ("", 0.0))
    assert (found.what, found.name, found.one, found.other) == ("sharing", "`a`, `b`", "one object", "apart")


def test_what_others_share_is_the_same_without_a_variable_that_could_not_be_handed_over() -> None:
    one = Contents({}, frozenset({("a", "b", "held"), ("c", "held")}))
    other = Contents({}, frozenset({("a", "b")}), absent={"held": "a lock"})
    assert list(compare_contents(one, other, one, ("", 0.0))) == []
    apart = Contents({}, absent={"held": "a lock"})
    assert [item.name for item in compare_contents(one, apart, one, ("", 0.0))] == ["`a`, `b`"]


def test_a_variable_that_only_the_pipeline_lacks_is_a_difference_though_it_differs_from_itself() -> None:
    (found,) = compare_contents(contents([], a="1"), contents([]), contents([], a="2"), ("", 0.0))
    assert (found.name, found.other) == ("a", "not defined")


def test_numbers_within_the_tolerance_are_close(tmp_path: Path) -> None:
    cells = [("step:a", "x = {'loss': [1.0, 2.0], 'n': 3}"), ("step:b", "y = 1")]

    def slightly_off(begin: dict[str, Any]) -> None:
        begin["source"] += "\nif 'x' in globals(): x['loss'][0] += 1e-12"

    notebook = write(tmp_path / "near.ipynb", cells)
    found = verify(notebook, tolerance=1e-9, open_session=forgetting(slightly_off))
    assert (found.verdict, found.exit_code) == (Verdict.CLOSE, 0)
    assert told(found) == {("variable", "x")}


# --- copies -----------------------------------------------------------------------------------------------------------


def test_a_copy_leaves_out_environments_and_history_and_tells_what_was_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in (".git/HEAD", "env/pyvenv.cfg", "src/a.py", "data/b.csv", "nb.ipynb", "data/gone.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    (root / "data" / "round").symlink_to(root)
    copy = tmp_path / "copy"
    copy_project(root, copy, keep=root / "nb.ipynb")
    assert set(snapshot(copy)) == {"src/a.py", "data/b.csv", "data/gone.csv", "nb.ipynb"}

    (copy / "data" / "b.csv").write_text("other", encoding="utf-8")
    (copy / "new.txt").write_text("new", encoding="utf-8")
    (copy / "data" / "gone.csv").unlink()
    changed = changed_files(root, copy, {copy / "nb.ipynb"})
    assert set(changed) == {"data/b.csv", "new.txt", "data/gone.csv"}
    assert changed["data/gone.csv"] == "gone"


def test_a_name_that_a_cell_failed_to_bind_is_the_one_from_before(tmp_path: Path) -> None:
    # The cell is expected to raise, and binds nothing; what comes after it takes the value of an earlier step.
    cells = [
        ("step:before", "rides = [3, 4]"),
        ("step:load raises-exception", "rides = open('missing.csv').read()"),
        ("raises-exception", "total = sum(rides)"),
        ("step:show raises-exception", "print(total)"),
    ]
    found = verify(write(tmp_path / "failing.ipynb", cells))
    assert (found.verdict, told(found)) == (Verdict.IDENTICAL, set())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "5.68 ms ± 866 μs per loop (mean ± std. dev. of 7 runs, 100 loops each)\n",
            (
                "The slowest run took 4.36 times longer than the fastest. This could mean that an intermediate result "
                "is being cached.\n12 ms ± 4.1 ms per loop (mean ± std. dev. of 7 runs, 10 loops each)\n"
            ),
        ),
        (
            "CPU times: user 2 ms, sys: 0 ns, total: 2 ms\nWall time: 2.1 ms\n",
            "CPU times: user 9 ms, sys: 1 ms, total: 10 ms\nWall time: 12 ms\n",
        ),
        (
            "total 4\n-rw-r--r-- 1 me  staff  38K Nov 29 01:03 figure.png\n",
            "total 4\n-rw-r--r-- 1 me  staff  38K Dec  1 01:04 figure.png\n",
        ),
    ],
)
def test_what_a_clock_measured_is_no_difference(one: str, other: str) -> None:
    first, second = (parts_of([{"output_type": "stream", "name": "stdout", "text": text}]) for text in (one, other))
    assert first == second
    assert parts_of([{"output_type": "stream", "name": "stdout", "text": "5.68 ms per loop or so\n"}]) != first


def test_how_large_a_listed_file_is_counts() -> None:
    listed = "-rw-r--r-- 1 me staff 38K Nov 29 01:03 figure.png\n"
    first, second = (
        parts_of([{"output_type": "stream", "name": "stdout", "text": text}])
        for text in (listed, listed.replace("38K", "39K"))
    )
    assert first != second
