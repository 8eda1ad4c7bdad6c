"""A run that JupyterLab started: it is a process of its own, followed by every tab, and outlives the server."""

from __future__ import annotations

import getpass
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.pipeline.settings_file import SETTINGS_FILE
from mlops_nb.project import find_project
from tests.cli.command import Started, call
from tests.jupyter.conftest import PATH
from tests.jupyter.servers import Server, eventually, heard
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITS = """\
open('waits.txt', 'w').close()
while not os.path.exists('go.txt'):
    time.sleep(0.1)
made.append(3)"""
SLOW = [
    ("step:first", "import os, time\nmade = [1, 2]"),
    ("step:waits", WAITS),
    ("step:last", "print(made)"),
]


@pytest.fixture(scope="module")
def first(server: Server) -> Any:
    """The first run, as two tabs heard it, and its detail."""
    with server.events() as tab, server.events() as other:
        run = server.post("/runs", {"path": PATH, "parameters": {"share": 0.4}, "why": "to see"}, 202)["run"]
        told, also = heard(tab, run), heard(other, run)
    return {"run": run, "told": told, "also": also, "detail": server.ended(run, PATH)}


@pytest.mark.row(24)
def test_one_request_runs_the_notebook_from_end_to_end(first: Any) -> None:
    steps = first["detail"]["steps"]
    assert first["detail"]["run"]["status"] == "succeeded"
    assert [step["name"] for step in steps] == ["prelude", "load", "clean", "train", "evaluate"]
    assert {step["status"] for step in steps} == {"succeeded"}
    assert steps[-1]["metrics"]["mae"] == pytest.approx(1.0, abs=0.9)
    assert first["detail"]["models"] == [{"model": "tips", "version": 1}]


@pytest.mark.row(56)
@pytest.mark.row(62)
def test_its_record_says_that_it_came_from_jupyterlab_and_whose_it_is(server: Server, first: Any) -> None:
    run = first["detail"]["run"]
    assert run["origin"]["kind"] == "jupyter"
    assert run["origin"]["detail"]
    assert run["user"] == getpass.getuser()
    assert run["why"] == "to see"
    shown = call(server.folder / "work", "show", run["id"], "--json").json
    assert shown["run"]["origin"]["kind"] == "jupyter"
    assert shown["run"]["who"]["pid"] != server.process.pid


@pytest.mark.row(57)
def test_a_parameter_of_the_form_is_recorded_with_its_type_and_where_it_came_from(first: Any) -> None:
    parameters = {item["name"]: item for item in first["detail"]["parameters"] if item["step"] is None}
    assert (parameters["share"]["value"], parameters["share"]["source"]) == (0.4, "jupyterlab")
    assert (parameters["longest"]["value"], parameters["longest"]["source"]) == (30.0, "default")


def test_every_tab_hears_every_event_once_and_in_order(server: Server, first: Any) -> None:
    assert first["told"] == first["also"]
    assert [event["seq"] for event in first["told"]] == list(range(1, len(first["told"]) + 1))
    kinds = [event["kind"] for event in first["told"]]
    assert (kinds[0], kinds[-1]) == ("run-started", "run-done")
    assert {event["path"] for event in first["told"]} == {PATH}
    cells = [event["cell"] for event in first["told"] if event["kind"] == "cell-done" and event["step"] == "prelude"]
    assert cells == [1, 2]
    assert first["detail"]["events"] == len(kinds)


def test_a_tab_that_comes_later_gets_what_it_missed(server: Server, first: Any) -> None:
    route = f"/runs/{first['run']}/events"
    whole = server.get(route, path=PATH)
    assert whole["status"] == "succeeded"
    assert [event["kind"] for event in whole["events"]] == [event["kind"] for event in first["told"]]
    rest = server.get(route, path=PATH, after=3)["events"]
    assert [event["seq"] for event in rest] == [event["seq"] for event in whole["events"]][3:]


def test_an_executed_notebook_is_given_out_as_it_is(server: Server, first: Any) -> None:
    link = first["detail"]["steps"][-1]["notebook"]
    executed = server.client.get(f"/{link}").json()
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", ())]
    assert any("</script><b>mae</b>" in "".join(output.get("text", ())) for output in outputs)
    server.get(f"/runs/{first['run']}/steps/nothing/notebook", 404, path=PATH)


def test_figures_and_tables_are_given_out_and_can_do_nothing(server: Server, first: Any) -> None:
    (figure,) = first["detail"]["steps"][-1]["figures"]
    (table,) = first["detail"]["steps"][-1]["tables"]
    answer = server.client.get(f"/{figure['href']}")
    assert answer.headers["content-type"] == figure["media_type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.content.startswith(b"\x89PNG")
    told = server.client.get(f"/{table['href']}").json()
    assert told["columns"] == ["tip"]
    assert told["of"] == table["rows"] > len(told["rows"]) == 100


def test_nothing_else_of_the_store_is_given_out(server: Server, first: Any) -> None:
    shown = call(server.folder / "work", "show", first["run"], "--json").json
    model = next(link["artifact"]["hash"] for link in shown["artifacts"] if link["artifact"]["kind"] == "model")
    server.get(f"/runs/{first['run']}/artifacts/{model}", 404, path=PATH)
    server.get(f"/runs/{first['run']}/artifacts/{'0' * 64}", 404, path=PATH)


@pytest.mark.row(61)
def test_the_page_of_a_run_runs_no_script(server: Server, first: Any) -> None:
    page = server.get(f"/runs/{first['run']}/report", path=PATH)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "&lt;/script&gt;&lt;b&gt;mae" in page.text
    assert "</script>" not in page.text


@pytest.mark.row(24)
def test_a_changed_cell_runs_its_step_and_what_comes_after_alone(server: Server, first: Any) -> None:
    edit(server.folder / PATH, 4, "kept = rides[rides['distance'] < longest].dropna()\nassert len(kept)")
    run = server.post("/runs", {"path": PATH, "parameters": {"share": 0.4}}, 202)["run"]
    ended = server.ended(run, PATH)
    assert {step["name"]: step["status"] for step in ended["steps"]} == {
        "prelude": "cached",
        "load": "cached",
        "clean": "succeeded",
        # What it made is what was there.
        "train": "cached",
        "evaluate": "cached",
    }


def test_a_run_stops_after_the_step_that_was_named(server: Server, first: Any) -> None:
    run = server.post("/runs", {"path": PATH, "to": "clean", "fresh": True}, 202)["run"]
    ended = server.ended(run, PATH)
    assert {step["name"]: step["status"] for step in ended["steps"]} == {
        "prelude": "succeeded",
        "load": "succeeded",
        "clean": "succeeded",
        "train": "skipped",
        "evaluate": "skipped",
    }


@pytest.mark.row(3)
def test_a_cell_that_raises_is_told_with_its_place_mended_and_the_run_gone_on_with(server: Server, first: Any) -> None:
    source = json.loads((server.folder / PATH).read_text(encoding="utf-8"))["cells"][4]["source"]
    edit(server.folder / PATH, 5, f"{source}\nlost = train['tips']")
    run = server.post("/runs", {"path": PATH}, 202)["run"]
    failed = server.ended(run, PATH)
    error = next(step["error"] for step in failed["steps"] if step["name"] == "train")
    assert (error["cell"], error["cell_number"], error["ename"]) == ("c5", 5, "KeyError")
    assert "lost = train['tips']" in error["traceback"]
    assert failed["run"]["resumable"]

    opened = server.post("/open", {"run": run}, path=PATH)
    assert opened["path"] == f"work/reopened/{run}/train.ipynb"
    assert opened["failed_cell"] == "c5"
    assert "kept" in {item["name"] for item in opened["inputs"]}
    assert json.loads((server.folder / opened["path"]).read_text(encoding="utf-8"))["cells"]

    edit(server.folder / PATH, 5, source)
    resumed = server.post(f"/runs/{run}/resume", {}, 202, path=PATH)["run"]
    ended = server.ended(resumed, PATH)
    assert ended["run"]["status"] == "succeeded"
    assert ended["resumes"] == run
    assert ended["run"]["origin"]["kind"] == "jupyter"
    server.post(f"/runs/{resumed}/resume", {}, 409, path=PATH)


@pytest.mark.row(4)
def test_runs_are_found_by_what_they_measured_and_held_side_by_side(server: Server, first: Any) -> None:
    run = server.post("/runs", {"path": PATH, "parameters": {"share": "0.9"}}, 202)["run"]
    assert server.ended(run, PATH)["run"]["status"] == "succeeded"
    best = server.get("/runs", path=PATH, by="mae", where="params.share = 0.9", limit=1)
    assert best["runs"][0]["id"] == run
    assert best["runs"][0]["values"]["params.share"] == 0.9
    told = server.post("/compare", {"runs": [first["run"], run]}, path=PATH)
    shares = next(row for row in told["parameters"] if row["name"] == "share")
    assert (shares["values"], shares["differences"]) == ([0.4, 0.9], [0.0, 0.5])
    (mae,) = [row for row in told["metrics"] if row["name"] == "mae"]
    assert mae["best"] == mae["values"].index(min(mae["values"]))
    assert "evaluate" not in {row["name"] for row in told["steps"]}


def test_pages_of_runs_follow_each_other(server: Server, first: Any) -> None:
    page = server.get("/runs", path=PATH, limit=2)
    assert page["next"] == 2
    rest = server.get("/runs", path=PATH, limit=200, offset=2)
    assert rest["next"] is None
    assert not {run["id"] for run in page["runs"]} & {run["id"] for run in rest["runs"]}
    assert first["run"] in {run["id"] for run in rest["runs"]}
    server.get("/runs", 422, path=PATH, where="mea < 1")


# --- a run that is still going on -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    write(folder / "slow.ipynb", SLOW)
    made = Server(folder)
    yield made
    made.stop()


@pytest.fixture
def slow(slow_server: Server) -> Server:
    """A server over a project in which nothing runs; the step `waits` says that it does, and waits to be told."""
    for name in ("waits.txt", "go.txt"):
        (slow_server.folder / name).unlink(missing_ok=True)
    return slow_server


def waits(server: Server) -> None:
    eventually((server.folder / "waits.txt").exists)


def test_a_run_outlives_the_server_and_the_next_one_follows_it(slow: Server) -> None:
    run = slow.post("/runs", {"path": "slow.ipynb"}, 202)["run"]
    waits(slow)
    slow.kill()
    slow.start()
    assert slow.post("/plan", {"path": "slow.ipynb"})["running"] == run
    with slow.events() as tab:
        detail = slow.get(f"/runs/{run}")
        assert detail["run"]["status"] == "running"
        assert {step["name"]: step["status"] for step in detail["steps"]}["waits"] == "running"
        (slow.folder / "go.txt").touch()
        told = heard(tab, run)
    assert told[-1]["status"] == "succeeded"
    # What both the detail and the tab say is known by its number.
    assert {event["seq"] for event in told} >= set(range(detail["events"] + 1, told[-1]["seq"] + 1))
    assert [step["status"] for step in slow.ended(run)["steps"]] == ["succeeded"] * 3


def test_a_run_is_stopped_and_leaves_no_process(slow: Server) -> None:
    run = slow.post("/runs", {"path": "slow.ipynb"}, 202)["run"]
    waits(slow)
    slow.post(f"/runs/{run}/stop", {}, 202)
    ended = slow.ended(run)
    assert ended["run"]["status"] == "cancelled"
    assert {step["name"]: step["status"] for step in ended["steps"]}["waits"] == "cancelled"
    slow.post(f"/runs/{run}/stop", {}, 409)


def test_a_run_whose_process_is_killed_says_so_to_whoever_listens(slow: Server) -> None:
    with slow.events() as tab:
        run = slow.post("/runs", {"path": "slow.ipynb"}, 202)["run"]
        waits(slow)
        os.kill(call(slow.folder, "show", run, "--json").json["run"]["who"]["pid"], signal.SIGKILL)
        assert heard(tab, run)[-1]["status"] == "died"
    found = slow.get(f"/runs/{run}")
    assert (found["run"]["status"], found["run"]["resumable"]) == ("died", True)
    (slow.folder / "go.txt").touch()
    resumed = slow.post(f"/runs/{run}/resume", {}, 202)["run"]
    assert {step["name"]: step["status"] for step in slow.ended(resumed)["steps"]}["first"] == "cached"


def test_a_run_of_the_command_line_is_followed_too(slow: Server) -> None:
    command = Started(slow.folder, "run", "slow.ipynb", "--json")
    waits(slow)
    with slow.events() as tab:
        (run,) = [item["id"] for item in slow.get("/runs", status="running")["runs"]]
        assert slow.get(f"/runs/{run}")["run"]["origin"]["kind"] == "cli"
        # One that JupyterLab did not start is ended from there too.
        slow.post(f"/runs/{run}/stop", {}, 202)
        assert heard(tab, run)[-1]["status"] == "cancelled"
    assert command.wait(120).json["status"] == "cancelled"
    slow.get(f"/runs/{run}/log", 404)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_what_refuses_a_run_is_told_before_anything_starts(server: Server) -> None:
    before = server.get("/runs", path=PATH)["runs"]
    assert "longst" in server.post("/runs", {"path": PATH, "parameters": {"longst": 1.0}}, 422)["error"]["message"]
    assert server.post("/runs", {"path": PATH, "parameters": {"share": "half"}}, 422)["error"]["code"] == "parameter"
    assert "`clean`" in server.post("/runs", {"path": PATH, "to": "claen"}, 422)["error"]["message"]
    write(server.folder / "work" / "typo.ipynb", [("step:a", "x = 1"), ("step:b", "y = xx")])
    told = server.post("/runs", {"path": "work/typo.ipynb"}, 422)
    assert told["error"]["code"] == "notebook-has-errors"
    assert [(found["code"], found["cell"]) for found in told["diagnostics"]] == [("MN301", "c2")]
    server.post("/runs", {"path": "work/nothing.ipynb"}, 404)
    server.post("/runs", {"path": PATH, "isolation": "none"}, 400)
    server.post("/runs", {"path": PATH, "workers": 0}, 400)
    server.post("/runs", {"path": PATH, "command": "ls"}, 400)
    server.post("/runs", {}, 400)
    server.get("/runs", 400, limit="many")
    server.get("/runs", 400, limit=1000)
    server.get("/runs/20200101-000000-ffffff", 404, path=PATH)
    assert server.get("/runs", path=PATH)["runs"] == before


def test_a_run_that_cannot_begin_says_why(server: Server) -> None:
    path = "work/loud.ipynb"
    write(server.folder / path, [("step:a", "x = 1")])
    settings = find_project(server.folder / "work").pipeline("loud") / SETTINGS_FILE
    settings.parent.mkdir(parents=True)
    settings.write_text('[notify]\non = ["always"]\n', encoding="utf-8")
    with server.events() as tab:
        run = server.post("/runs", {"path": path}, 202)["run"]
        assert "'always'" in heard(tab, run, "run-refused")[-1]["text"]
    found = server.get(f"/runs/{run}", path=path)["run"]
    assert found["status"] == "refused"
    assert "'always'" in found["reason"]
