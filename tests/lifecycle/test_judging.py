"""Models of real notebooks are judged as their runs end: better, equal, worse, worse for some, and on leaked data."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error

import mlops_nb
from mlops_nb.errors import UsageError
from mlops_nb.lifecycle import Asked, judge, probe, score
from mlops_nb.registry import NotProven
from tests.cli.command import call
from tests.notebook_factory import write

if TYPE_CHECKING:
    from mlops_nb.lifecycle import Finished, Judged

RIDES = Path(__file__).parents[2] / "notebooks" / "data" / "taxis.csv"
PARAMETERS = "alpha = 1.0\nof = 'all'\ncopy = True"
LOAD = """import pandas as pd
rides = pd.read_csv('taxis.csv', parse_dates=['pickup']).query("payment == 'credit card'").reset_index(drop=True)"""
SPLIT = """columns = ['distance', 'fare', 'tolls', 'passengers']
early = rides['pickup'] < '2019-03-25'
X_train, y_train = rides.loc[early, columns], rides.loc[early, 'tip']
X_test, y_test = rides.loc[~early, columns], rides.loc[~early, 'tip']
places = rides[['color', 'pickup_borough']]"""
TRAIN = """from sklearn.linear_model import Ridge
chosen = X_train.index if of == 'all' else X_train.index[rides.loc[X_train.index, 'color'] == of]
model = Ridge(alpha=alpha, copy_X=copy).fit(X_train.loc[chosen], y_train.loc[chosen])
mae_of_run = 0.5"""
GATE: dict[str, Any] = {
    "data": "X_test",
    "target": "y_test",
    "groups": "places",
    "train": "X_train",
    "train_target": "y_train",
    "leads": "mae",
    "metrics": {"mae": {"at_most": 1.5}, "r2": {"max_worse": 0.2}},
    "slices": {"columns": ["color"]},
}


def output(gate: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"outputs": {"tips": {"type": "model", "variable": "model", "evaluate": gate, **more}}}


def cells(gate: dict[str, Any], split: str = SPLIT, train: str = TRAIN, **more: Any) -> list[tuple[Any, ...]]:
    return [
        ("parameters", PARAMETERS),
        ("step:load", LOAD),
        ("step:split", split),
        ("step:train", train, output(gate, **more)),
    ]


@dataclass(frozen=True)
class Place:
    """A project in which the notebook on tips ran with several parameters; each run's verdicts by its name."""

    folder: Path
    ran: dict[str, Finished]

    @property
    def notebook(self) -> Path:
        return self.folder / "tips.ipynb"

    def run(self, notebook: str = "tips.ipynb", **values: Any) -> Finished:
        return mlops_nb.run(self.folder / notebook, [("test", values)])

    @property
    def project(self) -> Any:
        return mlops_nb.find_project(self.folder)


def new_project(folder: Path) -> Place:
    shutil.copyfile(RIDES, folder / "taxis.csv")
    write(folder / "tips.ipynb", cells(GATE))
    return Place(folder, {})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a project: version 1 is the champion, 2 is better, 3 equals 2, 4 is better than 2 but not for green cabs.

    Versions 2 to 4 were judged against 1, 2 and 2.
    """
    place = new_project(tmp_path_factory.mktemp("tips"))
    place.ran["first"] = place.run(alpha=1e5)
    promote(place, "1")
    place.ran["better"] = place.run(alpha=1.0)
    promote(place, "2")
    place.ran["equal"] = place.run(alpha=1.0, copy=False)
    place.ran["yellow"] = place.run(alpha=1.0, of="yellow")
    return place


def promote(place: Place, version: str) -> None:
    with place.project.log() as log:
        mlops_nb.Registry(log).promote("tips", version, "a test says so")


def judged(finished: Finished) -> Judged:
    assert finished.result.status == "succeeded", finished.result.reason
    (one,) = finished.judged
    return one


def by_judge(one: Judged) -> dict[str, Any]:
    return {verdict.judge: verdict for verdict in one.verdicts}


def codes(one: Judged) -> set[str]:
    return {finding.code for verdict in one.verdicts for finding in verdict.findings if finding.severity == "error"}


@pytest.mark.row(36)
@pytest.mark.row(60)
def test_metrics_are_those_of_a_kept_test_artifact_and_stand_beside_its_hash(place: Place) -> None:
    one = judged(place.ran["first"])
    assert one.decision == "pass"
    assert set(by_judge(one)) == {
        "leak",
        "deployment",
        "model-metrics",
        "model-comparison",
        "model-slices",
        "model-behaviour",
    }
    evidence = by_judge(one)["model-metrics"].evidence
    store = place.project.artifact_store()
    table = mlops_nb_table(store.get(evidence["data"]))
    model = mlops_nb.load_model(store.get(one.version.artifact))
    features = [column["name"] for column in one.version.signature["inputs"]]
    told = evidence["metrics"]["mae"]
    assert told["value"] == pytest.approx(mean_absolute_error(table["tip"], model.predict(table[features])), rel=1e-12)
    assert told["low"] < told["value"] < told["high"]
    assert told["training"] != told["value"]
    assert evidence["rows"] == len(table) == 975
    record = place.ran["first"].result.record
    (link,) = {item.artifact.hash for item in record.artifacts if item.name == "tips.evaluation"}
    assert link == evidence["data"]


def mlops_nb_table(data: bytes) -> pd.DataFrame:
    """Return the Parquet as a person reads it."""
    import io

    return pd.read_parquet(io.BytesIO(data))


@pytest.mark.row(37)
def test_a_better_candidate_passes_against_the_champion_scored_on_the_same_rows(place: Place) -> None:
    first, better = (by_judge(judged(place.ran[name])) for name in ("first", "better"))
    comparison = better["model-comparison"]
    assert comparison.decision == "pass"
    assert comparison.evidence["against"]["version"] == 1
    assert comparison.evidence["data"] == first["model-metrics"].evidence["data"]
    change = comparison.evidence["changes"]["mae"]
    assert change["baseline"] == first["model-metrics"].evidence["metrics"]["mae"]["value"]
    assert change["improvement"] == pytest.approx(change["baseline"] - change["candidate"])
    assert change["low"] < change["improvement"] < change["high"]


@pytest.mark.row(37)
@pytest.mark.row(89)
def test_an_equal_candidate_stays_registered_with_its_verdicts_and_is_not_promoted(place: Place) -> None:
    one = judged(place.ran["equal"])
    assert (one.version.version, one.decision, codes(one)) == (3, "refuse", {"NOT_BETTER"})
    with place.project.log() as log:
        with pytest.raises(NotProven, match="a model that is no better is not promoted"):
            mlops_nb.Registry(log).promote("tips", "3", "please")
        assert log.aliases("tips") == {"champion": 2, "previous": 1, "candidate": 4}
        assert [verdict.decision for verdict in log.verdicts(model="tips", version=3)].count("refuse") == 1


@pytest.mark.row(38)
def test_a_candidate_that_is_better_overall_and_worse_for_green_cabs_is_refused_by_name(place: Place) -> None:
    one = judged(place.ran["yellow"])
    told = by_judge(one)
    assert told["model-comparison"].decision == "pass"
    assert told["model-comparison"].evidence["changes"]["mae"]["improvement"] > 0.05
    assert codes(one) == {"SLICE_WORSE"}
    (found,) = [item for item in told["model-slices"].findings if item.severity == "error"]
    assert (found.subject, found.details["rows"]) == ("color=green", 132)
    assert found.details["change"]["high"] < 0


def test_a_run_that_comes_to_a_judged_version_keeps_its_verdicts_and_another_bound_judges_anew_without_training(
    place: Place,
) -> None:
    again = place.run(alpha=1.0, of="yellow")
    assert {step.status for step in again.result.record.steps} == {"cached"}
    assert not judged(again).new
    before = place.notebook.read_text(encoding="utf-8")
    rules = {"mae": {"at_most": 0.9}, "mae_of_run": {"at_least": 1.0}}
    write(place.notebook, cells({**GATE, "metrics": rules}))
    try:
        stricter = place.run(alpha=1.0, of="yellow")
    finally:
        place.notebook.write_text(before, encoding="utf-8")
    assert {step.status for step in stricter.result.record.steps} == {"cached"}
    one = judged(stricter)
    assert (one.new, one.version.version) == (True, 4)
    assert codes(one) == {"ABOVE_THRESHOLD", "METRIC_NOT_FOUND", "SLICE_WORSE"}


def test_judging_anew_holds_a_version_against_the_champion_of_now(place: Place) -> None:
    one = judge(place.project, "tips", "1")
    assert by_judge(one)["model-comparison"].evidence["against"]["version"] == 2
    assert "WORSE_THAN_CHAMPION" in codes(one)


@pytest.mark.row(59)
def test_any_version_is_scored_on_new_data_from_its_name_and_number_alone(place: Place) -> None:
    rides = pd.read_csv(RIDES)
    new = rides[(rides["payment"] == "credit card") & (rides["pickup"] >= "2019-03-28")]
    new.to_csv(place.folder / "new.csv", index=False)
    ended = call(place.folder, "score", "tips", "previous", "new.csv", "--slice", "color", "--json")
    assert ended.code == 0, ended.err
    (verdict,) = ended.json["verdicts"]
    with place.project.log() as log:
        version = mlops_nb.Registry(log).get("tips", "1")
        kept = log.verdicts(model="tips", version=1)[-1]
    model = mlops_nb.load_model(place.project.artifact_store().get(version.artifact))
    features = new[[column["name"] for column in version.signature["inputs"]]]
    told = verdict["evidence"]["metrics"]["mae"]
    assert told["value"] == pytest.approx(mean_absolute_error(new["tip"], model.predict(features)), rel=1e-12)
    assert {item["slice"] for item in verdict["evidence"]["slices"]} == {"color=yellow", "color=green"}
    assert (kept.judge, kept.content["evidence"]["data"]) == ("model-score", verdict["evidence"]["data"])
    for file, asked, message in (
        ("new.csv", Asked("tipp"), "has no column `tipp`. Did you mean `tip`?"),
        ("new.csv", Asked(slices=["colour"]), "has no column `colour`. Did you mean `color`?"),
        ("old.csv", Asked(), "There is no file"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            score(place.project, "tips", "1", place.folder / file, asked)


@pytest.mark.row(21)
def test_a_version_is_given_away_with_its_card_and_figures(place: Place) -> None:
    ended = call(place.folder, "models", "tips", "4", "--to", "given", "--json")
    assert ended.code == 0, ended.err
    card = (place.folder / "given" / "model_card.md").read_text(encoding="utf-8")
    for part in ("# tips 4", "## Data", "## Metrics", "## Groups", "## Calibration", "## Limits", "## Environment"):
        assert part in card
    assert "It may not be promoted" in card
    assert re.search(r"\| color=green \| 132 \| 2\.081 \| [\d.]+ to [\d.]+ \|", card)
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", card)
    assert pictures == ["slices.svg", "calibration.svg"]
    for picture in pictures:
        drawn = ET.parse(place.folder / "given" / picture).getroot()  # noqa: S314 - what we have just written
        assert drawn.tag.endswith("svg")
        assert len(list(drawn.iter())) > 20


EARLY = "rides.loc[early, columns], rides.loc[early, 'tip']"


# --- leaks ------------------------------------------------------------------------------------------------------------


@pytest.mark.row(15)
@pytest.mark.parametrize(
    ("split", "train", "code"),
    [
        (SPLIT, TRAIN.replace("X_train", "X_test").replace("y_train", "y_test"), "LEAKED_DATA"),
        (
            SPLIT.replace("rides.loc[early, columns], rides.loc[early, 'tip']", "rides[columns], rides['tip']"),
            TRAIN,
            "",
        ),
    ],
    ids=["the training step reads the judged data", "judged rows are among the training rows"],
)
def test_a_run_fails_when_a_model_is_judged_on_what_it_learned_from(
    tmp_path: Path, split: str, train: str, code: str
) -> None:
    place = new_project(tmp_path)
    write(place.notebook, cells(GATE, split, train))
    finished = place.run()
    assert finished.result.status == "failed"
    assert (finished.models, finished.judged) == ((), ())
    (step,) = [step for step in finished.result.record.steps if step.status == "failed"]
    assert "is judged on what it learned from" in step.reason
    with place.project.log() as log:
        (verdict,) = log.verdicts(run=finished.result.run)
        assert log.models() == ()
    assert (verdict.judge, verdict.decision, verdict.step) == ("leak", "stop", "train")
    assert verdict.content["findings"][0]["code"] == (code or "LEAKED_ROWS")


# --- deployment -------------------------------------------------------------------------------------------------------


@pytest.mark.row(40)
def test_a_model_that_takes_other_fields_than_the_champion_is_refused_field_by_field(place: Place) -> None:
    wide = SPLIT.replace("'passengers']", "'passengers', 'hour']").replace(
        "columns = [", "rides['hour'] = rides['pickup'].dt.hour\ncolumns = [", 1
    )
    write(place.folder / "wide.ipynb", cells(GATE, wide.replace("'tolls'", "'total'")))
    one = judged(place.run("wide.ipynb"))
    errors = [item for item in by_judge(one)["deployment"].findings if item.severity == "error"]
    assert {(item.code, item.subject) for item in errors} >= {("INPUT_ADDED", "hour")}
    assert {item.subject for item in errors} == {"tolls", "hour"} or {item.code for item in errors} == {
        "INPUT_RENAMED",
        "INPUT_ADDED",
    }


def test_a_pickle_that_its_notebook_declares_is_judged_and_compared_and_else_only_where_it_is_allowed(
    tmp_path: Path,
) -> None:
    place = new_project(tmp_path)
    train = (
        "class Halved(Ridge):\n    def predict(self, X):\n        return super().predict(X) / half\n\n"
        "model = Halved(alpha=alpha).fit(X_train, y_train)\nmodel.note = lambda: half"
    )
    gate = {**GATE, "promote": "automatic"}
    shown = [("parameters", f"{PARAMETERS}\nhalf = 1.0"), ("imports", "from sklearn.linear_model import Ridge")]
    write(place.notebook, [*shown, *cells(gate, train=train, format="cloudpickle")[1:]])
    first = judged(place.run(alpha=1e5))
    assert (first.decision, first.promoted) == ("pass", True)
    better = judged(place.run())
    assert (better.decision, better.promoted) == ("pass", True)
    against = by_judge(better)["model-comparison"].evidence["against"]
    assert against["version"] == 1
    refused = call(tmp_path, "judge", "tips", "1", "--json")
    assert "is a pickle" in refused.out + refused.err
    again = call(tmp_path, "judge", "tips", "1", "--allow-pickle", "--json")
    assert {finding["code"] for verdict in again.json["verdicts"] for finding in verdict["findings"]} >= {
        "WORSE_THAN_CHAMPION"
    }
    rides = pd.read_csv(RIDES).query("payment == 'credit card'")
    rides.to_csv(tmp_path / "new.csv", index=False)
    assert call(tmp_path, "score", "tips", "2", "new.csv", "--json").code != 0
    scored = call(tmp_path, "score", "tips", "2", "new.csv", "--target", "tip", "--allow-pickle", "--json")
    assert scored.json["verdicts"][0]["evidence"]["metrics"]["mae"]["value"] < 1.5


@pytest.mark.row(39)
@pytest.mark.parametrize("kind", ["skops", "pickle"])
def test_a_model_whose_module_is_gone_or_that_needs_too_much_memory_is_refused_in_a_fresh_process(
    tmp_path: Path, kind: str
) -> None:
    place = new_project(tmp_path)
    (tmp_path / "halving.py").write_text(
        "from sklearn.base import BaseEstimator, TransformerMixin\n\n\n"
        "class Half(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None):\n        self.n_features_in_ = X.shape[1]\n        return self\n\n"
        "    def transform(self, X):\n        return X / 2\n",
        encoding="utf-8",
    )
    train = (
        "from halving import Half\nfrom sklearn.linear_model import Ridge\nfrom sklearn.pipeline import make_pipeline\n"
        "model = make_pipeline(Half(), Ridge()).fit(X_train, y_train)"
    )
    gate = {**GATE, "promote": "automatic"}
    pickled = kind == "pickle"
    more: dict[str, Any] = {"format": "pickle"} if pickled else {"trusted": ["halving.Half"]}
    write(place.notebook, cells(gate, train=train, **more))
    one = judged(place.run())
    assert (one.decision, one.promoted) == ("pass", True)
    with place.project.log() as log:
        assert log.aliases("tips") == {"champion": 1}
    small = probe(place.project, "tips", "1", memory_mb=20, allow_pickle=pickled)
    assert codes(small) == {"MEMORY_EXCEEDED"}
    (tmp_path / "halving.py").unlink()
    gone = call(tmp_path, "probe", "tips", "latest", *(["--allow-pickle"] if pickled else []), "--json")
    assert gone.code == 1
    (found,) = json.loads(gone.out)["verdicts"][0]["findings"]
    assert (found["code"], found["subject"]) == ("PACKAGE_MISSING", "halving")
    with place.project.log() as log, pytest.raises(NotProven, match="needs the package `halving`"):
        mlops_nb.Registry(log).promote("tips", "1", "it passed once", to="challenger")
