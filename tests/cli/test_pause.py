"""A step with `pause`: the run waits for a person, who looks at it in a notebook and decides; both are recorded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from nbclient import NotebookClient

from mlops_nb.execution.reopening.reopen import reopen
from mlops_nb.notebook import import_nbformat
from tests.cli.command import Started, call, scraps, statuses
from tests.execution.servers import web_server
from tests.notebook_factory import Cell, edit, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAUSES = {"pause": True}
# Nothing reads what `analyse` makes: what waits for it does so because it is below it.
CELLS: list[Cell] = [
    ("step:load", "from pathlib import Path\nages = [int(line) for line in Path('ages.txt').read_text().split()]"),
    ("step:analyse", "ages.sort()\noldest = max(ages)\nprint('oldest', oldest)", PAUSES),
    ("step:train", "with open('trained.txt', 'a') as file:\n    _ = file.write('.')\nmean = sum(ages) / len(ages)"),
    ("pipeline-metrics", "print(mean)"),
    ("step:report", "text = f'the mean is {mean}'", {"outputs": {"text": {"type": "value"}}}),
]
MODEL: list[Cell] = [
    ("step:load", "import pandas as pd\nX = pd.DataFrame({'x': [1.0, 2.0, 3.0]})\ny = [2.0, 4.0, 6.0]"),
    ("step:look", "print(X.describe())", PAUSES),
    (
        "step:train",
        "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(X, y)",
        {"outputs": {"line": {"type": "model", "variable": "model", "sample_input": "X"}}},
    ),
]


def project(folder: Path, cells: list[Cell] = CELLS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ages.txt").write_text("35\n23\n41\n130\n", encoding="utf-8")
    return write(folder / "ages.ipynb", cells)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return project(tmp_path / "project")


def decisions(folder: Path, run: str) -> list[tuple[str, str, str, str]]:
    shown = call(folder, "show", run, "--json").json
    found = [item for item in shown["verdicts"] if item["judge"] == "person"]
    return [
        (item["step"], item["decision"], item["content"]["evidence"]["why"], item["who"].split("@")[0])
        for item in found
    ]


@pytest.mark.row(77)
def test_a_run_pauses_at_an_analysis_is_looked_at_and_goes_on_as_decided(notebook: Path, tmp_path: Path) -> None:
    folder = notebook.parent
    paused = Started(folder, "run", "ages.ipynb", "--json")
    ended = paused.wait()

    assert ended.code == 3
    assert not paused.descendants()
    assert statuses(ended) == {"load": "succeeded", "analyse": "succeeded", "train": "skipped", "report": "skipped"}
    assert (ended.json["status"], ended.json["waits"]) == ("paused", ["analyse"])
    assert not (folder / "trained.txt").exists()
    run = ended.json["run"]
    commands = re.findall(r"mlops-nb ((?:open|decide).*)", ended.err)
    assert commands == [
        f"open {run} analyse",
        f'decide {run} continue --why "…"',
        f'decide {run} stop --why "…"',
    ]
    assert [item["id"] for item in call(folder, "runs", "--status", "paused", "--json").json] == [run]

    # Its notebook: the cells with what they showed, what they were given, and all as it is after them.
    opened = call(folder, "open", run, "analyse", "--no-lab", "--run", "--json").json
    document = json.loads((folder / opened["notebook"]).read_text(encoding="utf-8"))
    by_id = {cell["id"]: cell for cell in document["cells"]}
    assert "".join(by_id["c2"]["outputs"][0]["text"]) == "oldest 130\n"
    assert "ages" in opened["reached"]["loaded"]
    assert "oldest" not in opened["reached"]["loaded"]
    call_of_it = f'mlops_nb.decide("{run}", "continue", step="analyse", why="…")'
    assert call_of_it in "".join(by_id["mlops-nb-decide"]["source"])
    left = "".join(by_id["mlops-nb-left"]["outputs"][0]["data"]["text/plain"])
    assert left.startswith("Loaded, as the step left it: ")
    assert "oldest  int 130" in left

    # Nobody has decided: it pauses again at once, and runs nothing twice.
    again = call(folder, "resume", run, "--json")
    assert (again.code, again.json["status"]) == (3, "paused")
    assert statuses(again) == {"load": "cached", "analyse": "cached", "train": "skipped", "report": "skipped"}

    gone_on = call(folder, "decide", run, "continue", "--why", "one of them is 130, and that is right", "--json")
    assert statuses(gone_on) == {"load": "cached", "analyse": "cached", "train": "succeeded", "report": "succeeded"}
    assert gone_on.json["resumes"] == run
    assert [(step, decision, why) for step, decision, why, _ in decisions(folder, run)] == [
        ("analyse", "pass", "one of them is 130, and that is right")
    ]
    assert "decided to continue: one of them is 130" in call(folder, "show", "last").out

    # The same as without a pause.
    plain = project(tmp_path / "plain", [(*cell[:2],) if cell[2:] == (PAUSES,) else cell for cell in CELLS])
    assert scraps(gone_on) == scraps(call(plain.parent, "run", "ages.ipynb", "--json"))
    assert (folder / "trained.txt").read_text() == "."


@pytest.mark.row(77)
def test_a_run_that_a_person_stopped_does_not_go_on_until_somebody_decides_otherwise(notebook: Path) -> None:
    folder = notebook.parent
    run = call(folder, "run", "ages.ipynb", "--json").json["run"]

    stopped = call(folder, "decide", run, "stop", "--why", "nobody is 130", "--json")
    assert stopped.code == 0
    assert {key: stopped.json["decided"][key] for key in ("run", "step", "decision", "why")} == {
        "run": run,
        "step": "analyse",
        "decision": "stop",
        "why": "nobody is 130",
    }
    shown = call(folder, "show", run, "--json").json
    assert shown["run"]["status"] == "cancelled"
    assert "decided to stop: nobody is 130" in shown["run"]["reason"]
    refused = call(folder, "resume", run)
    assert refused.code == 2
    assert "decided to stop: nobody is 130" in refused.err
    assert f"mlops-nb decide {run} continue --overrule" in refused.err
    # Nor does another run, of the same content; and one who has not seen the decision does not undo it.
    other = call(folder, "run", "ages.ipynb", "--json")
    assert (other.code, other.json["status"]) == (1, "cancelled")
    assert statuses(other)["train"] == "skipped"
    unseen = call(folder, "decide", run, "continue", "--why", "go")
    assert (unseen.code, "is decided already" in unseen.err) == (2, True)
    assert not (folder / "trained.txt").exists()

    otherwise = call(folder, "decide", run, "continue", "--overrule", "--why", "she is a tortoise", "--json")
    assert otherwise.json["status"] == "succeeded"
    assert [decision for _, decision, *_ in decisions(folder, run)] == ["stop", "pass"]


@pytest.mark.row(77)
def test_a_decision_is_about_one_content_and_no_other(notebook: Path) -> None:
    folder = notebook.parent
    run = call(folder, "run", "ages.ipynb", "--json").json["run"]
    assert call(folder, "decide", run, "continue", "--why", "right").code == 0
    assert call(folder, "run", "ages.ipynb", "--json").json["status"] == "succeeded"

    # Other data, with the same oldest: what the step shows may be another thing altogether.
    (folder / "ages.txt").write_text("35\n24\n41\n130\n", encoding="utf-8")
    assert call(folder, "run", "ages.ipynb", "--json").json["status"] == "paused"
    # Another way to make the same.
    (folder / "ages.txt").write_text("35\n23\n41\n130\n", encoding="utf-8")
    edit(notebook, 2, "ages.sort()\noldest = sorted(ages)[-1]\nprint('the oldest', oldest)")
    assert call(folder, "run", "ages.ipynb", "--json").json["status"] == "paused"
    # What was decided about is still decided.
    edit(notebook, 2, CELLS[1][1])
    assert call(folder, "run", "ages.ipynb", "--json").json["status"] == "succeeded"


def test_what_cannot_be_decided_is_refused_with_the_next_act(notebook: Path) -> None:
    folder = notebook.parent
    assert "has no runs yet" in call(folder, "decide", "last", "stop", "--why", "no").err
    run = call(folder, "run", "ages.ipynb", "--json").json["run"]
    for arguments, told in (
        ((run, "contineu", "--why", "no"), "`contineu` is no decision. Did you mean `continue`?"),
        ((run, "continue"), "A decision needs a reason"),
        ((run, "continue", "--why", "…"), "A decision needs a reason"),
        ((run, "continue", "analyze", "--why", "no"), "has no step `analyze`. Did you mean `analyse`?"),
        ((run, "continue", "train", "--why", "no"), "does not wait for a decision at `train`, but at analyse"),
        (("2020", "continue", "--why", "no"), "has no run `2020`"),
    ):
        ended = call(folder, "decide", *arguments)
        assert (ended.code, told in ended.err) == (2, True), ended.err
    call(folder, "decide", run, "continue", "--why", "no")
    ended = call(folder, "decide", "last", "stop", "--why", "no")
    assert (ended.code, "does not wait for a decision: it succeeded" in ended.err) == (2, True), ended.err


def test_of_two_who_decide_at_once_one_is_told_of_the_other(notebook: Path) -> None:
    folder = notebook.parent
    run = call(folder, "run", "ages.ipynb", "--json").json["run"]
    # Two runs that stand on the same work wait for the same decision.
    twin = call(folder, "run", "ages.ipynb", "--json").json["run"]

    started = [
        Started(folder, "decide", of, word, "--why", word, "--only-record")
        for of, word in ((run, "continue"), (twin, "stop"), (run, "stop"), (twin, "continue"))
    ]
    ended = [one.wait() for one in started]
    assert sorted(one.code for one in ended) == [0, 2, 2, 2]
    assert all("is decided already" in one.err for one in ended if one.code)
    assert len({*decisions(folder, run), *decisions(folder, twin)}) == 1


def test_what_nobody_can_fingerprint_is_not_read_twice_by_one_run_that_waited(tmp_path: Path) -> None:
    reads = "with open('{0}.txt', 'a') as file:\n    _ = file.write('.')\nimport time\n{0} = time.time()"
    cells: list[Cell] = [
        ("step:load", reads.format("loaded"), {"cache": False}),
        ("step:analyse", reads.format("seen"), {"cache": False, "pause": True}),
        ("step:end", "both = [loaded, seen]", {"outputs": {"both": {"type": "value"}}}),
    ]
    folder = project(tmp_path / "project", cells).parent
    run = call(folder, "run", "ages.ipynb", "--json").json["run"]
    gone_on = call(folder, "decide", run, "continue", "--why", "right", "--json")
    assert statuses(gone_on) == {"load": "cached", "analyse": "cached", "end": "succeeded"}
    assert (folder / "loaded.txt").read_text() == (folder / "seen.txt").read_text() == "."
    # Another run reads anew, and what it read nobody has seen.
    assert call(folder, "run", "ages.ipynb", "--json").json["status"] == "paused"


def test_steps_that_share_a_kernel_wait_too_and_are_made_again_with_it(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("step:make", "numbers = (n for n in range(5))\nfirst = next(numbers)", PAUSES),
        ("step:use", "rest = list(numbers)", {"outputs": {"rest": {"type": "value"}}}),
    ]
    folder = project(tmp_path / "project", cells).parent
    paused = call(folder, "run", "ages.ipynb", "--json")
    assert statuses(paused) == {"make": "succeeded", "use": "skipped"}
    gone_on = call(folder, "decide", "last", "continue", "--why", "right", "--json")
    assert statuses(gone_on) == {"make": "succeeded", "use": "succeeded"}
    assert scraps(gone_on)["rest"] == [1, 2, 3, 4]


def test_what_stands_above_in_the_notebook_is_brought_to_its_end(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("step:one", "a = 1"),
        ("step:slow", "import time\ntime.sleep(1)\nb = 2"),
        ("step:analyse", "print(a)", PAUSES),
        ("step:check", "c = a", PAUSES),
        ("step:end", "total = a + b + c", {"outputs": {"total": {"type": "value"}}}),
    ]
    folder = project(tmp_path / "project", cells).parent
    first = call(folder, "run", "ages.ipynb", "--json")
    assert statuses(first)["check"] == "skipped"
    second = call(folder, "decide", "last", "continue", "--why", "right", "--json")
    # The next one has its turn: with an exit code of its own, and the record says where it waits.
    assert (second.code, second.json["waits"]) == (3, ["check"])
    third = call(folder, "decide", "last", "continue", "--why", "right", "--json")
    assert scraps(third)["total"] == 4
    # Now that it is known that they share nothing, `slow` and `analyse` run at the same time.
    edit(folder / "ages.ipynb", 3, "print('a', a)")
    edit(folder / "ages.ipynb", 2, "import time\ntime.sleep(1)\nb = 3")
    fourth = call(folder, "run", "ages.ipynb", "--json", "--workers", "2")
    assert statuses(fourth)["slow"] == "succeeded"
    assert (fourth.json["waits"], statuses(fourth)["end"]) == (["analyse"], "skipped")


def test_the_last_step_may_be_waited_at_before_models_become_versions(tmp_path: Path) -> None:
    cells = [MODEL[0], MODEL[2], ("step:look", "print(model.coef_)")]
    folder = project(tmp_path / "project", cells).parent
    settings = folder / "pipelines" / "ages" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[steps.look]\npause = true\n", encoding="utf-8")
    paused = call(folder, "run", "ages.ipynb", "--json")
    assert (paused.json["status"], paused.json["models"]) == ("paused", [])
    gone_on = call(folder, "decide", "last", "continue", "--why", "2 is right", "--json")
    assert set(statuses(gone_on).values()) == {"cached"}
    assert [item["version"] for item in gone_on.json["models"]] == [1]


@pytest.mark.parametrize("place", ["cell", "file"])
def test_a_pause_that_is_neither_true_nor_false_is_refused(tmp_path: Path, place: str) -> None:
    wrong: Mapping[str, Any] = {"pause": "yes"} if place == "cell" else {}
    folder = project(tmp_path / "project", [("step:one", "a = 1", wrong)]).parent
    if place == "file":
        settings = folder / "pipelines" / "ages" / "settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text("[steps.one]\npause = 'yes'\n", encoding="utf-8")
    ended = call(folder, "run", "ages.ipynb")
    assert (ended.code, "`pause` must be of type boolean, and is 'yes'" in ended.err + ended.out) == (2, True)


def test_what_compares_and_what_tests_waits_for_nobody_and_makes_no_model(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", MODEL).parent
    assert call(folder, "run", "ages.ipynb").code == 3
    again = call(folder, "reproduce", "last", "--json")
    assert again.code == 0, again.out
    assert set(again.json["not_compared"]) == {"train"}
    for verb in ("verify", "test"):
        ended = call(folder, verb, "ages.ipynb")
        assert ended.code == 0, ended.out
    assert call(folder, "models", "--json").json == []
    # Below it nothing is left to run; above all, nobody has looked.
    assert call(folder, "run", "ages.ipynb", "--json").json["waits"] == ["look"]


def test_a_search_ends_where_a_trial_waits_and_makes_no_model_past_it(tmp_path: Path) -> None:
    cells: list[Cell] = [("parameters", "level = 1"), *CELLS[:3], ("pipeline-metrics", "score = mean * level")]
    folder = project(tmp_path / "project", cells).parent
    search = ("search", "ages.ipynb", "--grid", "level=1,2,3", "--metric", "score")
    ended = call(folder, *search)
    assert ended.code == 1
    assert "trial 1 of 3 paused" in ended.out
    assert "trial 2" not in ended.out
    command = re.search(r"mlops-nb decide (\S+) continue --only-record", ended.out)
    assert command is not None, ended.out
    call(folder, "decide", command[1], "continue", "--only-record", "--why", "right")
    again = call(folder, *search, "--json")
    # What all trials share is decided for all of them.
    assert [trial["status"] for trial in again.json["trials"]] == ["succeeded"] * 3


def test_whoever_is_to_be_told_is_told_that_a_run_waits(notebook: Path) -> None:
    folder = notebook.parent
    with web_server() as web:
        told = f'[tool.mlops_nb.notify]\non = ["paused"]\n[tool.mlops_nb.notify.webhook]\nurl = "{web.url}"\n'
        (folder / "pyproject.toml").write_text(told, encoding="utf-8")
        call(folder, "run", "ages.ipynb")
    ((_, _, body),) = web.posts
    heard = json.loads(body)
    assert (heard["status"], heard["waits"]) == ("paused", ["analyse"])


def test_a_cell_of_the_opened_notebook_decides(notebook: Path) -> None:
    folder = notebook.parent
    run = call(folder, "run", "ages.ipynb", "--json").json["run"]
    made = reopen("last", project=folder)
    assert made.step == "analyse"
    document = import_nbformat().read(made.notebook, as_version=4)
    cell = next(cell for cell in document.cells if cell.id == "mlops-nb-decide")
    lines = cell.source.replace("…", "right").splitlines()
    cell.source = "\n".join(line.removeprefix("# ") for line in lines[:2])

    NotebookClient(document, kernel_name=made.kernel, resources={"metadata": {"path": str(folder)}}).execute()

    assert "went on, and succeeded" in cell.outputs[-1]["data"]["text/plain"]
    assert [decision for _, decision, *_ in decisions(folder, run)] == ["pass"]
    assert call(folder, "show", "last", "--json").json["resumes"] == run
