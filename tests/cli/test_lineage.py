"""Lineage as a person asks for it: by run, step, file, hash and model, in a real project."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.command import call
from tests.notebook_factory import write

CELLS = [
    ("parameters", "alpha = 1.0"),
    ("step:load", "import pandas as pd\n\nrides = pd.read_csv('taxis.csv')"),
    (
        "step:train",
        "from sklearn.linear_model import Ridge\n\nmodel = Ridge(alpha=alpha).fit(rides[['fare']], rides['tip'])",
        {"outputs": {"tips": {"type": "model", "variable": "model"}}},
    ),
    ("step:other", "rows = len(open('other.txt').read())"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose notebook ran twice, with another parameter; tests only read it."""
    folder = tmp_path_factory.mktemp("lineage")
    shutil.copyfile(Path(__file__).parents[2] / "notebooks" / "data" / "taxis.csv", folder / "taxis.csv")
    (folder / "other.txt").write_text("other", encoding="utf-8")
    write(folder / "tips.ipynb", CELLS)
    for alpha in ("1.0", "2000.0"):
        assert call(folder, "run", "tips.ipynb", "-p", "alpha", alpha).code == 0
    return folder


@pytest.mark.row(61)
def test_from_a_data_file_forwards_to_every_model_made_of_it(project: Path) -> None:
    told = call(project, "lineage", "taxis.csv", "--down", "--json").json
    kinds = {node["id"]: node for node in told["nodes"]}
    names = {kinds[node]["name"] for node in told["below"] if kinds[node]["kind"] == "model"}
    steps = {kinds[node]["step"] for node in told["below"] if kinds[node]["kind"] == "step"}

    assert names == {"tips@1", "tips@2"}
    assert steps == {"load", "train"}
    assert ["rides"] in [edge["names"] for edge in told["edges"]]
    text = call(project, "lineage", "taxis.csv").out
    assert "2 model versions: tips@" in text
    none = call(project, "lineage", "other.txt", "--down", "--json").json
    assert not [node for node in none["nodes"] if node["kind"] == "model"]


@pytest.mark.row(61)
def test_from_a_model_back_to_its_data_by_way_of_a_step_of_an_earlier_run(project: Path) -> None:
    told = call(project, "lineage", "tips@latest", "--up", "--json").json
    steps = {node["step"]: node["run"] for node in told["nodes"] if node["kind"] == "step"}

    assert steps.keys() == {"prelude", "load", "train"}
    # The second run loaded nothing: its `load` was cached, and the first run's did the work.
    assert steps["load"] < steps["train"]
    assert "taxis.csv" in {node["name"] for node in told["nodes"]}


def test_what_begins_lineage_has_many_names(project: Path) -> None:
    digest = next(node["hash"] for node in call(project, "lineage", "tips@1", "--json").json["nodes"] if "hash" in node)
    newest = call(project, "runs", "--json").json[0]["id"]
    for name in (
        "last",
        "last/train",
        newest,
        f"{newest}/train",
        "tips@1",
        digest,
        digest[:16],
        str(project / "taxis.csv"),
    ):
        told = call(project, "lineage", name, "--json")
        assert told.code == 0, (name, told.err)
        assert told.json["nodes"]
    assert f"step train of run {newest}" in call(project, "lineage", "last/train").out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tips@7", "no version 7"),
        ("tpis@1", "Did you mean `tips`?"),
        ("tips@champ", "no alias `champ`"),
        ("last/trian", "Did you mean `train`?"),
        ("nothing.csv", "nothing that the record knows"),
        ("tips.ipynb", "No run has read or written"),
        ("abcdef0123", "nothing that the record knows"),
    ],
)
def test_what_is_not_known_is_refused(project: Path, name: str, told: str) -> None:
    ended = call(project, "lineage", name)
    assert ended.code == 2
    assert told in ended.err


def test_a_file_that_has_changed_since_says_so(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    env = {"MLOPS_NB_HOME": str(project / ".mlops_nb")}
    (copy / "taxis.csv").write_text("changed", encoding="utf-8")
    assert "No run has read or written" in call(copy, "lineage", "taxis.csv", env=env).err
    original = (project / "other.txt").read_bytes()
    (project / "other.txt").write_text("changed", encoding="utf-8")
    try:
        assert "No run has seen the file as it is now" in call(project, "lineage", "other.txt").out
    finally:
        (project / "other.txt").write_bytes(original)


def test_lineage_is_drawn_as_a_picture_that_stands_alone(project: Path, tmp_path: Path) -> None:
    assert call(project, "lineage", "taxis.csv", "--picture", str(tmp_path / "l.svg")).code == 0
    root = ET.parse(tmp_path / "l.svg").getroot()  # noqa: S314 - written by the command above
    texts = {found.text for found in root.iter() if found.tag.endswith("text")}
    assert {"taxis.csv", "load", "train", "tips@1", "tips@2"} <= texts
    assert not [found for found in root.iter() if found.tag.endswith("script")]


def test_before_the_first_run_there_is_no_lineage(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    refused = call(tmp_path, "lineage", "last", "--json")
    assert refused.code == 2
    assert "no runs yet" in refused.json["error"]["message"]
