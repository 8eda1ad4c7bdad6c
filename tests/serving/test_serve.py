"""`mlops-nb serve`: who may ask, what is answered, what is refused and how, and how it begins and ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR

from mlops_nb import find_project
from mlops_nb.serving.model import LoadedModel
from mlops_nb.serving.online.app import Desk, Routes, build
from mlops_nb.serving.online.doors import Doors
from tests.cli.command import MLOPS_NB, call, environment
from tests.cli.privileges import WITHOUT_PRIVILEGES
from tests.serving.registered import DATA, register
from tests.serving.servers import Server, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROW = {"payment": "cash", "distance": 1.5, "fare": 8.0, "passengers": 1}


@pytest.fixture(scope="module")
def rides() -> pd.DataFrame:
    return pd.read_csv(DATA).query("payment == payment and color == color").head(1_000).reset_index(drop=True)


def known(rides: pd.DataFrame) -> pd.DataFrame:
    return rides[["payment", "distance", "fare", "passengers"]]


@pytest.fixture(scope="module")
def folder(rides: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with several registered models."""
    folder = tmp_path_factory.mktemp("project")
    hot = ("hot", OneHotEncoder(), ["payment"])
    columns = ColumnTransformer([hot, ("numbers", StandardScaler(), ["distance", "fare", "passengers"])])
    register(folder, "tips", make_pipeline(columns, Ridge()).fit(known(rides), rides["tip"]), known(rides))
    numbers = rides[["distance", "fare"]]
    register(folder, "payments", LogisticRegression().fit(numbers, rides["payment"]), numbers)
    return folder


@pytest.fixture(scope="module")
def tips(folder: Path) -> Iterator[Server]:
    with served(folder, "tips", "latest", "--max-mb", "0.1") as server:
        yield server


# --- who may ask ------------------------------------------------------------------------------------------------------


def routes(server: Server) -> list[tuple[str, str]]:
    """Return every route and method of a server, as its own document has them, and the document itself."""
    document = server.http.get("/openapi.json").json()
    version = {"{name}": server.told["model"], "{version}": str(server.told["version"])}
    found = [("GET", "/openapi.json")]
    for path, methods in document["paths"].items():
        for placeholder, value in version.items():
            path = path.replace(placeholder, value)  # noqa: PLW2901 - filled in
        found += [(method.upper(), path) for method in methods]
    return found


def test_no_route_answers_without_the_token(tips: Server) -> None:
    asked = routes(tips)
    shown = {
        None: "The request has no token.",
        "Bearer": "The request has no token.",
        "Bearer other": "The request's token is not this server's.",
        f"Basic {tips.told['token']}": "The request's token is not this server's.",
    }

    assert len(asked) == 12
    for method, path in [*asked, ("GET", "/nothing"), ("POST", "/v2"), ("GET", "/docs")]:
        for header, told in shown.items():
            headers = {} if header is None else {"Authorization": header}
            answer = httpx.request(method, tips.told["url"] + path, headers=headers, trust_env=False)

            assert (answer.status_code, answer.json()["error"]) == (401, told), path
            assert answer.headers["www-authenticate"] == "Bearer"
    assert all(
        tips.http.request(method, path).status_code in ({200} if method == "GET" else {415}) for method, path in asked
    )


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "evil.example"),
        ("Host", "127.0.0.1.evil.example:80"),
        ("Host", ""),
        ("Host", "[::1"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ],
)
def test_another_host_or_another_sites_page_is_refused(tips: Server, header: str, value: str) -> None:
    for method, path in routes(tips):
        answer = tips.http.request(method, path, headers={header: value})

        # A server may refuse what is no host at all before we see it.
        assert answer.status_code == 403 or (answer.status_code == 400 and value in {"", "[::1"})


def test_hosts_that_were_allowed_are_let_in_and_no_token_is_wanted_where_none_was_asked_for(folder: Path) -> None:
    with served(folder, "tips", "1", "--no-token", "--allow-host", "models.example") as server:
        assert "token" not in server.told
        for host in ("models.example", "models.example:8080", "localhost", "127.0.0.1:1"):
            assert server.http.get("/v2/health/live", headers={"Host": host}).status_code == 200
        assert server.http.get("/v2", headers={"Origin": "http://models.example:3000"}).status_code == 200
        assert server.http.get("/v2", headers={"Host": "other.example"}).status_code == 403


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--no-token", "--host", "::"], "could use the model: there a token is wanted"),
        (["--no-token", "--token", "env:X"], "contradict each other"),
        (["--token", "abc"], "is no reference to a token"),
        (["--token", "env:NOBODY_SETS_THIS"], "NOBODY_SETS_THIS is not set"),
        (["--token", "file:nothing.txt"], "nothing.txt cannot be read"),
        (["--token", "file:short.txt"], "is none: it takes 16 signs or more"),
        (["--host", "no.such.host.invalid"], "There is no address no.such.host.invalid."),
        (["--host", "192.0.2.1"], "192.0.2.1 is no address that can be served on"),
    ],
)
def test_what_cannot_be_served_safely_is_not_served(folder: Path, arguments: list[str], told: str) -> None:
    (folder / "short.txt").write_text("hidden\n", encoding="utf-8")
    ended = call(folder, "serve", "tips", "latest", *arguments, "--json")

    assert ended.code == 2
    assert told in ended.json["error"]["message"]
    assert "hidden" not in ended.out + ended.err


def test_a_token_is_read_from_a_file_and_shown_nowhere(folder: Path) -> None:
    secret = uuid.uuid4().hex
    (folder / "token.txt").write_text(f"{secret}\n", encoding="utf-8")
    with Server(folder, "tips", "latest", "--token", "file:token.txt") as server:
        assert "token" not in server.told
        assert server.http.get("/v2").status_code == 401
        assert server.http.get("/v2", headers={"Authorization": f"bearer {secret}"}).status_code == 200
        ended = server.stop()

    assert secret not in json.dumps(server.told) + ended.out + ended.err
    kept = [path for path in (folder / ".mlops_nb").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.row(16)
@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"fare": "8"}, "WRONG_TYPE", '`fare` in row 1 is no number: "8".'),
        ({"fare": True}, "WRONG_TYPE", "`fare` in row 1 is no number: true."),
        ({"fare": [8]}, "WRONG_TYPE", "`fare` in row 1 is no number: [8]."),
        ({"fare": 10**400}, "WRONG_TYPE", "`fare` in row 1 is too large a number: 1000"),
        ({"fare": None}, "MISSING_VALUE", "`fare` in row 1 is missing."),
        ({"passengers": 1.5}, "WRONG_TYPE", "`passengers` in row 1 is no whole number: 1.5."),
        ({"passengers": 2**63}, "WRONG_TYPE", "`passengers` in row 1 is not between -9223372036854775808 and"),
        ({"payment": 1}, "WRONG_TYPE", "`payment` in row 1 is no text: 1."),
        ({"payment": "\ud800"}, "WRONG_TYPE", "`payment` in row 1 is no text: half of a surrogate pair"),
        ({"tip": 1.0}, "UNKNOWN_COLUMN", "Row 1 has a `tip`, which the model does not take."),
        ({"fares": 1.0}, "UNKNOWN_COLUMN", "Did you mean `fare`?"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_row_and_column(
    tips: Server, change: dict[str, Any], code: str, told: str
) -> None:
    status, answer = tips.refused("/predict", json.dumps([ROW, ROW | change, ROW]))
    (violation,) = answer["violations"]

    assert (status, answer["code"]) == (422, "input-refused")
    assert (violation["code"], violation["row"], violation["column"]) == (code, 1, *change)
    assert told in violation["message"]


@pytest.mark.row(16)
def test_each_violation_is_an_entry_and_many_are_cut(tips: Server) -> None:
    short = {"payment": None, "distance": "far", "passengers": 1}
    _, few = tips.refused("/predict", json.dumps({"rows": [ROW, short]}))
    _, many = tips.refused("/predict", json.dumps([{}] * 1_000))

    assert [(one["row"], one["column"], one["code"]) for one in few["violations"]] == [
        (1, "distance", "WRONG_TYPE"),
        (1, "fare", "MISSING_COLUMN"),
        (1, "payment", "MISSING_VALUE"),
    ]
    assert few["error"] == "3 values do not fit tips 1, and nothing was predicted."
    assert many["error"] == "4000 values do not fit tips 1, and nothing was predicted."
    assert [one["row"] for one in many["violations"]] == [place // 4 for place in range(100)]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ("", 400, "not-json"),
        ("{", 400, "not-json"),
        (b"\xff", 400, "not-json"),
        ("[" * 20_000, 400, "not-json"),
        ('[{"fare": NaN}]', 400, "not-json"),
        ('[{"fare": -Infinity}]', 400, "not-json"),
        ('[{"fare": ' + "1" * 5_000 + "}]", 400, "not-json"),
        ("1", 400, "bad-request"),
        ("null", 400, "bad-request"),
        ("{}", 400, "bad-request"),
        ('{"rows": [], "other": 1}', 400, "bad-request"),
        ('{"rows": [{"payment": "cash", "distance": 1, "fare": 1, "passengers": 1}], "id": 5}', 400, "bad-request"),
        ("[1]", 400, "bad-request"),
        ("[[1, 2, 3, 4]]", 400, "bad-request"),
        ("[]", 422, "input-refused"),
        ('[{"payment": "gold", "distance": 1, "fare": 1, "passengers": 1}]', 422, "model-refused"),
        ('[{"payment": "cash", "distance": 1e999, "fare": 1, "passengers": 1}]', 422, "model-refused"),
        ('"' + "x" * 200_000 + '"', 413, "too-large"),
    ],
)
def test_a_body_that_is_no_request_is_told_so_and_is_never_the_servers_fault(
    tips: Server, content: bytes | str, status: int, code: str
) -> None:
    for path in ("/predict", "/transform"):
        found, answer = tips.refused(path, content)

        assert (found, answer["code"]) == (status, code), answer
        assert answer["hint"]


def test_a_body_without_a_length_is_bounded_too(tips: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b" " * 1_000

    answer = tips.http.post("/predict", content=endless(), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", ""])
def test_a_body_that_is_not_said_to_be_json_is_refused(tips: Server, kind: str) -> None:
    status, answer = tips.refused("/predict", json.dumps([ROW]), Content_Type=kind)

    assert (status, answer["code"]) == (415, "content-type-refused")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("GET", "/predict", 405, "method-refused"),
        ("POST", "/v2/health/live", 405, "method-refused"),
        ("GET", "/v2/models/tip", 404, "not-found"),
        ("GET", "/v2/models/tips/versions/2", 404, "not-found"),
        ("GET", "/v2/models/tips/versions/champion/ready", 404, "not-found"),
        ("POST", "/v2/models/other/infer", 404, "not-found"),
        ("GET", "/v2/models/..%2f..%2fetc%2fpasswd", 404, "not-found"),
    ],
)
def test_what_is_not_there_is_told_in_the_same_form(
    tips: Server, method: str, path: str, status: int, code: str
) -> None:
    answer = tips.http.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert isinstance(answer.json()["error"], str)


# --- what is answered -------------------------------------------------------------------------------------------------


def test_an_answer_says_who_gives_it_and_repeats_the_requests_id(tips: Server) -> None:
    named = tips.post("/predict", {"id": "ride 42", "rows": [ROW]})
    unnamed = [tips.post("/predict", [ROW])["id"] for _ in range(2)]

    assert {name: named[name] for name in ("model", "version", "run", "id")} == {
        "model": "tips",
        "version": 1,
        "run": None,
        "id": "ride 42",
    }
    assert len(named["predictions"]) == 1
    assert "probabilities" not in named
    assert len({*unnamed, ""}) == 3


def test_a_classifier_tells_the_probability_of_each_class(folder: Path, rides: pd.DataFrame) -> None:
    rows = rides[["distance", "fare"]].head(50)
    model = LogisticRegression().fit(rides[["distance", "fare"]], rides["payment"])
    with served(folder, "payments", "latest") as server:
        answer = server.post("/predict", rows.to_dict("records"))
        _, refused = server.refused("/transform", json.dumps(rows.to_dict("records")))
        metadata = server.http.get("/v2/models/payments").json()

    assert answer["predictions"] == model.predict(rows).tolist()
    assert [list(shares) for shares in answer["probabilities"]] == [list(model.classes_)] * 50
    assert [list(shares.values()) for shares in answer["probabilities"]] == model.predict_proba(rows).tolist()
    assert refused["error"] == "payments 1 is a LogisticRegression: it has no transforms."
    assert metadata["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]


def test_models_of_arrays_and_of_texts_take_rows_in_their_own_form(tmp_path: Path, rides: pd.DataFrame) -> None:
    numbers = rides[["distance", "fare"]].to_numpy(np.float32)
    model = Ridge().fit(numbers, rides["tip"])
    register(tmp_path, "plain", model, numbers)
    texts = rides["payment"]
    words = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, rides["tolls"] > 0)
    register(tmp_path, "words", words, texts)
    with served(tmp_path, "plain", "latest") as server:
        as_lists = server.post("/predict", numbers[:9].tolist())["predictions"]
        as_objects = server.post("/predict", [dict(zip("01", row, strict=True)) for row in numbers[:9].tolist()])
        _, wide = server.refused("/predict", "[[1.0, 2.0, 3.0]]")
        tensor = {"name": "input", "shape": [9, 2], "datatype": "FP32", "data": numbers[:9].tolist()}
        inferred = server.post("/v2/models/plain/infer", {"inputs": [tensor]})
    with served(tmp_path, "words", "latest") as server:
        of_texts = server.post("/predict", texts.head(9).tolist())
        made = server.post("/transform", texts.head(9).tolist())

    assert as_lists == as_objects["predictions"] == model.predict(numbers[:9]).tolist()
    assert wide["violations"][0]["message"] == "Row 0 has a `2`, which the model does not take."
    assert inferred["outputs"][0]["data"] == as_lists
    assert inferred["outputs"][0]["datatype"] == "FP32"
    assert of_texts["predictions"] == words.predict(texts.head(9)).tolist()
    assert made["rows"] == words[:-1].transform(texts.head(9)).toarray().tolist()
    assert made["features"] == words[0].get_feature_names_out().tolist()


def test_the_document_holds_the_models_own_columns(tips: Server) -> None:
    document = tips.http.get("/openapi.json").json()
    taken = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"][0]

    assert taken["items"]["properties"] == {
        "payment": {"type": "string"},
        "distance": {"type": "number"},
        "fare": {"type": "number"},
        "passengers": {"type": "integer"},
    }
    assert taken["items"]["additionalProperties"] is False
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert all(told["security"] for methods in document["paths"].values() for told in methods.values())


# --- how it begins and ends -------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_told_with_the_next_act(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = call(folder, "serve", "tips", "latest", "--port", str(port), "--json")

    assert ended.code == 2
    assert ended.json["error"]["code"] == "port-taken"
    assert ended.json["error"]["message"] == f"Port {port} of 127.0.0.1 is taken by another process."
    assert "--port 0" in ended.json["error"]["hint"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["tipps"], "unknown-record", "There is no model `tipps`. Did you mean `tips`?"),
        (["tips"], "unknown-record", "Model `tips` has no champion; its newest version is 1."),
        (["tips", "7"], "unknown-record", "Model `tips` has no version 7; its newest is 1."),
        (["tips", "late"], "unknown-record", "Model `tips` has no alias `late`. Did you mean `latest`?"),
    ],
)
def test_a_version_that_is_not_there_is_told_before_the_port_opens(
    folder: Path, arguments: list[str], code: str, told: str
) -> None:
    ended = call(folder, "serve", *arguments, "--json")

    assert ended.code != 0
    assert ended.json["error"]["code"] == code
    assert ended.json["error"]["message"] == told
    assert "url" not in ended.out


def test_a_model_that_is_not_as_it_was_is_not_served(tmp_path: Path, rides: pd.DataFrame) -> None:
    numbers = rides[["distance", "fare"]]
    version = register(tmp_path, "plain", Ridge().fit(numbers, rides["tip"]), numbers)
    (kept,) = (find_project(tmp_path).home / "artifacts").rglob(f"*{version.artifact[8:]}")
    whole = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(whole[:-9] + bytes(9))
    corrupt = call(tmp_path, "serve", "plain", "latest", "--json")
    kept.unlink()
    missing = call(tmp_path, "serve", "plain", "latest", "--json")

    assert corrupt.json["error"]["code"] == "corrupt-artifact"
    assert missing.json["error"]["code"] == "artifact-missing"
    assert all("url" not in ended.out and ended.json["error"]["hint"] for ended in (corrupt, missing))


def test_a_pickle_is_served_only_where_that_is_allowed(tmp_path: Path, rides: pd.DataFrame) -> None:
    numbers = rides[["distance", "fare"]]
    model = Ridge().fit(numbers, rides["tip"])
    register(tmp_path, "plain", model, numbers, "pickle")
    refused = call(tmp_path, "serve", "plain", "latest", "--json")
    with served(tmp_path, "plain", "latest", "--allow-pickle") as server:
        answer = server.post("/predict", numbers.head(9).to_dict("records"))
        metadata = server.http.get("/v2/models/plain").json()

    assert refused.json["error"]["code"] == "untrusted-model"
    assert "--allow-pickle" in refused.json["error"]["hint"]
    assert answer["predictions"] == model.predict(numbers.head(9)).tolist()
    assert metadata["platform"] == "sklearn_pickle"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, rides: pd.DataFrame) -> Path:
    """Return a project with a model that takes a good while: every row is held against every training row."""
    folder = tmp_path_factory.mktemp("slow")
    numbers = rides[["distance", "fare"]]
    register(folder, "slow", SVR(epsilon=0.0).fit(numbers, rides["tip"]), numbers)
    return folder


def long_request(rides: pd.DataFrame, seconds: float) -> tuple[Any, list[Any]]:
    """Return the slow model and so many rows that they take it about so long here."""
    numbers = rides[["distance", "fare"]]
    model = SVR(epsilon=0.0).fit(numbers, rides["tip"])
    began = time.perf_counter()
    model.predict(numbers)
    times = max(2, int(seconds / (time.perf_counter() - began)))
    return model, numbers.to_dict("records") * min(times, 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_answers_what_is_being_worked_on_and_takes_no_more(
    slow: Path, rides: pd.DataFrame, number: signal.Signals
) -> None:
    model, rows = long_request(rides, 3)
    answered: dict[str, Any] = {}

    def ask() -> None:
        answered["predictions"] = server.post("/predict", rows)["predictions"]
        answered["at"] = time.monotonic()

    with Server(slow, "slow", "latest") as server:
        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        told = time.monotonic()
        server.command.process.send_signal(number)
        time.sleep(0.5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.told["url"] + "/v2", trust_env=False)
        asking.join()
        ended = server.command.wait()

    assert answered["at"] > told
    assert answered["predictions"] == model.predict(pd.DataFrame(rows)).tolist()
    assert (ended.code, ended.err) == (0, "")


def test_a_long_request_keeps_no_short_one_waiting(slow: Path, rides: pd.DataFrame) -> None:
    _, rows = long_request(rides, 3)
    done: list[float] = []
    with served(slow, "slow", "latest", "--threads", "2") as server:
        asking = threading.Thread(target=lambda: done.append(len(server.post("/predict", rows)["predictions"])))
        asking.start()
        time.sleep(0.3)
        for _ in range(5):
            server.post("/predict", rows[:1])
        assert not done
        asking.join()

    assert done == [len(rows)]


@pytest.mark.row(21)
@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken from root in Linux's way")
def test_whoever_may_only_read_the_store_serves_from_it_by_name_and_version(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(folder / ".mlops_nb", store)
    everything = [store, *store.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = [MLOPS_NB, "serve", "tips", "1", "--port", "0", "--no-token", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_PRIVILEGES, *command],
        cwd=tmp_path,
        env=environment(MLOPS_NB_HOME=str(store)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        answer = httpx.post(f"{url}/predict", json=[ROW], trust_env=False)
    finally:
        process.terminate()
        process.communicate(timeout=240)
        for path in everything:
            path.chmod(0o755)

    assert (answer.status_code, answer.json()["model"], answer.json()["version"]) == (200, "tips", 1)
    assert process.returncode == 0


# --- a model at fault -------------------------------------------------------------------------------------------------


class Moody(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Answers what it is asked to: NaN and infinities, or an error."""

    def predict(self, X: pd.DataFrame) -> Any:
        if (X["x"] == 13).any():
            message = "not in the mood"
            raise RuntimeError(message)
        with np.errstate(divide="ignore", invalid="ignore"):
            return X["x"].to_numpy() / 0.0


@pytest.fixture
def moody(tmp_path: Path) -> Iterator[httpx.AsyncClient]:
    sample = pd.DataFrame({"x": [1.0, 2.0]})
    version = register(tmp_path, "moody", LinearRegression().fit(sample, [1, 2]), sample)
    model = LoadedModel(version, Moody(), sample)
    with ThreadPoolExecutor(1) as pool:
        application: Any = build(Routes(Desk(model), Doors(), pool, "0"))
        # What a route raises is told to the client, and then to the server's log.
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        yield httpx.AsyncClient(transport=transport, base_url="http://localhost")


def test_a_model_that_fails_is_the_servers_fault_and_the_log_has_the_traceback(
    moody: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = asyncio.run(moody.post("/predict", json=[{"x": 13.0}]))

    assert (answer.status_code, answer.json()["code"]) == (500, "failed")
    assert answer.json()["error"] == "moody 1 failed: RuntimeError: not in the mood"
    assert "not in the mood" in caplog.text
    assert "Traceback" in caplog.text


def test_infinite_and_undefined_answers_are_json_of_every_reader(moody: httpx.AsyncClient) -> None:
    answer = asyncio.run(moody.post("/predict", json=[{"x": 1.0}, {"x": -1.0}, {"x": 0.0}]))

    assert b'"predictions":[1e999,-1e999,null]' in answer.content
    assert answer.json()["predictions"] == [float("inf"), float("-inf"), None]
