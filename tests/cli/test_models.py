"""The registry for whoever gets a model and not its notebook: what a version is, and all that is needed to use it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

import mlops_nb
from tests.cli.command import MLOPS_NB, call, environment
from tests.cli.privileges import WITHOUT_PRIVILEGES
from tests.notebook_factory import write

RIDES = Path(__file__).parents[2] / "notebooks" / "data" / "taxis.csv"
TRAIN = """from sklearn.ensemble import HistGradientBoostingRegressor
columns = ['distance', 'fare', 'tolls', 'passengers']
model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(rides[columns], rides['tip'])
features = rides[columns]
mae = (model.predict(features) - rides['tip']).abs().mean()
answers = pd.DataFrame({'tip': model.predict(features)})"""
OUTPUTS = {
    "tips": {"type": "model", "variable": "model", "sample_input": "features"},
    "answers": {"type": "dataset"},
    "mae": {"type": "metrics"},
}
# What an engineer would write: it knows the folder's files, and neither the notebook nor mlops_nb.
SERVICE = """
import http.server, io, json, sys
import pandas, skops.io

said = open("README.md").read()
code = said.split("```python")[1].split("```")[0]
names = {}
exec(code.replace("print(", "sample_answers = ("), names)
assert len(names["sample_answers"]) > 0
columns = [column["name"] for column in json.load(open("signature.json"))["inputs"]]

class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        rows = pandas.DataFrame(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))[columns]
        body = json.dumps(names["model"].predict(rows).tolist()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

assert not [name for name in sys.modules if name.partition(".")[0] == "mlops_nb"]
server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose notebook on the rides has run and registered a model."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copyfile(RIDES, folder / "taxis.csv")
    write(
        folder / "tips.ipynb",
        [
            ("step:load", "import pandas as pd\nrides = pd.read_csv('taxis.csv')"),
            ("step:train", TRAIN, {"outputs": OUTPUTS}),
        ],
    )
    ended = call(folder, "run", "tips.ipynb", "--json")
    assert ended.code == 0, ended.err
    assert [model["name"] for model in ended.json["models"]] == ["tips"]
    return folder


def test_a_version_is_shown_whole(project: Path) -> None:
    shown = call(project, "models", "tips", "latest").out
    for part in ("tips version 1", "mae", "distance", "float64", "Python 3", "sample input"):
        assert part in shown
    assert call(project, "models", "tips", "1", "--json").json["signature"]["method"] == "predict"


@pytest.mark.row(21)
@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken from root in Linux's way")
def test_an_engineer_who_may_only_read_serves_a_model_by_its_name_and_version(project: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(project / ".mlops_nb", store)
    everything = [store, *store.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    try:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_PRIVILEGES, MLOPS_NB, "models", "tips", "1", "--to", "tips-1", "--json"],
            cwd=elsewhere,
            env=environment(MLOPS_NB_HOME=str(store)),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    finally:
        for path in everything:
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    folder = elsewhere / "tips-1"
    assert {Path(path).name for path in told["files"]} == {path.name for path in folder.iterdir()}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics == call(project, "models", "tips", "1", "--json").json["metrics"]
    pins = (folder / "requirements.txt").read_text().splitlines()
    import sklearn

    assert f"scikit-learn=={sklearn.__version__}" in pins
    assert not [line for line in pins if "mlops" in line]

    rides = pd.read_csv(RIDES)
    asked = rides[["distance", "fare", "tolls", "passengers"]].head(200)
    with mlops_nb.find_project(project).log() as log:
        answers = next(item.value for item in log.run(log.runs(1)[0].id).scraps if item.name == "answers")
    expected = pd.read_parquet(store / "artifacts" / answers["artifact"][:2] / answers["artifact"][2:])["tip"]
    with subprocess.Popen(
        [sys.executable, "-I", "-c", SERVICE], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stdout is not None
            request = urllib.request.Request(
                f"http://127.0.0.1:{int(service.stdout.readline())}/", asked.to_json(orient="records").encode()
            )
            with urllib.request.urlopen(request, timeout=240) as response:  # noqa: S310 - our own address
                assert json.load(response) == expected.head(200).tolist()
        finally:
            service.kill()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "new"], "no model is named"),
        (["tip", "1"], "no model `tip`. Did you mean `tips`?"),
        (["tips", "7"], "has no version 7; its newest is 1"),
        (["tips", "champion"], "has no alias `champion`"),
        (["tips", "--to", "taxis.csv"], "taxis.csv is there already"),
    ],
)
def test_what_cannot_be_shown_or_written_is_told(project: Path, arguments: list[str], message: str) -> None:
    ended = call(project, "models", *arguments, "--json")
    assert ended.code == 2, ended.err
    assert message in ended.json["error"]["message"]
    assert ended.json["error"]["hint"]


def test_nothing_is_left_where_content_is_missing(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    sample = call(copy, "models", "tips", "1", "--json").json["sample_input"]
    (copy / ".mlops_nb" / "artifacts" / sample[:2] / sample[2:]).unlink()
    ended = call(copy, "models", "tips", "1", "--to", "new", "--json")
    assert ended.code == 1, ended.err
    assert sample[:12] in ended.json["error"]["message"]
    assert not list(copy.glob("*new*"))
