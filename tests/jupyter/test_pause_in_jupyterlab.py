"""A run that waits for a person, over REST: what it waits for is told, decided once, and goes on or is over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import call
from tests.jupyter.servers import heard
from tests.notebook_factory import write

if TYPE_CHECKING:
    from tests.jupyter.servers import Server

CELLS = [
    ("step:load", "ages = [23, 35, 41]"),
    ("step:look", "print(max(ages))", {"pause": True}),
    ("step:mean", "mean = sum(ages) / len(ages)"),
]


def paused(server: Server, name: str) -> tuple[str, str]:
    """Return the path of a notebook and its run, which waits."""
    path = f"{name}/ages.ipynb"
    write(server.folder / path, CELLS)
    with server.events() as tab:
        run = server.post("/runs", {"path": path}, 202)["run"]
        assert heard(tab, run)[-1]["status"] == "paused"
    return path, run


@pytest.mark.row(77)
def test_a_run_waits_at_a_step_and_goes_on_when_somebody_says_so(server: Server) -> None:
    path, run = paused(server, "goes_on")
    detail = server.get(f"/runs/{run}", path=path)
    assert [(item["step"], item["decided"]) for item in detail["waits"]] == [("look", None)]
    assert {step["name"]: step["status"] for step in detail["steps"]}["mean"] == "skipped"
    assert [item["id"] for item in server.get("/runs", path=path, status="paused")["runs"]] == [run]

    opened = server.post("/open", {"run": run, "step": "look"}, path=path)
    cells = json.loads((server.folder / opened["path"]).read_text(encoding="utf-8"))["cells"]
    assert "41\n" in ["".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ())]
    assert "mlops-nb-left" in [cell["id"] for cell in cells]

    route = f"/runs/{run}/decision"
    server.post(route, {"decision": "continue"}, 400, path=path)
    server.post(route, {"decision": "continue", "why": ""}, 400, path=path)
    server.post(route, {"decision": "continue", "why": "…"}, 422, path=path)
    server.post(route, {"decision": "perhaps", "why": "no"}, 400, path=path)
    server.post(route, {"decision": "stop", "why": "no", "step": "lok"}, 404, path=path)
    answer = server.post(route, {"decision": "continue", "why": "they are right"}, 202, path=path)
    assert (answer["decided"], answer["step"], answer["decision"]) == (run, "look", "continue")
    gone_on = server.ended(answer["run"], path)
    assert (gone_on["run"]["status"], gone_on["resumes"]) == ("succeeded", run)
    assert {step["name"]: step["status"] for step in gone_on["steps"]}["look"] == "cached"

    # One who has not seen that is told.
    refused = server.post(route, {"decision": "stop", "why": "no"}, 409, path=path)
    assert "decided to continue: they are right" in refused["error"]["message"]
    (waits,) = server.get(f"/runs/{run}", path=path)["waits"]
    assert (waits["decided"]["decision"], waits["decided"]["why"]) == ("continue", "they are right")
    # Whoever JupyterLab says that decided; the record has the server's process beside it.
    assert waits["decided"]["by"]


@pytest.mark.row(77)
def test_a_run_that_was_stopped_here_is_refused_in_a_terminal_too(server: Server) -> None:
    path, run = paused(server, "is_over")
    answer = server.post(f"/runs/{run}/decision", {"decision": "stop", "why": "too young", "step": "look"}, path=path)
    assert answer["run"] is None
    assert server.get(f"/runs/{run}", path=path)["run"]["status"] == "cancelled"
    refused = call(server.folder / "is_over", "resume", run)
    assert (refused.code, "decided to stop: too young" in refused.err) == (2, True)
    assert "too young" in server.post(f"/runs/{run}/resume", {}, 409, path=path)["error"]["message"]
    # A run that never waited has nothing to decide.
    (server.folder / "is_over" / "plain").mkdir()
    write(server.folder / "is_over" / "plain" / "one.ipynb", [("step:one", "a = 1")])
    other = server.post("/runs", {"path": "is_over/plain/one.ipynb"}, 202)["run"]
    server.ended(other, "is_over/plain/one.ipynb")
    where = "is_over/plain/one.ipynb"
    told = server.post(f"/runs/{other}/decision", {"decision": "stop", "why": "no"}, 409, path=where)
    assert told["error"]["code"] == "not-waiting"
