"""Models, verifications: what the panel of JupyterLab shows and does beside runs."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_nb.lifecycle import run
from mlops_nb.project import find_project
from mlops_nb.validation import Verdict
from tests.judged import judged
from tests.jupyter.servers import Server, eventually
from tests.notebook_factory import write

TRAIN = (
    "import numpy as np\nfrom sklearn.linear_model import LinearRegression\n"
    "X = np.arange(10.0).reshape(-1, 1)\nmodel = LinearRegression().fit(X, slope * X[:, 0])\nerror = float(slope)"
)
OUTPUTS = {
    "outputs": {"line": {"type": "model", "variable": "model", "sample_input": "X"}, "error": {"type": "metrics"}}
}
CELLS = [("parameters", "slope = 1.0"), ("step:train", TRAIN, OUTPUTS)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server over a project with three versions of a model, one of them judged."""
    folder = tmp_path_factory.mktemp("models")
    notebook = write(folder / "lines.ipynb", CELLS)
    for slope in (1.0, 2.0, 3.0):
        assert run(notebook, [("test", {"slope": slope})]).result.status == "succeeded"
    with find_project(notebook).log() as log:
        judged = Verdict("model-metrics", "line 2", "pass")
        log.add_verdict(judged.to_json(), model="line", version=2)
    made = Server(folder)
    yield made
    made.stop()


def test_versions_come_with_their_evidence(server: Server) -> None:
    (model,) = server.get("/models")["models"]
    assert (model["name"], model["versions"], model["latest"], model["aliases"]) == ("line", 3, 3, {})
    detail = server.get("/models/line")
    assert [version["version"] for version in detail["versions"]] == [3, 2, 1]
    second = detail["versions"][1]
    assert [verdict["judge"] for verdict in second["verdicts"]] == ["model-metrics"]
    assert second["metrics"] == {"error": 2.0}
    assert second["run"] in {run["id"] for run in server.get("/runs")["runs"]}
    assert "lime" not in str(server.get("/models/lime", 404)["error"]["hint"])


@pytest.mark.row(59)
def test_an_alias_moves_on_evidence_after_it_was_told_what_that_changes_and_moves_back(server: Server) -> None:
    route = "/models/line/aliases"
    asked = {"alias": "champion", "version": 2, "why": "better", "expected": None}
    # One verdict is no evidence.
    assert server.post(route, asked, 409)["error"]["code"] == "not-proven"
    with find_project(server.folder).log() as log:
        judged(log, 2, model="line")
    told = server.post(route, {**asked, "dry_run": True})
    assert (told["model"], told["dry_run"]) == ("line", True)
    assert {"alias": "champion", "from": None, "to": 2} in told["changes"]
    assert "champion" not in server.get("/models/line")["model"]["aliases"]
    server.post(route, asked)
    with find_project(server.folder).log() as log:
        judged(log, 3, model="line", against=2)
    # Somebody else has seen it where it was before.
    assert server.post(route, {**asked, "version": 3}, 409)["error"]["code"] == "alias-moved"
    assert server.post(route, {**asked, "version": 3, "dry_run": True}, 409)["error"]["code"] == "alias-moved"
    server.post(route, {**asked, "version": 3, "expected": 2})
    back = {"why": "worse on Sundays"}
    dry = server.post("/models/line/rollback", {**back, "dry_run": True})
    assert dry["changes"] == [
        {"alias": "champion", "from": 3, "to": 2},
        {"alias": "previous", "from": 2, "to": None},
    ]
    server.post("/models/line/rollback", {**back, "expected": 3})
    detail = server.get("/models/line")
    assert detail["model"]["aliases"]["champion"] == 2
    moves = [move for move in detail["moves"] if move["alias"] == "champion"]
    assert [(move["version"], move["replaced"], move["why"]) for move in moves] == [
        (2, 3, "worse on Sundays"),
        (3, 2, "better"),
        (2, None, "better"),
    ]


def test_what_cannot_be_moved_says_why(server: Server) -> None:
    asked = {"alias": "trial", "version": 1, "why": "to try"}
    server.post("/models/line/aliases", {**asked, "version": 9}, 404)
    server.post("/models/lines/aliases", asked, 404)
    server.post("/models/line/aliases", {**asked, "alias": "latest"}, 422)
    server.post("/models/line/aliases", {**asked, "why": ""}, 400)
    server.post("/models/line/aliases", {"alias": "trial", "version": 1}, 400)
    server.post("/models/line/aliases", asked)
    told = server.post("/models/line/rollback", {"why": "again"}, 422)["error"]["message"]
    assert "no previous champion" in told
    server.post("/models/nothing/rollback", {"why": "x"}, 404)
    server.post("/models/line/aliases", {**asked, "version": None})
    assert "trial" not in server.get("/models/line")["model"]["aliases"]


def test_a_verification_tells_its_phases_and_its_answer(server: Server) -> None:
    write(server.folder / "sums.ipynb", [("step:a", "x = [1, 2]"), ("step:b", "y = sum(x)\nprint(y)")])
    job = server.post("/verify", {"path": "sums.ipynb"}, 202)["job"]
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(server.get(f"/jobs/{job}"))
        return bool(found["status"] != "running")

    eventually(over)
    assert found["status"] == "done", found
    assert found["result"]["verdict"] == "identical"
    assert found["phase"] in {"chain", "parallel"}
    server.post(f"/jobs/{job}/stop", {}, 409)
    server.get("/jobs/nothing", 404)


def test_a_verification_is_stopped(server: Server) -> None:
    write(server.folder / "slow.ipynb", [("step:a", "import time\ntime.sleep(60)")])
    job = server.post("/verify", {"path": "slow.ipynb"}, 202)["job"]
    eventually(lambda: server.get(f"/jobs/{job}")["phase"] == "whole")
    server.post(f"/jobs/{job}/stop", {}, 202)
    eventually(lambda: server.get(f"/jobs/{job}")["status"] != "running")
    assert server.get(f"/jobs/{job}")["status"] in {"cancelled", "failed"}
