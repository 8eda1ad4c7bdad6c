"""All that differs between two runs, and a run as a page, in a real project with figures, tables and a failure."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb import find_project
from mlops_nb.report import diff_runs, render
from tests.cli.command import call
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
PLOT = """import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(2, 2))
axes.bar([1, 2], [n, 3])
axes.set_title("<b>bars</b>")
zones = table.groupby('zone', as_index=False)['tip'].mean()"""
SCORE = "score = float(table['tip'].sum()) / max(n, 1)\nlabels = ['<i>one</i>']"
CELLS = [
    ("parameters", "n = 2\nnote = 'plain'"),
    (
        "step:load",
        """# Reads the rides
import pandas as pd

table = pd.read_csv('rides.csv')
print('<script>printed</script>', len(table))""",
    ),
    ("step:draw", PLOT, {"outputs": {"zones": {"type": "dataset"}, "figure": {"type": "figure"}}}),
    ("step:score", SCORE),
    ("pipeline-metrics", "print(score)"),
    ("step:fail", "if n == 0:\n    raise ValueError('<script>evil()</script>')"),
]


@dataclass(frozen=True)
class Project:
    """A project whose notebook ran three times: as it is, edited on other data, and failing on hostile values."""

    folder: Path
    first: str
    second: str
    failed: str


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("explained")
    notebook = write(folder / "rides.ipynb", CELLS)
    (folder / "rides.csv").write_text("zone,tip\na,1\nb,2\n<b>c</b>,3\n", encoding="utf-8")
    first = call(folder, "run", "rides.ipynb", "--json")
    assert first.code == 0, first.err
    (folder / "rides.csv").write_text("zone,tip\na,1\nb,2\n<b>c</b>,9\n", encoding="utf-8")
    edit(notebook, 4, f"{SCORE}\n# halved")
    second = call(folder, "run", "rides.ipynb", "--json", "-p", "n", "3")
    assert second.code == 0, second.err
    failed = call(folder, "run", "rides.ipynb", "--json", "-p", "n", "0", "-r", "note", HOSTILE, "--why", HOSTILE)
    assert failed.code == 1
    return Project(folder, first.json["run"], second.json["run"], failed.json["run"])


def test_diff_tells_all_that_differs(project: Project) -> None:
    told = call(project.folder, "diff", project.first, project.second, "--json").json

    assert (told["before"], told["after"]) == (project.first, project.second)
    (cell,) = told["cells"]
    assert (cell["name"], cell["kind"]) == ("cell 4 (c4)", "changed")
    # A comment counts: a reader of the notebook would want to see it.
    assert "+# halved" in cell["lines"]
    assert told["parameters"] == [{"name": "n", "before": 2, "after": 3, "difference": 1}]
    assert [change["name"] for change in told["data"]] == ["file:rides.csv"]
    assert [(change["name"], change["difference"]) for change in told["metrics"]] == [("score", 1.0)]
    (zones,) = told["tables"]
    (tip,) = zones["columns"]
    assert (zones["name"], zones["rows"], tip["name"], tip["cells"]) == ("zones", [3, 3], "tip", 1)
    assert (tip["before"]["max"], tip["after"]["max"]) == (3.0, 9.0)
    (figure,) = told["figures"]
    assert figure["name"] == "figure"
    assert 0 < figure["share"] < 1
    assert not told["environment"]
    assert not told["notices"]
    assert {step["name"]: step["same_code"] for step in told["steps"]}["score"]
    text = call(project.folder, "diff", project.first, project.second).out
    for line in ("+# halved", "% of its pixels differ", "table zones", "mean 2, min 1, max 3"):
        assert line in text


def test_diff_of_one_step_tells_what_concerns_it(project: Project) -> None:
    told = call(project.folder, "diff", project.first, project.second, "--step", "draw", "--json").json
    assert not told["cells"]
    assert not told["metrics"]
    assert [item["name"] for item in told["tables"]] == ["zones"]
    assert [step["name"] for step in told["steps"]] == ["draw"]
    of_score = call(project.folder, "diff", project.first, project.second, "--step", "score", "--json").json
    assert [cell["name"] for cell in of_score["cells"]] == ["cell 4 (c4)"]
    assert not of_score["figures"]
    refused = call(project.folder, "diff", project.first, project.second, "--step", "scor")
    assert refused.code == 2
    assert "Did you mean `score`?" in refused.err


def test_a_run_differs_from_itself_in_nothing(project: Project) -> None:
    assert "Nothing else differs" in call(project.folder, "diff", project.first, project.first).out


def test_a_notebook_that_nothing_kept_is_told_and_the_rest_compared(project: Project) -> None:
    place = find_project(project.folder)
    with place.log() as log:
        one, other = log.run(project.first), log.run(project.second)
    bare = replace(one, artifacts=tuple(link for link in one.artifacts if link.step is not None))
    found = diff_runs(bare, other, place.artifact_store(), project.folder / "nowhere")
    assert any("The notebook of run" in notice for notice in found.notices)
    assert found.tables
    assert not found.cells


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text that a person reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(project: Project, *arguments: str) -> tuple[str, Page]:
    place = project.folder / "page.html"
    ended = call(project.folder, "report", *arguments, "-o", str(place), "--json")
    assert ended.code == 0, ended.err
    assert ended.json["file"] == str(place)
    text = place.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.mark.row(22)
def test_a_report_holds_a_run_with_its_figures(project: Project) -> None:
    text, shown = page(project, project.first)

    for word in (
        "rides",
        project.first,
        "score",
        "Metrics",
        "zones",
        "<b>c</b>",
        "n = 2",
        "load",
        "file:rides.csv"[5:],
        "processor",
        "steps at once",
    ):
        assert word in shown.text, word
    assert "{" not in shown.text[shown.text.index("What it stood on") : shown.text.index("History")]
    assert shown.text.count("rides.csv") == 1 + str(CELLS[1][1]).count("rides.csv")
    pictures = [attributes["src"] or "" for tag, attributes in shown.tags if tag == "img"]
    assert pictures
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert [attributes["class"] for tag, attributes in shown.tags if tag == "svg"] == ["mn-picture"] * 2
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


@pytest.mark.parametrize("arguments", [["{failed}"], ["{failed}", "--against", "{first}"], ["{first}"]])
def test_no_value_of_a_run_becomes_a_part_of_the_page(project: Project, arguments: list[str]) -> None:
    named = [word.format(failed=project.failed, first=project.first) for word in arguments]
    text, shown = page(project, *named)

    assert not [tag for tag, _ in shown.tags if tag in {"script", "i", "iframe", "object", "embed", "link", "form"}]
    assert not [name for _, attributes in shown.tags for name in attributes if name.startswith("on")]
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)
    policy = next(attributes["content"] for tag, attributes in shown.tags if attributes.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    if "{failed}" in arguments[0]:
        assert HOSTILE in shown.text
        assert html.escape(HOSTILE, quote=False)[:20] in text
        assert "<script>evil()</script>" in shown.text
        assert "ValueError" in shown.text
        assert "did not run" in shown.text or "failed" in shown.text


def test_every_field_of_a_record_is_escaped(project: Project) -> None:
    place = find_project(project.folder)
    store = place.artifact_store()
    with place.log() as log:
        record = log.run(project.failed)
    evil = '"><script>x</script>'

    def poisoned(value: Any, name: str = "") -> Any:
        """Return a value with something hostile at the end of every text that is no address of content."""
        if is_dataclass(value) and not isinstance(value, type):
            return replace(
                value, **{each.name: poisoned(getattr(value, each.name), each.name) for each in fields(value)}
            )
        if isinstance(value, tuple | list):
            return type(value)(poisoned(item) for item in value)
        if isinstance(value, dict):
            return {f"{key}": poisoned(item, key) for key, item in value.items()} | {evil: evil}
        untouched = {"hash", "direction", "media_type", "notebook", "kind", "artifact"}
        return f"{value}{evil}" if isinstance(value, str) and name not in untouched else value

    bad = poisoned(record)
    difference = diff_runs(bad, bad, store, project.folder / "runs")
    text = render(bad, store, models=[evil], difference=difference)
    shown = Page(text)
    assert shown.text.count("<script>x</script>") > 20
    assert not [tag for tag, _ in shown.tags if tag == "script"]
    assert not [attributes for _, attributes in shown.tags if any(name.startswith("<") for name in attributes)]


def test_a_report_against_another_run_shows_figures_side_by_side(project: Project) -> None:
    _, shown = page(project, project.second, "--against", project.first)
    alternatives = [attributes["alt"] for tag, attributes in shown.tags if tag == "img"]
    assert {"figure before", "figure after"} <= set(alternatives)
    assert "+# halved" in shown.text
    place = project.folder / "diff.html"
    assert call(project.folder, "diff", project.first, project.second, "--html", str(place)).code == 0
    assert "+# halved" in Page(place.read_text(encoding="utf-8")).text


def test_a_report_is_written_whole_or_not_at_all(project: Project) -> None:
    refused = call(project.folder, "report", "last", "-o", str(project.folder / "rides.csv" / "page.html"))
    assert refused.code in {1, 2}
    assert "rides.csv" in refused.err
    assert not [path for path in project.folder.iterdir() if path.name.startswith(".page")]
    named = call(project.folder, "report", project.first)
    assert (project.folder / f"rides-{project.first}.html").is_file(), named.out
