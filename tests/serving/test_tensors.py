"""The Open Inference Protocol over REST, held against its text: names of fields, shapes, datatypes, errors.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.serving.registered import register
from tests.serving.servers import Server, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = pd.DataFrame(
    {
        "name": ["a", "b", "a", "b"],
        "truth": [True, False, True, False],
        "small": np.array([1, 2, 3, 4], dtype=np.int8),
        "plain": np.array([1, 2, 3, 4], dtype=np.uint64),
        "half": np.array([0.5, 1.5, 2.5, 3.5], dtype=np.float32),
        "wide": [0.1, None, 0.3, 0.4],
    }
)
TARGETS = pd.DataFrame({"one": [1.0, 2.0, 3.0, 4.0], "two": [2.0, 3.0, 4.0, 5.0]})
REQUEST: dict[str, Any] = {
    "id": "42",
    "inputs": [
        {"name": "name", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
        {"name": "truth", "shape": [2], "datatype": "BOOL", "data": [True, False]},
        {"name": "small", "shape": [2], "datatype": "INT8", "data": [1, 2]},
        {"name": "plain", "shape": [2], "datatype": "UINT64", "data": [1, 2]},
        {"name": "half", "shape": [2, 1], "datatype": "FP32", "data": [[0.5], [1.5]]},
        {"name": "wide", "shape": [2, 1], "datatype": "FP64", "data": [0.1, 0.2]},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    hot = ("hot", OneHotEncoder(), ["name"])
    columns = ColumnTransformer([hot, ("numbers", "passthrough", ["truth", "small", "plain", "half"])])
    register(folder, "two", make_pipeline(columns, LinearRegression()).fit(ROWS, TARGETS), ROWS)
    numbers = ROWS[["half"]]
    register(folder, "truth", LogisticRegression().fit(numbers, ROWS["truth"]), numbers)
    register(folder, "grade", LogisticRegression().fit(numbers, ROWS["small"] // 3), numbers)
    return folder


@pytest.fixture(scope="module")
def two(folder: Path) -> Iterator[Server]:
    with served(folder, "two", "latest") as server:
        yield server


@pytest.mark.row(16)
def test_the_server_and_its_model_tell_what_they_are(two: Server) -> None:
    metadata = two.http.get("/v2/models/two").json()

    assert two.http.get("/v2").json().keys() == {"name", "version", "extensions"}
    assert two.http.get("/v2/health/live").json() == {"live": True}
    assert two.http.get("/v2/health/ready").json() == {"live": True, "ready": True}
    assert two.http.get("/v2/models/two/ready").json() == {"name": "two", "ready": True}
    assert two.http.get("/v2/models/two/versions/1/ready").json() == {"name": "two", "ready": True}
    assert two.http.get("/v2/models/two/versions/1").json() == metadata
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("two", ["1"], "sklearn_skops")
    assert {tensor["name"]: (tensor["datatype"], tensor["shape"]) for tensor in metadata["inputs"]} == {
        "name": ("BYTES", [-1]),
        "truth": ("BOOL", [-1]),
        "small": ("INT8", [-1]),
        "plain": ("UINT64", [-1]),
        "half": ("FP32", [-1]),
        "wide": ("FP64", [-1]),
    }
    assert metadata["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [-1, 2]}]


@pytest.mark.row(16)
def test_an_answer_has_the_requests_id_and_row_major_tensors(two: Server) -> None:
    answer = two.post("/v2/models/two/infer", REQUEST)
    (tensor,) = answer["outputs"]

    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("two", "1", "42")
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("predict", "FP64", [2, 2])
    np.testing.assert_allclose(tensor["data"], [1.0, 2.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("model", "datatypes"), [("truth", ("BOOL", "FP32")), ("grade", ("INT8", "FP32"))], ids=["truths", "numbers"]
)
def test_labels_have_the_datatype_that_they_have_in_the_model(
    folder: Path, model: str, datatypes: tuple[str, str]
) -> None:
    tensor = {"name": "half", "shape": [2], "datatype": "FP32", "data": [0.5, 3.5]}
    with served(folder, model, "latest") as server:
        outputs = server.post(f"/v2/models/{model}/infer", {"inputs": [tensor]})["outputs"]
        told = server.http.get(f"/v2/models/{model}").json()["outputs"]
        shares = server.post("/predict", [{"half": 0.5}])["probabilities"]

    assert [(one["name"], one["shape"]) for one in outputs] == [("predict", [2]), ("predict_proba", [2, 2])]
    assert tuple(one["datatype"] for one in outputs) == datatypes == tuple(one["datatype"] for one in told)
    assert outputs[0]["data"] == ([True, False] if model == "truth" else [0, 1])
    assert list(shares[0]) == (["False", "True"] if model == "truth" else ["0", "1"])


def changed(place: int, **fields: Any) -> dict[str, Any]:
    """Return the request with one input changed."""
    request = copy.deepcopy(REQUEST)
    request["inputs"][place] |= fields
    return request


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ([], "has no list of `inputs`"),
        ({"inputs": {}}, "has no list of `inputs`"),
        ({"inputs": []}, "has no input `name`, which the model takes"),
        ({"inputs": REQUEST["inputs"][1:]}, "has no input `name`, which the model takes"),
        ({"inputs": [5]}, "Input 0 has no `name`"),
        ({"inputs": [*REQUEST["inputs"], REQUEST["inputs"][0]]}, "There are two inputs `name`"),
        (changed(0, name="nome"), "takes no input `nome`. Did you mean `name`?"),
        (changed(0, name=["name"]), "Input 0 has no `name`"),
        (changed(5, datatype="FP32"), "Input `wide` is FP32, and the model takes FP64."),
        (changed(5, datatype=None), "Input `wide` is None, and the model takes FP64."),
        (changed(5, shape="2"), "The `shape` of input `wide` is no list of sizes."),
        (changed(5, shape=[-1]), "The `shape` of input `wide` is no list of sizes."),
        (changed(5, shape=[2.0]), "The `shape` of input `wide` is no list of sizes."),
        (changed(5, shape=[]), "The `data` of input `wide` does not have the shape []."),
        (changed(5, shape=[1, 2]), "Input `wide` has the shape [1, 2], and the model takes [-1]."),
        (changed(5, shape=[3]), "The `data` of input `wide` does not have the shape [3]."),
        (changed(5, shape=[3], data=[1.0, 2.0, 3.0]), "The inputs differ in how many rows they have"),
        (changed(5, data=[[0.1], []]), "The `data` of input `wide` does not have the shape [2, 1]."),
        (changed(5, data=[[[0.1]], [[0.2]]]), "2 values do not fit"),
        (changed(5, data="0.1"), "The `data` of input `wide` does not have the shape"),
        (changed(5, data=["0.1", 0.2]), "1 value does not fit two 1"),
        (changed(2, data=[300, 1]), "1 value does not fit two 1"),
        (REQUEST | {"outputs": [{"name": "predicted"}]}, "two has no output `predicted`. Did you mean `predict`?"),
        (REQUEST | {"outputs": [{"name": "predict_proba"}]}, "two has no output `predict_proba`."),
        (REQUEST | {"outputs": [{"name": ["predict"]}]}, "two has no output `['predict']`."),
        (REQUEST | {"outputs": ["predict"]}, "`outputs` is no list of objects with a `name`."),
        (REQUEST | {"outputs": {"name": "predict"}}, "`outputs` is no list of objects with a `name`."),
        (REQUEST | {"id": 42}, "The `id` of the request is no text."),
    ],
)
def test_what_is_no_request_of_the_protocol_is_told(two: Server, request_: Any, told: str) -> None:
    status, answer = two.refused("/v2/models/two/infer", json.dumps(request_))

    assert status == (422 if "not fit" in told else 400)
    assert told in answer["error"]


def test_a_missing_value_is_null_where_the_training_had_missing_ones(two: Server) -> None:
    two.post("/v2/models/two/infer", changed(5, data=[None, 0.2]))
    status, answer = two.refused("/v2/models/two/infer", json.dumps(changed(4, data=[None, 0.5])))

    assert status == 422
    assert [(one["code"], one["row"], one["column"]) for one in answer["violations"]] == [("MISSING_VALUE", 0, "half")]
