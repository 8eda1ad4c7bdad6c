"""The verbs about data, as a person uses them: see what is proposed, approve it, judge a file."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.cli.command import call
from tests.notebook_factory import write
from tests.validation.tables import DATA

if TYPE_CHECKING:
    from pathlib import Path

LOAD = (
    "step:load",
    "import pandas as pd\npeople = pd.read_csv('people.csv')",
    {"outputs": {"people": {"type": "dataset", "schema": True}}},
)
SCHEMA = "pipelines/census/schemas/people.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose notebook has run once, so that a schema is proposed and none is approved."""
    folder = tmp_path_factory.mktemp("census") / "project"
    write(folder / "census.ipynb", [LOAD])
    pd.read_csv(DATA / "adult-income.csv").head(3_000).to_csv(folder / "people.csv", index=False)
    ended = call(folder, "run", "census.ipynb")
    assert ended.code == 0, ended.err
    assert "one is proposed in pipelines/census/schemas/people.proposed.yaml" in ended.out
    return folder


@pytest.fixture(scope="module")
def approved(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("approved") / "project"
    shutil.copytree(project, folder)
    ended = call(folder, "schema", "census.ipynb", "--approve", "--why", "the census of 1994")
    assert ended.code == 0, ended.err
    assert ended.out.strip() == f"people: version 1 is approved, in {SCHEMA}"
    return folder


def test_a_proposal_is_shown_and_approved_only_with_a_reason(project: Path) -> None:
    shown = call(project, "schema", "census.ipynb", "people").out

    assert "people: proposed, and not approved yet" in shown
    assert 'domain: [<=50K, ">50K"]' in shown
    for arguments, told in (
        (("--approve",), "is not approved without a reason"),
        (("--why", "x"), "none is asked for"),
        (("--anew",), "none is asked for"),
        (("peple", "--approve", "--why", "x"), "Did you mean `people`?"),
    ):
        refused = call(project, "schema", "census.ipynb", *arguments)
        assert refused.code == 2
        assert told in refused.err
    assert not (project / SCHEMA).exists()


@pytest.mark.row(10)
def test_a_finding_about_the_schema_is_a_new_version_with_its_history(approved: Path) -> None:
    path = approved / SCHEMA
    text = path.read_text(encoding="utf-8")
    rule = 'rules: [{name: "grown up", check: "age >= 16"}]  # Ada saw it in the notebook'
    path.write_text(
        "\n".join(rule if line.startswith("rules:") else line for line in text.splitlines()) + "\n", "utf-8"
    )

    assert "has been changed since version 1 was approved" in call(approved, "schema", "census.ipynb").out
    assert call(approved, "schema", "census.ipynb", "--approve", "--why", "nobody below 16").code == 0
    (told,) = call(approved, "schema", "census.ipynb", "--json").json
    assert (told["state"], told["version"]) == ("approved", 2)
    assert [one["why"] for one in told["schema"]["approvals"]] == ["the census of 1994", "nobody below 16"]
    assert "# Ada saw it in the notebook" in path.read_text(encoding="utf-8")
    again = call(approved, "schema", "census.ipynb", "--approve", "--why", "once more")
    assert "is approved as it is, in version 2" in again.err


@pytest.mark.row(88)
def test_a_file_is_refused_before_anything_is_made_of_it(approved: Path) -> None:
    people = pd.read_csv(approved / "people.csv")
    good = call(approved, "validate", "people.csv", "--schema", SCHEMA, "--json")
    people.drop(columns="age").assign(sex="M").to_parquet(approved / "bad.parquet")
    bad = call(approved, "validate", "bad.parquet", "--schema", SCHEMA)
    people.assign(age=(people["age"] + 15).clip(upper=100)).to_csv(approved / "older.csv", index=False)
    older = call(approved, "validate", "older.csv", "--schema", SCHEMA, "--json")
    apart = call(approved, "validate", "older.csv", "--reference", "people.csv")

    assert (good.code, good.json["decision"]) == (0, "pass")
    assert bad.code == 1
    assert "✘ bad.parquet: stop, this data may not be used" in bad.out
    assert "MISSING_COLUMN: The column `age` is missing." in bad.out
    assert "OUT_OF_DOMAIN: `sex` has values outside its domain: 'M'" in bad.out
    assert (older.code, older.json["decision"]) == (0, "retrain")
    assert [one["subject"] for one in older.json["findings"]] == ["age"]
    assert "DRIFT: The values of `age` have changed" in apart.out
    nothing = call(approved, "validate", "people.csv")
    assert (nothing.code, "nothing to judge" in nothing.err) == (2, True)
    assert call(approved, "validate", "nothing.csv", "--schema", SCHEMA).code == 2


def test_a_run_and_its_page_show_what_was_decided(approved: Path) -> None:
    ran = call(approved, "run", "census.ipynb", "--json")
    shown = call(approved, "show", "last").out
    told = call(approved, "show", "last", "load", "--json").json
    page = approved / "page.html"
    assert call(approved, "report", "last", "--to", str(page)).code == 0

    assert [one["decision"] for one in ran.json["verdicts"]] == ["pass", "pass"]
    assert "✔ people: pass, nothing is wrong (data-schema)" in shown
    assert [one["judge"] for one in told["verdicts"]] == ["data-schema", "data-drift"]
    html = page.read_text(encoding="utf-8")
    assert "<h2>Verdicts</h2>" in html
    assert 'class="mn-drift"' in html


def test_a_setting_that_is_for_tables_only_is_refused_elsewhere(tmp_path: Path) -> None:
    outputs = {"a": {"type": "metrics", "schema": True}, "b": {"type": "dataset", "schema": {"drfit": False}}}
    write(tmp_path / "one.ipynb", [("step:a", "a = b = 1", {"outputs": outputs})])
    checked = call(tmp_path, "check", "one.ipynb", "--json")

    assert checked.code == 2
    told = json.dumps(checked.json)
    assert "`outputs.a.type` must be dataset for what is set with it" in told
    assert "`outputs.b.schema.drfit` is not a setting. Did you mean `drift`?" in told
