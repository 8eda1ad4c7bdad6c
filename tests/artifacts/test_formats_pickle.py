"""A model that skops cannot hold may be a pickle: by choice when it is written, and by choice again when it is read."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_nb import Registry, find_project, load_model
from mlops_nb.artifacts import CannotStore, CorruptArtifact, UntrustedModel, dump_model, model_modules
from mlops_nb.artifacts.store import ArtifactStore
from mlops_nb.registry import write_version
from tests.cli.command import call
from tests.notebook_factory import write

X = np.arange(20.0).reshape(10, 2)
OWN = """\
class Doubling:
    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return X['a'].to_numpy() * 2

model = Doubling()
"""


class Trap:
    """Leaves a file behind when it is read."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.mark.parametrize("kind", ["pickle", "cloudpickle"])
def test_a_pickle_is_read_only_when_asked_and_when_it_is_ours(store: ArtifactStore, kind: Any) -> None:
    model = dump_model(Ridge().fit(X, X[:, 0]), sample_input=X, format=kind)
    store.put(model.data)

    assert model.format == kind
    assert model.signature is not None
    assert load_model(model.data, allow_pickle=True, store=store).predict(X) == pytest.approx(X[:, 0], abs=0.1)
    with pytest.raises(UntrustedModel, match="reading one runs whatever its writer put into it"):
        load_model(model.data, store=store)


def test_a_pickle_from_elsewhere_is_never_read(tmp_path: Path, store: ArtifactStore) -> None:
    trap = pickle.dumps(Trap(tmp_path / "sprung"), protocol=5)

    for given in (store, None):
        with pytest.raises(UntrustedModel, match="not in the project's artifact store"):
            load_model(trap, allow_pickle=True, store=given)
    assert not (tmp_path / "sprung").exists()


def test_what_is_neither_is_corrupt(store: ArtifactStore) -> None:
    with pytest.raises(CorruptArtifact, match="no skops file, and no pickle"):
        load_model(b"neither", allow_pickle=True, store=store)


def test_what_does_not_predict_is_no_model() -> None:
    with pytest.raises(CannotStore, match="is no model"):
        dump_model([1, 2], format="pickle")


def test_a_class_of_the_notebook_is_refused_by_pickle_and_taken_along_by_cloudpickle(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom mlops_nb.artifacts import dump_model\n" + OWN + "\n"
        "try:\n    dump_model(model, format='pickle')\nexcept Exception as error:\n    print(error)\n"
        "open(sys.argv[1], 'wb').write(dump_model(model, format='cloudpickle').data)\n"
    )
    made = tmp_path / "model.pkl"
    done = subprocess.run([sys.executable, "-c", script, str(made)], capture_output=True, text=True, check=True)

    assert "no other process could load its pickle" in done.stdout
    assert type(pickle.loads(made.read_bytes())).__name__ == "Doubling"


@pytest.mark.parametrize("kind", ["pickle", "cloudpickle"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_which_modules_a_pickle_imports_is_known_without_reading_it(kind: str, protocol: int) -> None:
    made = make_pipeline(StandardScaler(), Ridge()).fit(X, X[:, 0])
    data = (cloudpickle if kind == "cloudpickle" else pickle).dumps([made, made, Path], protocol=protocol)

    found = {name.partition(".")[0] for name in model_modules(data)}

    assert found >= {"sklearn", "numpy", "pathlib"}
    assert found <= {"sklearn", "numpy", "pathlib", "copyreg", "_codecs", "builtins", "__builtin__", "copy_reg"}


def test_a_published_pickle_is_marked_in_the_registry_and_used_only_when_allowed(tmp_path: Path) -> None:
    outputs = {"double": {"type": "model", "variable": "model", "sample_input": "rows", "format": "cloudpickle"}}
    cells = [
        ("imports", "import pandas as pd"),
        ("step:train", OWN + "rows = pd.DataFrame({'a': [1.0, 2.0]})", {"outputs": outputs}),
    ]
    write(tmp_path / "double.ipynb", cells)
    (tmp_path / "rows.csv").write_text("a\n1.5\n4\n", encoding="utf-8")
    ran = call(tmp_path, "run", "double.ipynb", "--json")
    assert ran.code == 0, ran.err
    project = find_project(tmp_path)
    with project.log() as log:
        version = Registry(log).get("double")
    refused = call(tmp_path, "predict", "double", "rows.csv", "--to", "out.csv", "--json")
    allowed = call(tmp_path, "predict", "double", "rows.csv", "--to", "out.csv", "--allow-pickle", "--json")

    assert version.format == "cloudpickle"
    assert refused.code == 2
    assert "double version 1 is a cloudpickle" in refused.json["error"]["message"]
    assert allowed.code == 0, allowed.err
    assert [line.split(",")[:2] for line in (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1:]] == [
        ["0", "3.0"],
        ["1", "8.0"],
    ]
    files = write_version(version, project.artifact_store(), tmp_path / "elsewhere")
    assert "model.pkl" in {path.name for path in files}
    assert "The model is a pickle." in (tmp_path / "elsewhere" / "README.md").read_text(encoding="utf-8")
