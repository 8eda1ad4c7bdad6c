"""A file of rows becomes a file of predictions: each row once, whatever happens, and none where a row does not fit."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_nb import find_project, predict
from mlops_nb.artifacts import describe_table, dump_table, load_table
from mlops_nb.errors import UsageError
from mlops_nb.serving.batch import Busy, InputRefused, _alone
from mlops_nb.validation.rows import RowsReader
from tests.cli.command import call
from tests.serving.registered import DATA, register

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1_000


@pytest.fixture(scope="module")
def rides() -> pd.DataFrame:
    rides = pd.read_csv(DATA).query("payment == payment and color == color").head(ROWS)
    return rides.assign(ride=[f"r{number:04d}" for number in range(ROWS)]).reset_index(drop=True)


@pytest.fixture(scope="module")
def tips_model(rides: pd.DataFrame) -> Any:
    hot = ("hot", OneHotEncoder(handle_unknown="ignore"), ["payment"])
    columns = ColumnTransformer([hot, ("numbers", "passthrough", ["distance", "fare", "passengers"])])
    return make_pipeline(columns, Ridge()).fit(known(rides), rides["tip"])


def known(rides: pd.DataFrame) -> pd.DataFrame:
    return rides[["payment", "distance", "fare", "passengers"]]


@pytest.fixture
def folder(tmp_path: Path, rides: pd.DataFrame, tips_model: Any) -> Path:
    """Return a project with the model `tips`, and its rows beside it as CSV and as Parquet, in another order."""
    register(tmp_path, "tips", tips_model, known(rides))
    shuffled = rides[["ride", "fare", "color", "passengers", "payment", "distance"]]
    shuffled.to_csv(tmp_path / "rides.csv", index=False)
    shuffled.to_parquet(tmp_path / "rides.parquet")
    return tmp_path


@pytest.mark.row(18)
@pytest.mark.parametrize("source", ["rides.csv", "rides.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_every_row_gets_the_models_own_prediction_with_version_and_input(
    folder: Path, rides: pd.DataFrame, tips_model: Any, source: str, target: str
) -> None:
    made = predict("tips", folder / source, folder / target, id_column="ride", batch=300, project=folder)
    read = pd.read_csv if target.endswith("csv") else pd.read_parquet
    out: pd.DataFrame = read(folder / target)

    assert out["ride"].tolist() == rides["ride"].tolist()
    np.testing.assert_allclose(out["prediction"], tips_model.predict(known(rides)), rtol=1e-12)
    digest = hashlib.sha256((folder / source).read_bytes()).hexdigest()
    assert set(zip(out["model"], out["version"], out["input_sha256"], strict=True)) == {("tips", 1, digest)}
    assert made.job.rows == ROWS
    assert sorted(path.name for path in folder.iterdir() if "out" in path.name) == [target]


@pytest.mark.row(18)
def test_the_command_predicts_and_the_record_knows(folder: Path) -> None:
    ended = call(folder, "predict", "tips", "latest", "rides.csv", "--to", "out.parquet", "--batch", "400", "--json")
    with find_project(folder).log() as log:
        (verdict,) = log.verdicts(model="tips", version=1)

    assert ended.code == 0, ended.err
    assert (ended.json["rows"], ended.json["model"], ended.json["version"]) == (ROWS, "tips", 1)
    assert pd.read_parquet(folder / "out.parquet")["row"].tolist() == list(range(ROWS))
    assert (verdict.judge, verdict.decision) == ("model-input", "pass")
    evidence = verdict.content["evidence"]
    assert evidence["input_sha256"] == ended.json["input_sha256"]
    assert evidence["output_sha256"] == hashlib.sha256((folder / "out.parquet").read_bytes()).hexdigest()
    assert evidence["rows"] == ROWS


# Imports once, and forks a process for each call, which dies before the rename of that number.
KILLED = """
import os, signal, sys
from pathlib import Path
import mlops_nb
import sklearn.linear_model, sklearn.compose, sklearn.pipeline, skops.io, pyarrow.parquet, pandas

folder = Path(sys.argv[1])

def call(fatal):
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if event == "os.rename" and "out.parquet" in str(arguments[1]):
            seen += 1
            if seen == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    made = mlops_nb.predict("tips", folder / "rides.csv", folder / "out.parquet", batch=300, project=folder)
    print(made.taken_over, flush=True)

for number in range(20):
    child = os.fork()
    if child == 0:
        # The first call before there is anything; each later one gets one file further.
        call(1 if number == 0 else 2)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(status, len(list(folder.glob("out.parquet.parts/0*.parquet"))), (folder / "out.parquet").exists(), flush=True)
    if status != -signal.SIGKILL:
        break
"""


@pytest.mark.row(18)
def test_killed_before_any_of_its_files_is_there_it_goes_on_without_lost_or_doubled_rows(
    folder: Path, rides: pd.DataFrame, tips_model: Any
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], capture_output=True, text=True, check=False)
    out = pd.read_parquet(folder / "out.parquet")

    # Renamed are the manifest, four pieces, and the target: each of them is the one before which it dies.
    killed = [f"-9 {pieces} False" for pieces in (0, 0, 1, 2, 3, 4)]
    assert done.stdout.splitlines() == [*killed, "1000", "0 0 True"], done.stderr
    assert out["row"].tolist() == list(range(ROWS))
    np.testing.assert_allclose(out["prediction"], tips_model.predict(known(rides)), rtol=1e-12)
    assert not list(folder.glob("*.parts")) + list(folder.glob(".*.tmp"))


def test_pieces_of_another_input_are_not_taken_over(folder: Path, rides: pd.DataFrame, tips_model: Any) -> None:
    def stop(done: int, _: int) -> None:
        if done == 600:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict("tips", folder / "rides.csv", folder / "out.csv", batch=300, project=folder, on_rows=stop)
    assert len(list(folder.glob("out.csv.parts/0*"))) == 2
    dearer = rides.assign(fare=rides["fare"] + 1)
    dearer.to_csv(folder / "rides.csv", index=False)
    made = predict("tips", folder / "rides.csv", folder / "out.csv", batch=300, project=folder)

    assert made.taken_over == 0
    np.testing.assert_allclose(pd.read_csv(folder / "out.csv")["prediction"], tips_model.predict(known(dearer)))


def test_the_same_call_again_finds_it_done_and_another_is_refused(folder: Path, rides: pd.DataFrame) -> None:
    predict("tips", folder / "rides.csv", folder / "out.csv", project=folder)
    before = (folder / "out.csv").stat().st_mtime_ns
    again = predict("tips", folder / "rides.csv", folder / "out.csv", project=folder)
    rides.head(10).to_csv(folder / "few.csv", index=False)

    assert (again.taken_over, (folder / "out.csv").stat().st_mtime_ns) == (ROWS, before)
    with pytest.raises(UsageError, match="is there already, and does not hold"):
        predict("tips", folder / "few.csv", folder / "out.csv", project=folder)


def test_two_processes_do_not_make_one_file(folder: Path) -> None:
    with _alone(folder / "out.csv.parts"), pytest.raises(Busy):
        predict("tips", folder / "rides.csv", folder / "out.csv", project=folder)


@pytest.mark.row(88)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fare": None}, "MISSING_COLUMN: The model takes a column `fare`, and the data has none."),
        ({"fare": "free"}, "WRONG_TYPE: In column `fare` 1 value is no number; the first is in row 700, 'free'."),
        ({"fare": ""}, "MISSING_VALUE: In column `fare` 1 value is missing; the first is in row 700."),
        ({"passengers": "1.5"}, "WRONG_TYPE: In column `passengers` 1 value is no whole number"),
        ({"ride": "r0001"}, "DUPLICATE_ID: The id 'r0001' of row 700 is there before."),
        ({"ride": ""}, "MISSING_ID: The id in column `ride` is missing in row 700."),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_any_prediction(
    folder: Path, change: dict[str, str | None], told: str
) -> None:
    rides = pd.read_csv(folder / "rides.csv", dtype=str)
    ((name, value),) = change.items()
    if value is None:
        rides = rides.drop(columns=name)
    else:
        rides.loc[700, name] = value
    rides.to_csv(folder / "bad.csv", index=False)

    with pytest.raises(InputRefused) as refused:
        predict("tips", folder / "bad.csv", folder / "out.csv", id_column="ride", batch=300, project=folder)
    with find_project(folder).log() as log:
        (verdict,) = log.verdicts(model="tips", version=1)

    assert told in refused.value.message
    assert not list(folder.glob("out*"))
    assert verdict.decision == "stop"


@pytest.mark.row(88)
def test_the_command_says_what_does_not_fit(folder: Path) -> None:
    (folder / "bad.csv").write_text("payment,distance\ncash,far\n", encoding="utf-8")
    ended = call(folder, "predict", "tips", "bad.csv", "--to", "out.csv", "--json")

    assert ended.code == 2
    assert ended.json["error"]["code"] == "input-refused"
    for told in ("`fare`", "`passengers`", "In column `distance` 1 value is no number; the first is in row 0, 'far'."):
        assert told in ended.json["error"]["message"]


def test_a_classifier_gives_its_probabilities_too(folder: Path, rides: pd.DataFrame) -> None:
    numbers = rides[["distance", "fare"]]
    model = LogisticRegression().fit(numbers, rides["payment"])
    register(folder, "colors", model, numbers)
    predict("colors", folder / "rides.parquet", folder / "colors.parquet", project=folder)
    out = pd.read_parquet(folder / "colors.parquet")

    assert out["prediction"].tolist() == model.predict(numbers).tolist()
    shares = out[[f"probability_{label}" for label in model.classes_]].to_numpy()
    np.testing.assert_allclose(shares, model.predict_proba(numbers), rtol=1e-12)


def test_a_model_that_was_shown_an_array_takes_columns_by_their_place(folder: Path, rides: pd.DataFrame) -> None:
    numbers = rides[["distance", "fare"]].to_numpy()
    model = Ridge().fit(numbers, rides["tip"])
    register(folder, "plain", model, numbers)
    rides[["distance", "fare"]].to_csv(folder / "two.csv", index=False)
    predict("plain", folder / "two.csv", folder / "plain.csv", project=folder)

    np.testing.assert_allclose(pd.read_csv(folder / "plain.csv")["prediction"], model.predict(numbers), rtol=1e-12)


@pytest.mark.parametrize(
    ("data", "to", "told"),
    [
        ("rides.txt", "out.csv", "is neither CSV nor Parquet"),
        ("rides.csv", "out.json", "is neither CSV nor Parquet"),
        ("nothing.csv", "out.csv", "There is no file"),
        ("empty.csv", "out.csv", "is empty."),
        ("head.csv", "out.csv", "NO_ROWS: head.csv has no rows."),
        ("no.parquet", "out.csv", "cannot be read as a table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(folder: Path, data: str, to: str, told: str) -> None:
    (folder / "empty.csv").touch()
    (folder / "head.csv").write_text("payment,distance,fare,passengers\n", encoding="utf-8")
    (folder / "no.parquet").write_text("not Parquet", encoding="utf-8")

    with pytest.raises(UsageError, match=told.replace(".", r"\.")):
        predict("tips", folder / data, folder / to, project=folder)


@pytest.mark.parametrize(
    ("dtype", "given", "wanted"),
    [
        ("float64", ["1", "2.5"], [1.0, 2.5]),
        ("int64", ["1", "2"], [1, 2]),
        ("bool", ["True", "false"], [True, False]),
        ("str", ["007", "x"], ["007", "x"]),
        ("category", ["a", "b"], ["a", "b"]),
        ("datetime64[ns]", ["2019-03-01", "2019-03-02"], [pd.Timestamp("2019-03-01"), pd.Timestamp("2019-03-02")]),
    ],
)
def test_text_of_a_file_becomes_the_type_that_the_model_was_shown(
    dtype: str, given: list[str], wanted: list[Any]
) -> None:
    reader = RowsReader([{"name": "x", "dtype": dtype, "nullable": False}])
    rows = reader.read(pd.DataFrame({"x": pd.Series(given, dtype=object)}))

    assert reader.verdict("rows").decision == "pass"
    assert rows["x"].tolist() == wanted


@pytest.mark.parametrize(
    ("sample", "given", "told"),
    [
        (pd.Categorical(["a"], categories=["b", "a"]), ["a", "b", None], ""),
        (pd.Categorical(["a"], categories=["b", "a"]), ["a", "c", None], "no category that the model knows"),
        (pd.Categorical([3], categories=[1, 3]), ["1", "3", "1"], ""),
        (pd.array([1], dtype="Int64"), ["1", None, "3"], ""),
        (np.array([1], dtype=np.int8), ["1", "128", "3"], "not between -128 and 127"),
        (np.array([1], dtype=np.int64), ["1", "9223372036854775808", "3"], "not between"),
        (
            pd.DatetimeIndex(["2019-07-01"], tz="America/New_York"),
            ["2019-07-01T12:00Z", "2019-07-02T00:00:01+02:00"],
            "",
        ),
        (pd.DatetimeIndex(["2019-07-01"]), ["2019-07-01", "2019-07-02T00:00:01.5"], ""),
        (pd.to_timedelta(["1 days"]), ["1 days 02:00:00", "P1DT2H", None], ""),
        (pd.to_timedelta(["1 days"]), ["soon", None], "no duration"),
        (pd.DatetimeIndex(["2019-07-01"]), ["2019-07-01", "2019-07-02T00:00Z"], "a time with an offset from UTC"),
    ],
)
def test_text_of_a_file_becomes_the_very_type_of_the_sample_rows(sample: Any, given: list[Any], told: str) -> None:
    frame = pd.DataFrame({"x": sample})
    ((column),) = describe_table(frame)
    kept = load_table(dump_table(frame).data)["x"].dtype
    reader = RowsReader([{**vars(column), "nullable": True}], like={"x": kept})
    rows = reader.read(pd.DataFrame({"x": pd.Series(given, dtype=object)}))
    verdict = reader.verdict("rows")

    assert ([told in finding.message for finding in verdict.findings] == [True]) if told else reader.fits
    if not told:
        assert rows["x"].dtype == (kept if kept.kind != "i" or column.dtype != "category" else "category")
        assert rows["x"].isna().tolist() == [value is None for value in given]
