"""`mlops-nb open`: a step of a past run as a live notebook, its mends, and their way back."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_core.paths import jupyter_runtime_dir
from nbclient import NotebookClient

import mlops_nb
from mlops_nb.cli import main
from mlops_nb.errors import UsageError
from mlops_nb.execution.reopening.lab import jupyter_lab
from mlops_nb.execution.reopening.live import run_up_to_failure
from mlops_nb.execution.reopening.reopen import opened_mends
from mlops_nb.notebook import import_nbformat
from mlops_nb.pipeline.reopened import LOAD
from tests.cli.command import Ended, Started, call, wait_until
from tests.notebook_factory import Cell, document, edit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_nb.execution.reopening.reopen import Reopened

    Open = Callable[..., Ended]

# What the failing cell sees goes into its error: a kernel that shows the same error sees the same.
SEES = """\
seen = {
    "table": table.to_dict(), "half": half.tolist(), "n": n, "factor": factor,
    "draw": float(np.random.rand()), "words": list(words), "shown": pd.get_option("display.max_rows"),
    "here": open("data/rows.csv").read(), "beside": beside.NUMBER, "doubled": double(n), "number": fit_number,
}
raise ValueError(json.dumps(seen, default=str))"""
CELLS: list[Cell] = [
    ("imports", "import json\nimport numpy as np\nimport pandas as pd\nimport beside"),
    ("parameters", "n = 3\nfactor = 2.0"),
    ("functions", "def double(value):\n    return factor * value"),
    (
        "step:load",
        "table = pd.read_csv('data/rows.csv')\nalias = table\nnp.random.seed(n)\nfirst = np.random.rand(n)\n\
words = {'ab', 'cd', 'ef', 'gh', 'ij'}\npd.set_option('display.max_rows', 7)",
    ),
    ("step:fit", "fit_number = 1\nhalf = first / 2\nalias.loc[0, 'a'] = 99"),
    ("", "fit_number += 1\nprint('number', fit_number)"),
    ("", SEES),
    ("", "never = True"),
    ("step:last", "print(never)"),
]


def make(folder: Path, cells: list[Cell], name: str = "rows.ipynb") -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "rows.csv").write_text("a,b\n1,x\n2,y\n", encoding="utf-8")
    (folder / "beside.py").write_text("NUMBER = 5\n", encoding="utf-8")
    return write(folder / name, cells)


def run(notebook: Path, **parameters: Any) -> Any:
    return mlops_nb.run(notebook, [("test", parameters)] if parameters else []).result


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose notebook ran once, as a person runs it, and failed in its seventh cell."""
    folder = tmp_path_factory.mktemp("rows")
    make(folder, CELLS)
    ended = call(folder, "run", "rows.ipynb", "-p", "factor", "3.0", "--json")
    assert ended.code == 1, ended.err
    return folder


def sources(notebook: Path) -> dict[str, str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells}


def mend(made: Reopened, cell_id: str, source: str) -> None:
    """Give a cell of an opened notebook another source, as a person would."""
    loaded = json.loads(made.notebook.read_text(encoding="utf-8"))
    next(cell for cell in loaded["cells"] if cell["id"] == cell_id)["source"] = source
    made.notebook.write_text(json.dumps(loaded), encoding="utf-8")


def executed(made: Reopened, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the opened notebook from the top in an ordinary kernel, which starts where the notebook is."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    notebook = import_nbformat().reads(made.notebook.read_text(encoding="utf-8"), as_version=4)
    where = {"metadata": {"path": str(made.notebook.parent)}}
    NotebookClient(notebook, kernel_name="python3", resources=where, allow_errors=True).execute()
    return {cell["id"]: cell for cell in notebook["cells"]}


def error_of(cell: Any) -> str:
    (error,) = [output for output in cell["outputs"] if output["output_type"] == "error"]
    return str(error["evalue"])


# --- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.row(3)
def test_one_command_opens_a_kernel_with_all_that_the_failing_cell_saw(
    failed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = call(failed, "show", "last", "fit", "--json").json

    ended = call(failed, "open", "last", "fit", "--no-lab", "--run", "--json")

    assert ended.code == 0, ended.err
    told = ended.json
    assert (told["step"], told["status"], told["failed_cell"]) == ("fit", "failed", "c7")
    assert told["failure"] == shown["reason"]
    assert told["reached"]["cells"][-2:] == ["c5", "c6"]
    assert (told["reached"]["error"], told["reached"]["missing"]) == ("", {})
    assert {"table", "alias", "first", "words", "n", "factor"} <= told["reached"]["loaded"].keys()
    assert told["reached"]["loaded"]["factor"]["value"] == "3.0"

    made = mlops_nb.reopen("last", project=failed)
    assert str(made.notebook) == told["notebook"]
    cells = executed(made, monkeypatch)
    # The same cell raises the same in an ordinary kernel: values, shared objects, random numbers, order, folder.
    assert json.loads(error_of(cells["c7"])) == json.loads(shown["error"]["evalue"])
    assert cells["c6"]["outputs"][0]["text"] == "number 2\n"


def test_the_inputs_come_back_when_the_first_cell_is_run_again(failed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = mlops_nb.reopen("last", "fit", project=failed, anew=True)
    loaded = json.loads(made.notebook.read_text(encoding="utf-8"))
    (load,) = [cell for cell in loaded["cells"] if cell["id"] == LOAD]
    look = "print(sorted({'half', 'first'} & globals().keys()), table.a.tolist(), np.random.rand() == draw)"
    for position, (tag, source) in enumerate([("load-2", load["source"]), ("look", look)]):
        loaded["cells"].append({**load, "id": f"again-{position}", "metadata": {"tags": [tag]}, "source": source})
    loaded["cells"] = [cell for cell in loaded["cells"] if cell["id"] not in {"c7", "c8"}]
    place = next(p for p, cell in enumerate(loaded["cells"]) if cell["id"] == "c5")
    draw = {**load, "id": "draw", "metadata": {}, "source": "import builtins\nbuiltins.draw = np.random.rand()"}
    loaded["cells"].insert(place, draw)
    made.notebook.write_text(json.dumps(loaded), encoding="utf-8")

    cells = executed(made, monkeypatch)

    assert cells["again-1"]["outputs"][0]["text"] == "['first'] [1, 2] True\n"
    mlops_nb.reopen("last", "fit", project=failed, anew=True)


def test_the_notebook_says_what_happened_and_what_to_do(failed: Path) -> None:
    made = mlops_nb.reopen("last", "fit", project=failed)
    cells = {cell["id"]: cell for cell in made.document["cells"]}
    head = "".join(cells["mlops-nb-head"]["source"])

    assert made.run in head
    assert "**failed** in cell 7 (`c7`)" in head
    assert "factor = 3.0  # command-line" in head
    assert f"mlops-nb open {made.run} fit --take-back" in head
    order = list(cells)
    assert order[order.index("mlops-nb-mark") + 1] == "c7"
    assert cells[LOAD]["metadata"]["jupyter"]["source_hidden"] is True
    assert cells["c5"]["metadata"]["tags"] == ["step:fit"]
    assert made.document["metadata"]["kernelspec"]["name"] == "python3"


def test_what_changed_since_the_run_is_told_and_so_is_what_is_gone(tmp_path: Path) -> None:
    notebook = make(
        tmp_path,
        [
            ("step:load", "import beside\nlarge = bytes(range(256)) * 4000\nsmall = 1\npair = [large]"),
            ("step:use", "rows = open('data/rows.csv').read()\nprint(len(large), beside.NUMBER)"),
        ],
    )
    run(notebook)
    (tmp_path / "data" / "rows.csv").write_text("other", encoding="utf-8")
    (tmp_path / "beside.py").write_text("NUMBER = 6\n", encoding="utf-8")
    for file in (tmp_path / ".mlops_nb" / "artifacts").rglob("*"):
        if file.is_file() and file.stat().st_size > 100_000:
            file.unlink()

    made = mlops_nb.reopen("last", "use", project=tmp_path)
    reached = run_up_to_failure(made)

    assert any("`data/rows.csv` changed" in notice for notice in made.notices)
    assert any("`beside` changed" in notice for notice in made.notices)
    assert any(f"mlops-nb reproduce {made.run}" in notice for notice in made.notices)
    assert "no longer" in made.missing["large"]
    assert "no longer" in reached.missing["large"]
    assert reached.loaded["small"]["value"] == "1"


def test_a_state_that_is_no_longer_stored_is_added_up_from_what_the_steps_before_left(tmp_path: Path) -> None:
    run(make(tmp_path, [("step:a", "x = [1]\ny = x"), ("step:b", "x.append(2)\ndel y"), ("step:c", "x / 0")]))
    before = mlops_nb.reopen("last", "c", project=tmp_path)
    digest = ast.literal_eval(sources(before.notebook)[LOAD].split("\n")[2].strip(" ,"))
    mlops_nb.find_project(tmp_path).artifact_store().path(digest).unlink()

    made = mlops_nb.reopen("last", "c", project=tmp_path)

    assert (made.inputs, made.missing, made.notices) == (before.inputs, {}, ())
    assert run_up_to_failure(made).loaded["x"]["what"] == "list of 2"


def test_a_project_that_moved_and_lost_its_executed_notebooks_opens_from_the_snapshot(tmp_path: Path) -> None:
    cells = [("step:a", "x = 1"), ("step:b", "text = open('data/rows.csv').read()"), ("", "text / 0"), ("", "done = 1")]
    notebook = make(tmp_path / "old", cells)
    run(notebook)
    shutil.rmtree(tmp_path / "old" / ".mlops_nb" / "runs")
    edit(notebook, 3, "done = 2")
    (tmp_path / "old").rename(tmp_path / "new")

    made = mlops_nb.reopen("last", project=tmp_path / "new")
    reached = run_up_to_failure(made)

    assert made.source == tmp_path / "new" / "rows.ipynb"
    assert (made.failed_cell, sources(made.notebook)["c3"]) == ("c3", "text / 0")
    assert any("no executed notebook" in notice for notice in made.notices)
    assert (reached.cells[-1], reached.error, reached.loaded["x"]["value"]) == ("c2", "", "1")


def test_cells_are_numbered_as_in_the_run_where_a_step_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tells = "raise ValueError((x, y, Out[1], len(In), In[-1], get_ipython().execution_count))"
    notebook = make(tmp_path, [("step:a", "1 + 1"), ("", "x = _"), ("step:b", "y = In[1]"), ("", tells)])
    failed = run(notebook).record.steps[-1]

    ran = executed(mlops_nb.reopen("last", project=tmp_path), monkeypatch)

    assert failed.error is not None
    assert error_of(ran["c4"]) == failed.error.evalue


def test_a_value_that_cannot_be_read_back_any_more_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text("class Square:\n    side = 2\n", encoding="utf-8")
    notebook = make(
        tmp_path, [("step:a", "import shapes\nsquare = shapes.Square()\nplain = 4"), ("step:b", "square.side / 0")]
    )
    run(notebook)
    (tmp_path / "shapes.py").write_text("class Circle:\n    side = 2\n", encoding="utf-8")

    reached = run_up_to_failure(mlops_nb.reopen("last", "b", project=tmp_path))

    assert "AttributeError" in reached.missing["square"]
    assert reached.loaded["plain"]["value"] == "4"


# --- every way a step can have ended ----------------------------------------------------------------------------------


def test_a_cached_step_leads_to_the_run_that_did_the_work(tmp_path: Path) -> None:
    notebook = make(tmp_path, [("step:a", "x = 1"), ("step:b", "y = x + 1")])
    first = run(notebook).run
    second = run(notebook).run

    made = mlops_nb.reopen(second, "b", project=tmp_path)

    assert (made.run, made.status, made.failed_cell) == (first, "succeeded", "")
    assert any(second in notice for notice in made.notices)
    assert run_up_to_failure(made).loaded["x"]["value"] == "1"


def test_steps_that_shared_a_kernel_come_first_and_run_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = make(
        tmp_path,
        [
            ("step:before", "base = 10"),
            ("step:make", "numbers = (base + i for i in range(5))"),
            ("step:use", "one = next(numbers)"),
            ("", "raise ValueError(f'{one} {next(numbers)}')"),
        ],
    )
    run(notebook)

    made = mlops_nb.reopen("last", "use", project=tmp_path)

    assert any("`make`" in notice for notice in made.notices)
    assert set(made.inputs) == {"base"}
    assert error_of(executed(made, monkeypatch)["c4"]) == "10 11"


def test_a_step_past_its_time_opens_at_the_cell_that_took_it(tmp_path: Path) -> None:
    notebook = make(
        tmp_path,
        [("step:slow", "x = 1", {"timeout_s": 2}), ("", "import time\ntime.sleep(60)")],
    )
    run(notebook)

    made = mlops_nb.reopen("last", project=tmp_path)

    assert (made.step, made.failed_cell) == ("slow", "c2")
    assert "timeout" in made.failure
    assert run_up_to_failure(made).cells[-1] == "c1"


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_step_of_a_run_that_was_killed_opens_as_far_as_it_came(tmp_path: Path) -> None:
    waits = "open('here', 'w').close()\nimport time\ntime.sleep(90)"
    make(tmp_path, [("step:a", "x = 1"), ("step:b", "y = x"), ("", waits)])
    started = Started(tmp_path, "run", "rows.ipynb")
    wait_until(lambda: (tmp_path / "here").exists() or started.process.poll() is not None)
    assert started.process.poll() is None, started.wait()
    started.signal(signal.SIGKILL)
    started.wait()

    made = mlops_nb.reopen("last", project=tmp_path)

    assert (made.step, made.status, made.failed_cell) == ("b", "died", "c3")
    assert run_up_to_failure(made).loaded["x"]["value"] == "1"


def test_a_step_that_never_ran_opens_with_what_the_steps_before_it_made(tmp_path: Path) -> None:
    notebook = make(tmp_path, [("step:a", "x = 1"), ("step:b", "y = x / 0"), ("step:c", "z = x + y")])
    run(notebook)

    made = mlops_nb.reopen("last", "c", project=tmp_path)

    assert made.status == "skipped"
    assert any("never ran" in notice for notice in made.notices)
    assert any("`b` failed" in notice for notice in made.notices)
    assert run_up_to_failure(made).loaded["x"]["value"] == "1"


def test_a_notebook_of_another_kernel_keeps_it_and_says_when_it_is_gone(tmp_path: Path) -> None:
    spec = Path(os.environ["HOME"]) / ".local" / "share" / "jupyter" / "kernels" / "quiet" / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Quiet", "language": "python"}), encoding="utf-8")
    notebook = make(tmp_path, [("step:a", "x = 1")])
    notebook.write_text(json.dumps(document([("step:a", "x = 1"), ("step:b", "x / 0")], "quiet")), encoding="utf-8")
    try:
        run(notebook)
        assert mlops_nb.reopen("last", "b", project=tmp_path).document["metadata"]["kernelspec"]["name"] == "quiet"
    finally:
        spec.unlink()

    made = mlops_nb.reopen("last", "b", project=tmp_path)

    assert any("'quiet'" in notice for notice in made.notices)


# --- asked wrongly ----------------------------------------------------------------------------------------------------


def test_what_cannot_be_opened_is_told_with_the_next_act(failed: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean `fit`"):
        mlops_nb.reopen("last", "fti", project=failed)
    with pytest.raises(UsageError, match="was not opened"):
        opened_mends("last", "load", project=failed)
    with pytest.raises(UsageError, match="mlops-nb run NOTEBOOK"):
        mlops_nb.reopen("last", project=tmp_path)
    assert call(failed, "open", "last", "fit", "--diff", "--take-back").code == 2


def test_a_file_that_is_no_opened_notebook_is_never_overwritten(failed: Path, tmp_path: Path) -> None:
    (tmp_path / "load.ipynb").write_text("mine", encoding="utf-8")

    refused = call(failed, "open", "last", "load", "--to", str(tmp_path), "--no-lab")

    assert refused.code == 2
    assert (tmp_path / "load.ipynb").read_text(encoding="utf-8") == "mine"


# --- mends ------------------------------------------------------------------------------------------------------------

MENDED: list[Cell] = [
    ("step:load", "x = 3"),
    ("step:fit", "y = x"),
    ("", "z = y / 0"),
    ("", "w = 5"),
    ("step:last", "print(w)"),
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A notebook whose third cell failed, laid out as no tool of ours does, and the run."""
    notebook = make(tmp_path_factory.mktemp("mended"), MENDED)
    loaded = json.loads(notebook.read_text(encoding="utf-8"))
    loaded["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["caf\u00e9\n"]}]
    loaded["metadata"]["authors"] = [{"name": "A Person"}]
    notebook.write_text(json.dumps(loaded, indent=4, ensure_ascii=False), encoding="utf-8")
    return notebook, run(notebook).run


@pytest.fixture
def opened(stopped: tuple[Path, str]) -> Iterator[tuple[Path, Reopened]]:
    """The notebook as it ran, and its step that failed, opened anew."""
    notebook, failed_run = stopped
    text = notebook.read_text(encoding="utf-8")
    yield notebook, mlops_nb.reopen(failed_run, project=notebook, anew=True)
    notebook.write_text(text, encoding="utf-8")


@pytest.fixture
def open_step(
    stopped: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Call `mlops-nb open` in this process, in the notebook's folder."""
    before = signal.getsignal(signal.SIGTERM)
    notebook, failed_run = stopped
    monkeypatch.chdir(notebook.parent)

    def call_it(*options: str) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["mlops-nb", "open", failed_run, "fit", *options])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Ended(ended.value.code if isinstance(ended.value.code, int) else 0, told.out, told.err)

    yield call_it
    signal.signal(signal.SIGTERM, before)


def add(made: Reopened, behind: str, cell_id: str, source: str, tags: list[str] | None = None) -> None:
    loaded = json.loads(made.notebook.read_text(encoding="utf-8"))
    place = next(p for p, cell in enumerate(loaded["cells"]) if cell["id"] == behind)
    cell = {**loaded["cells"][place], "id": cell_id, "source": source, "metadata": {"tags": tags} if tags else {}}
    loaded["cells"].insert(place + 1, cell)
    made.notebook.write_text(json.dumps(loaded), encoding="utf-8")


def remove(made: Reopened, cell_id: str) -> None:
    loaded = json.loads(made.notebook.read_text(encoding="utf-8"))
    loaded["cells"] = [cell for cell in loaded["cells"] if cell["id"] != cell_id]
    made.notebook.write_text(json.dumps(loaded), encoding="utf-8")


def test_a_mend_is_shown_as_a_diff_and_comes_back_into_the_notebook_and_nothing_else_does(
    opened: tuple[Path, Reopened], open_step: Open
) -> None:
    notebook, made = opened
    before = notebook.read_text(encoding="utf-8")
    mend(made, "c3", "z = y / 2")
    add(made, "c3", "new-one", "v = z + 1")
    add(made, "new-one", "look", "print(x)", ["skip"])

    shown = open_step("--diff")
    told = open_step("--diff", "--json").json
    unchanged = notebook.read_text(encoding="utf-8")
    taken = open_step("--take-back")
    again = open_step("--diff", "--json").json

    assert (shown.code, taken.code) == (0, 0), taken.err
    assert "-z = y / 0\n+z = y / 2" in shown.out
    assert {(item["kind"], item["cell"]) for item in told["mends"]} == {("edited", "c3"), ("added", "new-one")}
    assert unchanged == before
    now = json.loads(notebook.read_text(encoding="utf-8"))
    assert [cell["id"] for cell in now["cells"]] == ["c1", "c2", "c3", "new-one", "c4", "c5"]
    # Byte for byte but for the two cells: the layout, the outputs, the metadata.
    del now["cells"][3]
    now["cells"][2]["source"] = "z = y / 0"
    assert json.dumps(now, indent=4, ensure_ascii=False) == before
    assert again["mends"] == []


def test_a_taken_mend_lets_the_pipeline_go_on_and_a_second_one_can_follow(
    opened: tuple[Path, Reopened], open_step: Open
) -> None:
    notebook, made = opened
    mend(made, "c3", "z = y / 2")
    assert open_step("--take-back").code == 0
    assert run(notebook).status == "succeeded"

    mend(made, "c3", "z = y / 4")
    taken = open_step("--take-back", "--json")

    assert [item["cell"] for item in taken.json["taken"]] == ["c3"]
    assert "z = y / 4" in notebook.read_text(encoding="utf-8")


def test_a_cell_that_both_edited_is_refused_by_name_until_a_side_is_chosen(
    opened: tuple[Path, Reopened], open_step: Open
) -> None:
    notebook, made = opened
    edit(notebook, 3, "z = y / 3")
    edit(notebook, 4, "w = 6")
    before = notebook.read_text(encoding="utf-8")
    mend(made, "c3", "z = y / 2")

    refused = open_step("--take-back")
    kept = notebook.read_text(encoding="utf-8")
    chosen = open_step("--take-back", "--theirs")

    assert refused.code == 2
    assert "`c3`" in refused.err
    assert kept == before
    assert chosen.code == 0, chosen.err
    now = [cell["source"] for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]
    assert now[2:4] == ["z = y / 2", "w = 6"]


def test_a_removed_cell_goes_from_the_notebook_unless_it_was_edited_there(
    opened: tuple[Path, Reopened], open_step: Open
) -> None:
    notebook, made = opened
    remove(made, "c3")
    edit(notebook, 3, "z = y / 3")
    refused = open_step("--take-back")
    edit(notebook, 3, "z = y / 0")

    taken = open_step("--take-back")

    assert refused.code == 2
    assert taken.code == 0, taken.err
    assert list(sources(notebook)) == ["c1", "c2", "c4", "c5"]


def test_a_mend_that_would_leave_the_notebook_with_errors_is_refused(
    opened: tuple[Path, Reopened], open_step: Open
) -> None:
    notebook, made = opened
    before = notebook.read_text(encoding="utf-8")
    mend(made, "c3", "z = (y")

    refused = open_step("--take-back")

    assert refused.code == 2
    assert notebook.read_text(encoding="utf-8") == before


def test_opening_again_keeps_the_mends_until_they_are_given_up(
    opened: tuple[Path, Reopened], open_step: Open, tmp_path: Path
) -> None:
    notebook, made = opened
    mend(made, "c3", "z = y / 2")
    add(made, "c4", "note", "print(x)", ["skip"])

    again = mlops_nb.reopen(made.run, project=notebook.parent)
    elsewhere = open_step("--no-lab", "--to", str(tmp_path / "other"))
    mended = sources(again.notebook)
    mend(made, "c3", "z = y / 0")
    noted = mlops_nb.reopen(made.run, project=notebook.parent)
    anew = mlops_nb.reopen(made.run, project=notebook.parent, anew=True)

    assert again.kept
    assert (mended["c3"], mended["note"]) == ("z = y / 2", "print(x)")
    assert noted.kept
    assert elsewhere.code == 2
    assert not anew.kept
    assert sources(anew.notebook)["c3"] == "z = y / 0"


# --- JupyterLab -------------------------------------------------------------------------------------------------------


def said_by(connection_file: Path, code: str) -> str:
    """Run code in a kernel that is there, beside its notebook, and return what it printed."""
    client = BlockingKernelClient()
    client.load_connection_file(str(connection_file))
    said: list[str] = []
    client.start_channels()
    try:
        client.execute_interactive(
            code, timeout=240, output_hook=lambda message: said.append(message["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
    return "".join(said)


def test_jupyterlab_has_the_kernel_at_the_cell_that_failed(opened: tuple[Path, Reopened], tmp_path: Path) -> None:
    _, made = opened

    def kernels() -> set[Path]:
        return set(Path(jupyter_runtime_dir()).glob("kernel-*.json"))

    before = kernels()
    with jupyter_lab(made, tmp_path, tmp_path / "lab.log") as lab:
        told = [said_by(path, "print(x, y, 'z' in globals())") for path in kernels() - before]

    assert told == ["3 3 False\n"]
    assert lab.reached.cells[-1] == "c2"
    assert lab.reached.error == ""
    assert lab.url.startswith("http://")
    assert (tmp_path / "lab.log").stat().st_mode & 0o077 == 0
    assert lab.process.poll() is not None
