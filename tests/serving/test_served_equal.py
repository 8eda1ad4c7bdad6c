"""What a notebook computed, a service answers to the last bit, and so does a batch: it is the same artifact."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb import find_project
from tests.cli.command import call
from tests.notebook_factory import write
from tests.serving.registered import DATA
from tests.serving.servers import Server, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOAD = """\
import pandas as pd

rides = pd.read_csv("taxis.csv", parse_dates=["pickup"]).query("payment == payment").head(2000)
rides["night"] = rides["pickup"].dt.hour < 6
rides["color"] = rides["color"].astype("category")
rides["tolls"] = rides["tolls"].where(rides["tolls"] > 0)
columns = ["payment", "color", "pickup_borough", "night", "passengers", "distance", "fare", "tolls"]
train = rides[columns]
"""
TRAIN = """\
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

def columns_of(numbers, texts):
    return ColumnTransformer([
        ("hot", OneHotEncoder(handle_unknown="ignore"), texts),
        ("numbers", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
    ])

numbers = ["night", "passengers", "distance", "fare", "tolls"]
model = make_pipeline(columns_of(numbers, ["payment", "color", "pickup_borough"]), Ridge()).fit(train, rides["tip"])
shares = make_pipeline(columns_of(numbers, ["color", "pickup_borough"]), LogisticRegression(max_iter=2000))
shares.fit(train, rides["payment"])
features = model[0]
"""
# As a person would in a cell, on the rows that it trained on.
OFFLINE = """\
import numpy as np

rows = train.tail(400)
rows.to_parquet("rows.parquet")
rows.to_csv("rows.csv", index=False)
made = features.transform(rows)
np.savez(
    "offline.npz",
    features=made.toarray() if hasattr(made, "toarray") else made,
    tips=model.predict(rows),
    payments=shares.predict(rows).astype(str),
    probabilities=shares.predict_proba(rows),
)
"""


def output(variable: str) -> dict[str, str]:
    return {"type": "model", "variable": variable, "sample_input": "train"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose notebook was run: three models, and what the notebook itself computed with them."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(DATA, folder)
    (folder / "pyproject.toml").touch()
    outputs = {"tips": output("model"), "payments": output("shares"), "features": output("features")}
    notebook = [("step:load", LOAD), ("step:train", TRAIN, {"outputs": outputs}), ("step:offline", OFFLINE)]
    write(folder / "tips.ipynb", notebook)
    ended = call(folder, "run", "tips.ipynb", "--json")
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def offline(project: Path) -> dict[str, np.ndarray]:
    with np.load(project / "offline.npz") as kept:
        return dict(kept)


@pytest.fixture(scope="module")
def rows(project: Path) -> list[dict[str, Any]]:
    """Return the rows as a client that knows nothing of pandas has them: JSON, with null for what is missing."""
    frame = pd.read_parquet(project / "rows.parquet").astype(object)
    found: list[Any] = frame.where(frame.notna(), None).to_dict("records")
    assert len(found) == 400
    assert any(row["tolls"] is None for row in found)
    assert any(row["pickup_borough"] is None for row in found)
    return found


@pytest.fixture(scope="module")
def tips(project: Path) -> Iterator[Server]:
    with served(project, "tips", "latest") as server:
        yield server


def bits(values: Any) -> bytes:
    return np.asarray(values, dtype=np.float64).tobytes()


@pytest.mark.row(12)
def test_a_pipelines_transform_in_the_service_is_the_notebooks_to_the_last_bit(
    project: Path, offline: dict[str, np.ndarray], rows: list[dict[str, Any]], tips: Server
) -> None:
    whole = tips.post("/transform", rows)
    one_by_one = [tips.post("/transform", [row])["rows"][0] for row in rows[:100]]
    with find_project(project).log() as log:
        (version,) = log.model_versions("tips")

    assert bits(whole["rows"]) == offline["features"].tobytes()
    assert bits(one_by_one) == offline["features"][:100].tobytes()
    assert len(whole["features"]) == offline["features"].shape[1]
    assert whole["run"] == version.run
    assert tips.http.get("/v2/models/tips").json()["parameters"] == {"run": version.run, "artifact": version.artifact}


@pytest.mark.row(12)
def test_a_transformer_alone_answers_with_its_transform(
    project: Path, offline: dict[str, np.ndarray], rows: list[dict[str, Any]]
) -> None:
    with served(project, "features", "latest") as server:
        predicted, transformed = server.post("/predict", rows), server.post("/transform", rows)
        inferred = server.post("/v2/models/features/infer", {"inputs": tensors(server, rows)})["outputs"]

    assert bits(predicted["predictions"]) == bits(transformed["rows"]) == offline["features"].tobytes()
    assert [tensor["name"] for tensor in inferred] == ["transform"]
    assert inferred[0]["shape"] == list(offline["features"].shape)
    assert bits(inferred[0]["data"]) == offline["features"].tobytes()


@pytest.mark.row(16)
def test_predictions_of_the_service_are_the_notebooks_to_the_last_bit(
    offline: dict[str, np.ndarray], rows: list[dict[str, Any]], tips: Server
) -> None:
    assert bits(tips.post("/predict", rows)["predictions"]) == offline["tips"].tobytes()


@pytest.mark.row(16)
def test_classes_and_probabilities_too(
    project: Path, offline: dict[str, np.ndarray], rows: list[dict[str, Any]]
) -> None:
    with served(project, "payments", "latest") as server:
        answer = server.post("/predict", rows)
        inferred = server.post("/v2/models/payments/infer", {"inputs": tensors(server, rows)})["outputs"]

    assert answer["predictions"] == offline["payments"].tolist()
    assert bits([list(shares.values()) for shares in answer["probabilities"]]) == offline["probabilities"].tobytes()
    labels, shares = inferred
    assert (labels["name"], labels["datatype"], labels["shape"]) == ("predict", "BYTES", [400])
    assert labels["data"] == offline["payments"].tolist()
    assert (shares["name"], shares["datatype"], shares["shape"]) == ("predict_proba", "FP64", [400, 2])
    assert bits(shares["data"]) == offline["probabilities"].tobytes()


@pytest.mark.row(18)
@pytest.mark.parametrize("source", ["rows.parquet", "rows.csv"])
def test_a_batch_equals_the_answers_of_the_service(
    project: Path, rows: list[dict[str, Any]], tips: Server, source: str
) -> None:
    ended = call(project, "predict", "tips", source, "--to", f"{source}.out.parquet", "--json")
    batch = pd.read_parquet(project / f"{source}.out.parquet")

    assert ended.code == 0, ended.err
    assert batch["prediction"].to_numpy().tobytes() == bits(tips.post("/predict", rows)["predictions"])


def tensors(server: Server, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as the tensors that the model's metadata asks for."""
    inputs = server.http.get(f"/v2/models/{server.told['model']}").json()["inputs"]
    return [one | {"shape": [len(rows)], "data": [row[one["name"]] for row in rows]} for one in inputs]


@pytest.mark.row(16)
def test_tensors_give_what_rows_give(rows: list[dict[str, Any]], tips: Server) -> None:
    metadata = tips.http.get("/v2/models/tips").json()
    request = {"id": "42", "inputs": tensors(tips, rows), "outputs": [{"name": "transform"}, {"name": "predict"}]}
    answer = tips.post("/v2/models/tips/versions/1/infer", request)
    made, predicted = answer["outputs"]

    assert {one["name"]: one["datatype"] for one in metadata["inputs"]} == {
        "payment": "BYTES",
        "color": "BYTES",
        "pickup_borough": "BYTES",
        "night": "BOOL",
        "passengers": "INT64",
        "distance": "FP64",
        "fare": "FP64",
        "tolls": "FP64",
    }
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("tips", "1", "42")
    assert bits(predicted["data"]) == bits(tips.post("/predict", rows)["predictions"])
    assert bits(made["data"]) == bits(tips.post("/transform", rows)["rows"])


@pytest.mark.row(16)
def test_a_category_that_the_training_did_not_have_is_refused(rows: list[dict[str, Any]], tips: Server) -> None:
    status, answer = tips.refused("/predict", json.dumps([rows[0] | {"color": "blue"}]))

    assert status == 422
    assert answer["violations"][0]["code"] == "UNKNOWN_CATEGORY"
    assert answer["violations"][0]["message"] == '`color` in row 0 is no category that the model knows: "blue".'
