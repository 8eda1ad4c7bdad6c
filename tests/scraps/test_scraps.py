"""What a step publishes from a real kernel is read back from its executed notebook: by us, and by scrapbook itself."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest
import scrapbook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from mlops_nb.artifacts import PARQUET, PNG, SKOPS, ArtifactStore, Column, load_model, load_table
from mlops_nb.errors import MlopsNbError
from mlops_nb.notebook import NotebookError, Output, code_cell, write_notebook
from mlops_nb.scraps import Scrap, publish_spec, read_scraps

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]

TRAIN = """\
import math, random, sys, warnings
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
random.seed(1); np.random.seed(1)
X = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0], "hours": [10, 20, 30, 40]})
y = np.array(["low", "low", "high", "high"])
model = LogisticRegression().fit(X, y)
answers = X.assign(predicted=model.predict(X))
scores = {"accuracy": np.float64(1.0), "rows": np.int64(4), "loss": float("nan"), "worst": -math.inf, "auc": 0.5}
on_train = pd.Series({"accuracy": 0.25})
figure, ax = plt.subplots()
ax.plot(X["age"], X["hours"])
best = "12"
nothing = None
nested = {"when": pd.Timestamp("2026-01-01"), "folds": np.array([1, 2]), "odd": [math.nan]}"""
METRICS = """\
auc = 0.75
r2 = np.float32(0.5)
names = ["no number"]
print(auc, r2, math.pi, scores["loss"], answers["age"].mean())"""
GLUE = """\
%matplotlib inline
import matplotlib.pyplot as plt
import pandas as pd
import scrapbook as sb
figure, _ = plt.subplots()
sb.glue("number", 3)
sb.glue("flag", True)
sb.glue("lost", float("nan"))
sb.glue("text", "12")
sb.glue("pairs", {"a": [1, 2]})
sb.glue("frame", pd.DataFrame({"n": [1, 2], "s": ["a", None]}))
sb.glue("shown", 5, display=True)
sb.glue("plot", figure, encoder="display")
sb.glue("twice", 1)
sb.glue("twice", 2)"""
BEFORE = """\
streams = (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2])
filters = list(warnings.filters); style = dict(plt.rcParams); known = ["known", *globals()]"""
AFTER = """\
print([name for name in globals() if name not in known and not name.startswith("_")])
print((random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == streams)
print(warnings.filters == filters, dict(plt.rcParams) == style, plt.get_fignums())
print([name for name in ("papermill", "ploomber", "scrapbook", "sqlalchemy", "nbformat") if name in sys.modules])"""
OUTPUTS = (
    Output("scores", "metrics", "scores"),
    Output("training", "metrics", "on_train"),
    Output("answers", "dataset", "answers"),
    Output("tips", "model", "model", sample_input="X"),
    Output("plot", "figure", "figure"),
    Output("best", "value", "best"),
    Output("nothing", "value", "nothing"),
    Output("nested", "value", "nested"),
)


def publish_cell(store: str, spec: str) -> str:
    return f"__import__('mlops_nb.scraps.glue', fromlist=['publish']).publish({store!r}, {spec!r})"


def document(cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def executed(folder: Path, cells: list[str], *, tolerant: bool = False) -> Path:
    notebook = nbformat.from_dict(document([code_cell(cell, f"c{i}") for i, cell in enumerate(cells)]))  # type: ignore[no-untyped-call]
    path = folder / "step.ipynb"
    try:
        NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
        ).execute()
    except CellExecutionError:
        if not tolerant:
            raise
    finally:
        write_notebook(notebook, path)
    return path


class Step:
    """A step notebook that a real kernel has executed, and what came of it."""

    def __init__(self, path: Path, store: ArtifactStore) -> None:
        self.path = path
        self.store = store
        self.document = json.loads(path.read_text(encoding="utf-8"))
        self.scraps = {scrap.name: scrap for scrap in read_scraps(path)}

    def printed(self, cell: int, stream: str) -> str:
        outputs = self.document["cells"][cell]["outputs"]
        return "".join("".join(out["text"]) for out in outputs if out.get("name") == stream)


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Step:
    folder = tmp_path_factory.mktemp("published")
    store = str(folder / "store")
    metrics = ["auc", "r2", "names", "math", "scores", "answers", "gone"]
    spec = publish_spec("train", OUTPUTS, metrics)
    return Step(
        executed(folder, [TRAIN, METRICS, BEFORE, publish_cell(store, spec), AFTER]), ArtifactStore(folder / "store")
    )


PUBLISH = 3


def reference(scrap: Scrap) -> Any:
    assert scrap.reference is not None
    assert scrap.value == scrap.reference.artifact
    return scrap.reference


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_each_metric_is_a_scrap_of_its_own_with_its_exact_number(step: Step) -> None:
    metrics = {name: scrap.value for name, scrap in step.scraps.items() if scrap.kind == "metric"}

    assert math.isnan(metrics.pop("loss"))
    assert metrics == {
        "scores.accuracy": 1.0,
        "training.accuracy": 0.25,
        "rows": 4,
        "worst": -math.inf,
        "scores.auc": 0.5,
        "auc": 0.75,
        "r2": 0.5,
    }
    assert {scrap.output for scrap in step.scraps.values() if scrap.kind == "metric"} == {"scores", "training", None}


def test_what_a_metrics_cell_names_beside_numbers_is_skipped_and_told_where_a_number_was_meant(step: Step) -> None:
    told = step.printed(PUBLISH, "stderr").splitlines()

    assert told == [
        "mlops_nb: Step `train`: `names` is a `list` and no number, so it is no metric.",
        "mlops_nb: Step `train`: the metric `gone` does not exist at the end of the step.",
    ]
    assert not {"names", "math", "scores", "answers", "gone"} - {"answers"} & set(step.scraps)


# --- content ----------------------------------------------------------------------------------------------------------


def test_a_dataset_is_stored_as_parquet_and_its_scrap_refers_to_it(step: Step) -> None:
    scrap = step.scraps["answers"]
    found = reference(scrap)

    table = load_table(step.store.get(found.artifact))
    assert table["predicted"].tolist() == ["low", "low", "high", "high"]
    assert (scrap.kind, found.media_type, found.rows) == ("dataset", PARQUET, 4)
    assert found.columns[-1] == Column("predicted", "str", nullable=False)
    assert found.bytes == len(step.store.get(found.artifact))


def test_a_model_is_stored_as_skops_with_its_signature_and_sample_and_predicts_the_same(step: Step) -> None:
    found = reference(step.scraps["tips"])

    sample = load_table(step.store.get(found.sample_input))
    model = load_model(step.store.get(found.artifact), found.trusted)
    assert model.predict(sample).tolist() == ["low", "low", "high", "high"]
    assert found.media_type == SKOPS
    assert found.estimator == "sklearn.linear_model._logistic.LogisticRegression"
    assert found.signature.classes == ("high", "low")
    assert [column.name for column in found.signature.inputs] == ["age", "hours"]
    assert (found.sample_input_rows, found.sample_input_media_type) == (4, PARQUET)
    assert found.sample_input_bytes == len(step.store.get(found.sample_input))


def test_a_figure_is_stored_as_png_and_svg(step: Step) -> None:
    found = reference(step.scraps["plot"])

    assert step.store.get(found.artifact).startswith(b"\x89PNG")
    assert b"<svg" in step.store.get(found.svg)
    assert (found.media_type, found.svg_media_type) == (PNG, "image/svg+xml")
    assert found.svg_bytes == len(step.store.get(found.svg))


def test_values_come_back_exactly_text_that_looks_like_a_number_and_none_included(step: Step) -> None:
    assert step.scraps["best"].value == "12"
    assert (step.scraps["nothing"].value, step.scraps["nothing"].kind) == (None, "value")
    nested = step.scraps["nested"].value
    assert nested["when"] == "2026-01-01T00:00:00"
    assert nested["folds"] == [1, 2]
    assert math.isnan(nested["odd"][0])


def test_each_scrap_knows_its_cell_and_scraps_come_in_the_order_they_were_glued(step: Step) -> None:
    assert {scrap.cell for scrap in step.scraps.values()} == {PUBLISH}
    # Content as it is declared, then the metrics.
    assert list(step.scraps)[:4] == ["answers", "tips", "plot", "best"]


# --- the kernel -------------------------------------------------------------------------------------------------------


def test_publishing_leaves_names_random_streams_filters_and_figures_of_the_notebook_alone(step: Step) -> None:
    names, streams, rest, _ = step.printed(PUBLISH + 1, "stdout").splitlines()

    assert names == "[]"
    assert streams == "True"
    assert rest.startswith("True True")


def test_publishing_loads_nothing_of_the_server_into_the_kernel(step: Step) -> None:
    assert step.printed(PUBLISH + 1, "stdout").splitlines()[-1] == "[]"


def test_scrapbook_itself_reads_what_was_published(step: Step) -> None:
    notebook = scrapbook.read_notebook(str(step.path))

    data = notebook.scraps.data_dict
    assert set(data) == set(step.scraps)
    assert data["auc"] == 0.75
    assert data["best"] == "12"
    assert data["answers"]["artifact"] == reference(step.scraps["answers"]).artifact
    assert data["answers"]["mlops_nb"] == 1
    assert notebook.scraps.dataframe["name"].tolist() == list(step.scraps)


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failed")
    outputs = [
        Output("good", "value", "good"),
        Output("missing", "dataset", "tabel"),
        Output("frame", "dataset", "good"),
        Output("scores", "metrics", "texts"),
        Output("flags", "metrics", "flags"),
        Output("model", "model", "good"),
        Output("drawn", "figure", "good"),
        Output("thing", "value", "thing"),
        Output("local", "model", "local"),
    ]
    cell = """
from sklearn.linear_model import Ridge
class Local(Ridge):
    pass
good, table, texts, flags, thing = 1, 2, {"auc": "high"}, {"passed": True}, object()
local = Local().fit([[1.0], [2.0]], [1.0, 2.0])
"""
    return executed(folder, [cell, publish_cell(str(folder / "store"), publish_spec("train", outputs))], tolerant=True)


def test_every_output_that_is_not_what_it_was_declared_to_be_is_named_in_one_error(failed: Path) -> None:
    cells = json.loads(failed.read_text(encoding="utf-8"))["cells"]
    (error,) = [output for output in cells[1]["outputs"] if output["output_type"] == "error"]

    assert error["ename"] == "CannotPublish"
    told = error["evalue"]
    head = "Step `train` cannot publish output"
    for line in (
        f"{head} `missing` (dataset, variable `tabel`): there is no variable `tabel` at the end of the step.",
        "Did you mean `table`?",
        f"{head} `frame` (dataset, variable `good`): A `int` is no table.",
        f"{head} `scores` (metrics, variable `texts`): `auc` is a `str`, and metrics are a mapping of names to",
        f"{head} `flags` (metrics, variable `flags`): `passed` is a `bool`",
        f"{head} `model` (model, variable `good`): A `int` is no model.",
        f"{head} `drawn` (figure, variable `good`): A `int` is no figure.",
        f"{head} `thing` (value, variable `thing`): The value is a `object`, which JSON cannot hold.",
        f"{head} `local` (model, variable `local`): The model holds `__main__.Local`, defined in the notebook",
    ):
        assert line in told
    assert "Move the definition into a module beside the notebook" in told


def test_what_can_be_published_is_there_although_the_step_failed(failed: Path) -> None:
    assert [(scrap.name, scrap.value) for scrap in read_scraps(failed)] == [("good", 1)]


# --- the user's own scraps --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def glued(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Scrap]:
    folder = tmp_path_factory.mktemp("glued")
    return {scrap.name: scrap for scrap in read_scraps(executed(folder, ["import math", "math.pi", GLUE]))}


def test_what_the_user_glued_with_scrapbook_is_read_with_its_kind(glued: Mapping[str, Scrap]) -> None:
    kinds = {name: scrap.kind for name, scrap in glued.items()}

    assert kinds == {
        "number": "metric",
        "flag": "value",
        "lost": "metric",
        "text": "value",
        "pairs": "value",
        "frame": "dataset",
        "shown": "metric",
        "plot": "figure",
        "twice": "metric",
    }
    assert {scrap.cell for scrap in glued.values()} == {2}
    assert {scrap.output for scrap in glued.values()} == {None}


def test_json_and_text_come_back_as_values_nan_as_nan(glued: Mapping[str, Scrap]) -> None:
    assert glued["number"].value == 3
    assert glued["flag"].value is True
    assert glued["text"].value == "12"
    assert glued["pairs"].value == {"a": [1, 2]}
    assert math.isnan(glued["lost"].value)


def test_a_glued_frame_comes_back_as_a_frame_and_the_log_gets_nothing_it_cannot_hold(
    glued: Mapping[str, Scrap],
) -> None:
    pd.testing.assert_frame_equal(glued["frame"].data, pd.DataFrame({"n": [1, 2], "s": ["a", None]}))
    assert glued["frame"].value is None
    json.dumps([scrap.value for scrap in glued.values()])


def test_a_scrap_shown_and_kept_is_one_scrap_with_both(glued: Mapping[str, Scrap]) -> None:
    assert glued["shown"].value == 5
    assert glued["shown"].display == {"text/plain": "5"}
    assert "image/png" in (glued["plot"].display or {})


def test_of_two_scraps_with_one_name_the_later_one_counts(glued: Mapping[str, Scrap]) -> None:
    assert glued["twice"].value == 2
    assert list(glued)[-1] == "twice"


# --- other notebooks --------------------------------------------------------------------------------------------------


def notebook_with(path: Path, *outputs: dict[str, Any]) -> Path:
    write_notebook(document([code_cell("", "c0") | {"outputs": list(outputs)}]), path)
    return path


def output_of(name: str, data: Any, encoder: str = "json", **marks: Any) -> dict[str, Any]:
    payload = {"name": name, "data": data, "encoder": encoder, "version": 1}
    metadata = {"scrapbook": {"name": name, "data": True, "display": False}}
    return {
        "output_type": "display_data",
        "data": {f"application/scrapbook.scrap.{encoder}+json": payload},
        "metadata": metadata | ({"mlops_nb": marks} if marks else {}),
    }


def test_a_scrap_of_an_unknown_encoder_hides_no_other(tmp_path: Path) -> None:
    path = notebook_with(tmp_path / "a.ipynb", output_of("odd", "YQ==", "arrow"), output_of("n", 1))

    odd, number = read_scraps(path)

    assert (odd.name, odd.encoder, odd.value, odd.data) == ("odd", "arrow", None, "YQ==")
    assert number.value == 1


def test_a_user_may_glue_what_looks_like_a_reference_or_an_escape(tmp_path: Path) -> None:
    trees = [{"mlops_nb": 1, "type": "model", "artifact": "x"}, {"$float": "nan"}, {"value": None}]
    path = notebook_with(tmp_path / "a.ipynb", *(output_of(f"s{i}", tree) for i, tree in enumerate(trees)))

    assert [(scrap.kind, scrap.value) for scrap in read_scraps(path)] == [("value", tree) for tree in trees]


def test_a_scrap_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = notebook_with(tmp_path / "a.ipynb", output_of("n", 1, format=2, kind="metric", output=None))

    with pytest.raises(MlopsNbError, match="`n` was published by a newer version"):
        read_scraps(path)


def test_scraps_are_read_from_folders_with_any_name_and_a_file_that_is_no_notebook_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "a#b ?c"
    folder.mkdir()
    path = notebook_with(folder / "run 1.ipynb", output_of("n", 1))
    (tmp_path / "not.ipynb").write_text("{", encoding="utf-8")

    assert read_scraps(str(path))[0].value == 1
    with pytest.raises(NotebookError):
        read_scraps(tmp_path / "not.ipynb")
    with pytest.raises(NotebookError, match=re.escape(str(tmp_path / "gone.ipynb"))):
        read_scraps(tmp_path / "gone.ipynb")


def test_old_papermill_records_are_read_too(tmp_path: Path) -> None:
    record = {"output_type": "display_data", "data": {"application/papermill.record+json": {"auc": 0.5}}}
    path = notebook_with(tmp_path / "a.ipynb", record | {"metadata": {"papermill": {"name": "auc"}}})

    assert [(scrap.name, scrap.value) for scrap in read_scraps(path)] == [("auc", 0.5)]


def test_the_spec_of_a_step_is_plain_json() -> None:
    spec = json.loads(publish_spec("train", OUTPUTS[3:4], ["auc"]))

    assert spec["step"] == "train"
    assert spec["outputs"][0]["sample_input"] == "X"
    assert spec["metrics"] == ["auc"]
