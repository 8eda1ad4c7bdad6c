"""A model becomes one ONNX file that answers as it does, where neither mlops_nb nor scikit-learn can be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_nb import find_project
from mlops_nb.lifecycle import edge
from mlops_nb.serving.edge import CannotConvert, NotEqual
from tests.cli.command import call
from tests.serving.registered import DATA, register

if TYPE_CHECKING:
    from pathlib import Path

# What a device has: a runtime, and no package that the model was trained with.
DEVICE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mlops_nb", "sklearn", "skl2onnx", "skops", "scipy", "joblib", "pandas"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
told = session.get_modelmeta().custom_metadata_map
rows = json.loads(sys.stdin.read())
names = [name for name, _ in json.loads(told["columns"])]
if len(session.get_inputs()) == 1 and len(names) > 1:
    given = {session.get_inputs()[0].name: np.array([[row[name] for name in names] for row in rows], np.float32)}
else:
    given = {
        i.name: np.array([[row[i.name]] for row in rows], object if "string" in i.type else np.float32)
        for i in session.get_inputs()
    }
answer = session.run(None, given)[0]
loaded = sorted({"sklearn", "mlops_nb"} & set(sys.modules))
print(json.dumps({"answer": np.asarray(answer).ravel().tolist(), "loaded": loaded, "told": told}))
"""


@pytest.fixture(scope="module")
def rides() -> pd.DataFrame:
    return pd.read_csv(DATA).dropna().head(1_500).reset_index(drop=True)


def mixed(rides: pd.DataFrame) -> Any:
    hot = ("hot", OneHotEncoder(handle_unknown="ignore"), ["payment", "color"])
    columns = ColumnTransformer([hot, ("numbers", StandardScaler(), ["distance", "fare", "passengers"])])
    return make_pipeline(columns, Ridge()).fit(
        rides[["payment", "color", "distance", "fare", "passengers"]], rides["tip"]
    )


@pytest.mark.row(17)
def test_a_file_answers_as_the_model_where_neither_it_nor_its_training_can_be_imported(
    tmp_path: Path, rides: pd.DataFrame
) -> None:
    model = mixed(rides)
    rows = rides[["payment", "color", "distance", "fare", "passengers"]]
    register(tmp_path, "tips", model, rows)
    ended = call(tmp_path, "edge", "tips", "--to", "tips.onnx", "--json")
    assert ended.code == 0, ended.err
    done = subprocess.run(
        [sys.executable, "-I", "-c", DEVICE, str(tmp_path / "tips.onnx")],
        input=rows.tail(200).to_json(orient="records"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    device = json.loads(done.stdout)

    np.testing.assert_allclose(device["answer"], model.predict(rows.tail(200)), rtol=1e-4, atol=1e-4)
    assert device["loaded"] == []
    assert (device["told"]["model"], device["told"]["version"], device["told"]["tolerance"]) == ("tips", "1", "0.0001")
    assert ended.json["evidence"]["rows"] == 1_000
    assert ended.json["evidence"]["largest_difference"] <= 1e-4
    with find_project(tmp_path).log() as log:
        (verdict,) = log.verdicts(model="tips", version=1)
    assert (verdict.judge, verdict.decision) == ("edge-parity", "pass")


@pytest.mark.row(17)
def test_labels_and_probabilities_of_a_classifier_are_the_models(tmp_path: Path, rides: pd.DataFrame) -> None:
    rows = rides[["distance", "fare"]].astype("float32")
    model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=10, random_state=0))
    register(tmp_path, "payments", model.fit(rows, rides["payment"]), rows)
    made = edge("payments", tmp_path / "payments.onnx", project=tmp_path)

    assert made.verdict.decision == "pass"
    assert made.path.stat().st_size == made.bytes


def test_a_model_that_was_shown_an_array_has_one_input(tmp_path: Path, rides: pd.DataFrame) -> None:
    rows = rides[["distance", "fare"]].to_numpy(np.float32)
    forest = RandomForestRegressor(5, random_state=0).fit(rows, rides["tip"])
    register(tmp_path, "forest", forest, rows)

    assert edge("forest", tmp_path / "forest.onnx", project=tmp_path).verdict.decision == "pass"


@pytest.mark.row(17)
def test_a_model_whose_file_answers_otherwise_is_refused_with_the_rows(tmp_path: Path, rides: pd.DataFrame) -> None:
    # Numbers beyond the 24 bits of a 32-bit float: the file cannot tell them apart, and the model can.
    large = pd.DataFrame({"x": np.arange(200, dtype=np.float64) + 2.0**40})
    register(tmp_path, "large", make_pipeline(StandardScaler(), Ridge()).fit(large, np.arange(200.0)), large)

    with pytest.raises(NotEqual) as refused:
        edge("large", tmp_path / "large.onnx", project=tmp_path)
    with find_project(tmp_path).log() as log:
        (verdict,) = log.verdicts(model="large", version=1)

    assert "rows by more than 0.0001: row 0:" in refused.value.message
    assert not list(tmp_path.glob("*.onnx"))
    assert verdict.decision == "refuse"
    assert verdict.content["findings"][0]["details"]["rows"][0] == 0


def test_a_model_without_an_onnx_form_is_refused(tmp_path: Path, rides: pd.DataFrame) -> None:
    fares = rides["fare"].to_numpy()
    register(tmp_path, "odd", IsotonicRegression().fit(fares, rides["tip"]), fares)

    with pytest.raises(CannotConvert, match=r"odd 1 has no ONNX form: MissingShapeCalculator"):
        edge("odd", tmp_path / "odd.onnx", project=tmp_path)
    assert not list(tmp_path.glob("*.onnx"))
