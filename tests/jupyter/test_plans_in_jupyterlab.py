"""A notebook as it is written, before it is run: its plan, its tags, its compiled form, a live kernel beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from nbclient import NotebookClient

from mlops_nb.notebook import code_cell, import_nbformat
from mlops_nb.notebook.settings import schema
from tests.cli.command import call
from tests.jupyter.conftest import TIPS
from tests.jupyter.servers import Server
from tests.notebook_factory import document, write

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    ("parameters", "n = 3\nsince = '2020-01-01'\nweights = (1, 2)"),
    ("step:load", "numbers = list(range(n))\nsame = numbers"),
    ("step:total", "total = sum(numbers)"),
    ("step:grow", "same.append(total)\nratio = float('nan')"),
    ("skip", "print('looking around')"),
    ("step:join prev:total", "print(numbers, ratio)"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server over a project whose notebook ran once, and a notebook that never ran."""
    folder = tmp_path_factory.mktemp("root")
    write(folder / "sums.ipynb", CELLS)
    write(folder / "new" / "tips.ipynb", TIPS)
    assert call(folder, "run", "sums.ipynb", "--json").code == 0
    made = Server(folder)
    yield made
    made.stop()


def states(plan: Any) -> dict[str, str]:
    return {step["name"]: step["state"] for step in plan["steps"]}


def edited(cell: int, source: str) -> dict[str, Any]:
    """Return the notebook as an editor holds it that has not saved."""
    made = document(CELLS)
    made["cells"][cell - 1]["source"] = source
    return made


@pytest.mark.row(24)
def test_the_plan_tells_each_cell_whether_its_result_is_fresh(server: Server) -> None:
    plan = server.post("/plan", {"path": "sums.ipynb"})
    assert plan["ok"]
    assert set(states(plan).values()) == {"fresh"}
    assert plan["lock"] == {"proven": True}
    cells = {cell["id"]: cell for cell in plan["cells"]}
    assert (cells["c2"]["step"], cells["c2"]["role"], cells["c2"]["state"]) == ("load", "step", "fresh")
    assert (cells["c5"]["step"], cells["c5"]["role"], cells["c5"]["state"]) == (None, "skip", None)
    assert not any(cell["changed"] for cell in plan["cells"])


def test_an_edit_that_is_not_saved_is_planned_with_its_cause(server: Server) -> None:
    before = (server.folder / "sums.ipynb").read_bytes()
    plan = server.post("/plan", {"path": "sums.ipynb", "content": edited(3, "total = max(numbers)")})
    assert states(plan) == {
        "prelude": "fresh",
        "load": "fresh",
        "total": "will-run",
        "grow": "may-run",
        "join": "may-run",
    }
    steps = {step["name"]: step for step in plan["steps"]}
    assert [reason["what"] for reason in steps["total"]["because"]] == ["source"]
    assert steps["total"]["expected_s"] > 0
    (reason,) = steps["grow"]["because"]
    assert (reason["what"], reason["names"]) == ("upstream", ["total"])
    assert [cell["id"] for cell in plan["cells"] if cell["changed"]] == ["c3"]
    assert (server.folder / "sums.ipynb").read_bytes() == before


def test_a_parameter_of_the_form_is_planned_too(server: Server) -> None:
    plan = server.post("/plan", {"path": "sums.ipynb", "parameters": {"n": 4, "weights": {"$tuple": [3]}}})
    (reason,) = plan["steps"][0]["because"]
    assert (reason["what"], reason["names"]) == ("parameters", ["n", "weights"])
    values = {item["name"]: (item["value"], item["source"]) for item in plan["parameters"]}
    assert values["n"] == (4, "JupyterLab")
    assert values["weights"] == ({"$tuple": [3]}, "JupyterLab")
    refused = server.post("/plan", {"path": "sums.ipynb", "parameters": {"n": "many"}})
    assert (refused["ok"], refused["error"]["code"]) == (False, "parameter")
    assert set(states(refused).values()) == {"unknown"}


def test_what_comes_after_the_step_to_stop_at_is_left_out(server: Server) -> None:
    plan = server.post("/plan", {"path": "sums.ipynb", "to": "total", "fresh": True})
    assert list(states(plan).values()) == ["will-run", "may-run", "may-run", "left-out", "left-out"]


def test_edges_carry_their_variables_with_types_and_sizes(server: Server) -> None:
    plan = server.post("/plan", {"path": "sums.ipynb"})
    edges = {(edge["from"], edge["to"]): edge for edge in plan["edges"]}
    (crossing,) = [item for item in edges["load", "total"]["variables"] if item["name"] == "numbers"]
    assert crossing["type"].startswith("list")
    assert crossing["bytes"] > 0
    assert edges["load", "total"]["proven"]
    assert edges["total", "join"]["explicit"]


def test_errors_come_with_their_place_and_their_fix_and_the_edges_as_far_as_the_text_says(server: Server) -> None:
    plan = server.post("/plan", {"path": "sums.ipynb", "content": edited(3, "total = sum(numbrs)")})
    assert not plan["ok"]
    (found,) = [item for item in plan["diagnostics"] if item["severity"] == "error"]
    assert (found["code"], found["cell"], found["line"], found["variable"]) == ("MN301", "c3", 1, "numbrs")
    assert found["fix"]
    assert set(states(plan).values()) == {"unknown"}
    assert ("load", "grow") in {(edge["from"], edge["to"]) for edge in plan["edges"]}


def test_looking_at_a_notebook_that_never_ran_leaves_nothing_behind(server: Server) -> None:
    before = sorted(path.name for path in (server.folder / "new").iterdir())
    plan = server.post("/plan", {"path": "new/tips.ipynb"})
    assert {step["state"] for step in plan["steps"]} == {"will-run", "may-run"}
    assert plan["steps"][0]["because"][0]["what"] == "never-ran"
    assert server.get("/runs", path="new/tips.ipynb") == {"runs": [], "next": None}
    assert server.get("/models", path="new") == {"models": []}
    server.get("/runs/last", 404, path="new")
    assert sorted(path.name for path in (server.folder / "new").iterdir()) == before


def test_a_notebook_that_is_not_saved_yet_is_planned(server: Server) -> None:
    plan = server.post("/plan", {"path": "Untitled.ipynb", "content": document(CELLS)})
    assert set(states(plan).values()) == {"will-run", "may-run"}
    server.post("/plan", {"path": "Untitled.ipynb"}, 404)
    assert server.post("/plan", {"path": "sums.ipynb", "content": {"cells": 3}}, 422)["error"]["code"] == "notebook"


def test_tags_are_proposed_and_not_written(server: Server) -> None:
    bare = document([("", source) for _, source, *_ in TIPS])
    told = server.post("/suggest", {"path": "new/tips.ipynb", "content": bare})
    assert {"cell": "c2", "number": 2, "after": ["imports"]}.items() <= next(
        item for item in told["changes"] if item["cell"] == "c2"
    ).items()
    assert told["diff"].startswith("--- tips")


def test_the_compiled_form_is_written_where_the_command_line_writes_it(server: Server) -> None:
    told = server.post("/compile", {"path": "sums.ipynb"})
    assert told["folder"] == "pipelines/sums"
    assert (server.folder / "pipelines" / "sums" / "pipeline.yaml").exists()
    again = server.post("/compile", {"path": "sums.ipynb"})
    assert again["written"] == []


def test_the_settings_schema_is_the_one_that_python_checks(server: Server) -> None:
    assert server.get("/settings-schema") == schema()


# --- the live kernel --------------------------------------------------------------------------------------------------


def held(server: Server, folder: Path, changed: str = "") -> Any:
    """Run the notebook in a kernel of its own, then what a person did by hand, then the probe; return the verdict."""
    told = server.get("/probe", path="sums.ipynb")
    made = document(CELLS)
    made["cells"] += [code_cell(changed, "by-hand"), code_cell(told["code"], "probe")]
    notebook = import_nbformat().from_dict(made)
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output["data"] for output in notebook["cells"][-1]["outputs"]]
    (probe,) = [data["application/vnd.mlops-nb.probe+json"] for data in outputs]
    body = {"path": "sums.ipynb", "probe": json.loads(json.dumps(probe))}
    return server.post("/probe", body)


def test_a_kernel_that_ran_the_notebook_holds_what_the_pipeline_computed(server: Server) -> None:
    verdict = held(server, server.folder)
    found = {item["name"]: item["state"] for item in verdict["variables"]}
    assert found == dict.fromkeys(("n", "numbers", "ratio", "same", "since", "total", "weights"), "same")
    assert verdict["cells"] == []


def test_hidden_state_is_found_and_its_cells_named(server: Server) -> None:
    verdict = held(server, server.folder, "numbers.append(99)\ndel ratio\nextra = 1")
    found = {item["name"]: (item["state"], item["step"]) for item in verdict["variables"]}
    assert found["numbers"] == ("differs", "grow")
    assert found["ratio"] == ("missing", "grow")
    assert found["total"][0] == "same"
    assert "extra" not in found
    cells = {cell["id"]: cell["variables"] for cell in verdict["cells"]}
    assert "numbers" in cells["c3"]
    assert "ratio" in cells["c6"]


def test_a_variable_that_a_later_step_would_change_is_no_hidden_state(server: Server) -> None:
    told = server.get("/probe", path="sums.ipynb")
    made = document([*CELLS[:3], ("", told["code"])])
    notebook = import_nbformat().from_dict(made)
    NotebookClient(notebook, resources={"metadata": {"path": str(server.folder)}}).execute()
    (probe,) = [output["data"]["application/vnd.mlops-nb.probe+json"] for output in notebook["cells"][-1]["outputs"]]
    verdict = server.post("/probe", {"path": "sums.ipynb", "probe": dict(probe)})
    found = {item["name"]: item for item in verdict["variables"]}
    assert (found["numbers"]["state"], found["numbers"]["step"]) == ("same", "load")
    assert found["ratio"]["state"] == "missing"
