"""`mlops_nb.compare` in a kernel: what is compared, what differs, what is best, and what reads without a kernel."""

from __future__ import annotations

import html.parser
import json
from typing import TYPE_CHECKING, Any

import pytest

import mlops_nb
from mlops_nb.errors import UsageError
from mlops_nb.metadata import UnknownRecord
from mlops_nb.project import find_project
from mlops_nb.registry import Registry
from tests.judged import judged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widgets.conftest import Income

WIDGET = "application/vnd.jupyter.widget-view+json"


def column(table: Any, label: str) -> dict[str, Any]:
    (found,) = [each for each in table.board["columns"] if each["label"] == label]
    return dict(found)


def values(table: Any, label: str) -> list[Any]:
    return list(table.board["values"][column(table, label)["key"]])


@pytest.mark.row(4)
def test_runs_stand_side_by_side_with_what_differs_and_the_best_of_each_metric_is_known(income: Income) -> None:
    table = mlops_nb.compare(pipeline="income", project=income.folder)

    assert values(table, "run") == list(reversed(income.runs))
    # What differs is a column, what does not is told once.
    assert values(table, "c") == [30.0, 0.01, 1.0]
    assert dict(table.board["same"]) == {"note": "<b>plain</b>"}
    for label, best in (("roc_auc", max), ("accuracy", max), ("log_loss", min)):
        told = values(table, label)
        places = [at for at, value in enumerate(told) if value == best(told)]
        assert column(table, label)["best"] == sorted(values(table, "run")[at] for at in places), label
    assert column(table, "log_loss")["direction"] == "min"
    assert column(table, "roc_auc")["direction"] == "max"
    # Neither more nor less of a bias is better, as its name tells.
    assert (column(table, "bias")["direction"], column(table, "bias")["best"]) == (None, [])


def test_sizes_of_published_tables_are_no_metrics(income: Income) -> None:
    table = mlops_nb.compare(project=income.folder)

    metrics = {each["label"] for each in table.board["columns"] if each["group"] == "metric"}
    assert metrics == {"roc_auc", "log_loss", "train_log_loss", "accuracy", "bias"}


def test_a_direction_that_is_told_wins_over_the_name(income: Income) -> None:
    table = mlops_nb.compare(project=income.folder, directions={"bias": "min", "accuracy": None})

    assert (column(table, "bias")["direction"], column(table, "bias")["given"]) == ("min", True)
    least = min(values(table, "bias"))
    assert column(table, "bias")["best"] == [values(table, "run")[values(table, "bias").index(least)]]
    assert column(table, "accuracy")["best"] == []


@pytest.mark.row(60)
def test_a_version_stands_against_the_champion_by_test_and_training_metrics(income: Income, tmp_path: Path) -> None:
    project = find_project(income.copy(tmp_path))
    with project.log() as log:
        versions = Registry(log).versions("income")
        judged(log, 1, model="income")
        Registry(log).promote("income", "1", "it was the first")

    table = mlops_nb.compare(model="income", project=project)

    assert values(table, "version") == [f"income@{version.version}" for version in versions]
    assert table.against == "income@1"
    assert table.board["aliases"]["income"]["champion"] == 1
    for label in ("log_loss", "train_log_loss"):
        assert values(table, label) == [version.metrics[label] for version in versions]
    assert table.selected[0] == "income@1"


def test_runs_and_versions_are_named_as_people_name_them(income: Income) -> None:
    first, _, last = income.runs

    named = mlops_nb.compare(first, "last", project=income.folder, against=first)
    assert values(named, "run") == [first, last]
    assert named.against == first
    by_search = mlops_nb.compare(where="params.c < 2", project=income.folder)
    assert set(values(by_search, "run")) == set(income.runs[:2])
    with find_project(income.folder).log() as log:
        records = [log.run(run) for run in income.runs[:2]]
        version = Registry(log).get("income", "2")
    assert values(mlops_nb.compare(*records, project=income.folder), "run") == list(income.runs[:2])
    assert values(mlops_nb.compare(version, "income@1", project=income.folder), "version") == ["income@2", "income@1"]


@pytest.mark.parametrize(
    ("what", "how", "error", "message"),
    [
        (("20000101-",), {}, UnknownRecord, "no run `20000101-`"),
        (("incom@1",), {}, UnknownRecord, "no model `incom`. Did you mean `income`"),
        (("last", "income@1"), {}, UsageError, "one kind is compared at a time"),
        (("last",), {"model": "income"}, UsageError, "by one of them"),
        ((), {"pipeline": "incone"}, UsageError, "Did you mean `income`"),
        ((), {"where": "params.c > 1000"}, UsageError, "No run meets `params.c > 1000`"),
        ((), {"directions": {"roc_acu": "max"}}, UsageError, "Did you mean `roc_auc`"),
        ((), {"directions": {"roc_auc": "up"}}, UsageError, "must be 'max', 'min' or None"),
        ((), {"against": "nobody"}, UsageError, "`nobody` is none of what is compared"),
        ((3,), {}, UsageError, "A `int` names neither a run nor a model version"),
    ],
)
def test_a_question_that_nothing_answers_is_refused_with_the_nearest(
    income: Income, what: Any, how: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(")):
        mlops_nb.compare(*what, project=income.folder, **how)


def test_a_project_without_runs_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no runs yet"):
        mlops_nb.compare(project=tmp_path)


def test_curves_slices_and_intervals_come_from_the_published_tables(income: Income) -> None:
    table = mlops_nb.compare(project=income.folder)

    for run in income.runs:
        told = table.details[run]
        assert set(told["curves"]["curves"]) == {"roc", "pr", "calibration"}
        assert told["curves"]["rows"] == 1500
        assert [row["slice"] for row in told["slices"]["rows"]] == ["sex: Female", "sex: Male"]
        assert told["slices"]["measures"] == ["people", "recall"]
        # Only what the predictions give again has an interval, and the number lies in it.
        at = values(table, "run").index(run)
        assert set(told["intervals"]) == {"m:roc_auc", "m:log_loss", "m:accuracy"}
        for key, (low, high, _) in told["intervals"].items():
            assert low < table.board["values"][key][at] < high


def test_details_of_a_run_are_read_when_it_is_selected_and_not_before(thousand: Path) -> None:
    table = mlops_nb.compare(project=thousand)
    assert set(table.details) == set(table.selected)

    other = table.board["items"][500]["id"]
    table.selected = [*table.selected, other]

    assert other in table.details
    assert "publishes no table" in table.details[other]["note"]


def test_a_thousand_runs_are_compared_and_their_state_fits_into_a_notebook(thousand: Path) -> None:
    table = mlops_nb.compare(project=thousand)

    assert len(table.board["items"]) == 1000
    assert [each["label"] for each in table.board["columns"]] == [
        *("run", "started", "seconds"),
        *("depth", "rate", "model"),
        *("mae", "r2"),
    ]
    assert table.board["same"] == [["seed", "7"]]
    best = min(range(1000), key=lambda at: values(table, "mae")[at])
    assert values(table, "run")[best] in column(table, "mae")["best"]
    assert values(table, "mae")[values(table, "run").index(table.selected[0])] == min(values(table, "mae"))
    assert len(json.dumps(table.get_state(), default=str)) < 600_000


def test_of_more_runs_than_the_limit_the_newest_are_compared_and_the_rest_is_told(thousand: Path) -> None:
    table = mlops_nb.compare(project=thousand, limit=10)

    assert values(table, "run") == [f"20260101-000000-{number:06x}" for number in range(999, 989, -1)]
    assert table.board["notice"] == "There are more: these are the newest 10."


def test_the_state_of_the_widget_is_json_and_nothing_else(income: Income) -> None:
    table = mlops_nb.compare(project=income.folder)

    for name in ("board", "details", "selected", "against"):
        json.dumps(table.get_state()[name], allow_nan=False)


class Cells(html.parser.HTMLParser):
    """Reads a table as a browser would: which tags there are, and the text of every row."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_without_a_kernel_the_table_is_html_without_scripts_and_every_value_is_escaped(income: Income) -> None:
    table = mlops_nb.compare(project=income.folder)

    bundle, _ = table._repr_mimebundle_()
    page = Cells()
    page.feed(bundle["text/html"])

    assert set(bundle) == {WIDGET, "text/html", "text/plain"}
    assert bundle[WIDGET]["model_id"] == table.model_id
    assert page.tags <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
    assert "&lt;b&gt;plain" in bundle["text/html"]
    assert [row[0].split()[0] for row in page.rows[1:4]] == list(reversed(income.runs))
    starred = [row for row in page.rows[1:4] if any("★" in cell for cell in row)]
    assert starred
    for run in income.runs:
        assert run in bundle["text/plain"]


def test_the_table_is_a_frame_too(income: Income) -> None:
    frame = mlops_nb.compare(project=income.folder).frame()

    assert list(frame.index) == list(reversed(income.runs))
    assert frame.loc[income.runs[0], "params.c"] == 1.0
    assert frame["roc_auc"].between(0.5, 1).all()
