"""Models as skops files: they come back equal, as the same bytes, and construct nothing that nobody trusts."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, KMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlops_nb.artifacts import (
    CannotStore,
    Column,
    CorruptArtifact,
    Signature,
    UntrustedModel,
    dump_model,
    load_model,
    untrusted_types,
)

if TYPE_CHECKING:
    from pathlib import Path

SEED = np.random.default_rng(0)
N = 80
PEOPLE = pd.DataFrame(
    {
        "age": SEED.integers(17, 90, N),
        "hours": SEED.normal(40, 10, N),
        "work": SEED.choice(["private", "state", "none"], N),
    }
)
PEOPLE.loc[3, "hours"] = np.nan
RICH = pd.Series(np.where(PEOPLE["age"] + PEOPLE["hours"].fillna(40) > 90, ">50K", "<=50K"), name="income")
NUMBERS = PEOPLE[["age", "hours"]].fillna(0.0)
TIP = NUMBERS["hours"].to_numpy() * 0.2 + 1.0
TEXTS = pd.Series(["good food", "bad food", "good", "bad"] * 20, name="review")


def columns() -> ColumnTransformer:
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [
            ("numeric", numeric, make_column_selector(dtype_include=np.number)),
            ("work", OneHotEncoder(handle_unknown="ignore"), ["work"]),
        ]
    )


def classifiers() -> dict[str, tuple[Any, Any, Any]]:
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    logistic = make_pipeline(columns(), LogisticRegression())
    grid = GridSearchCV(tree, {"max_depth": [1, 2]}, cv=2, scoring="accuracy")
    both = np.column_stack([RICH, np.where(NUMBERS["age"] > 40, "old", "young")])
    return {
        "logistic": (logistic, PEOPLE, RICH),
        "parallel forest": (make_pipeline(columns(), RandomForestClassifier(20, n_jobs=2)), PEOPLE, RICH),
        "stacking": (StackingClassifier([("tree", tree), ("knn", KNeighborsClassifier())]), NUMBERS, RICH),
        "support vectors": (SVC(), NUMBERS, RICH),
        "selection": (make_pipeline(SelectKBest(f_classif, k=1), tree), NUMBERS, RICH),
        "search": (grid, NUMBERS, RICH),
        "calibrated": (CalibratedClassifierCV(tree, method="isotonic", cv=2), NUMBERS, RICH),
        "two answers": (MultiOutputClassifier(tree), NUMBERS, both),
        "texts": (make_pipeline(TfidfVectorizer(), MultinomialNB()), TEXTS, TEXTS.str.contains("good")),
    }


def regressors() -> dict[str, tuple[Any, Any, Any]]:
    return {
        "boosting": (HistGradientBoostingRegressor(max_iter=5), NUMBERS, TIP),
        "splines": (make_pipeline(SplineTransformer(), Ridge()), NUMBERS, TIP),
        "gaussian process": (GaussianProcessRegressor(RBF() + WhiteKernel(), optimizer=None), NUMBERS, TIP),
        "network": (
            make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2_000)),
            NUMBERS,
            TIP,
        ),
        "two answers": (LinearRegression(), NUMBERS, np.column_stack([TIP, TIP * 2])),
        "logarithm": (make_pipeline(FunctionTransformer(np.log1p), Ridge()), NUMBERS, TIP),
        "array": (Ridge(), NUMBERS.to_numpy(), TIP),
        "clusters": (KMeans(2, n_init=1), NUMBERS, None),
        "scaler": (StandardScaler(), NUMBERS, None),
    }


ALL = classifiers() | regressors()


@pytest.mark.parametrize("name", ALL)
def test_an_estimator_of_scikit_learn_comes_back_equal_with_nothing_to_trust(name: str) -> None:
    estimator, X, y = ALL[name]
    estimator.fit(X, y)

    stored = dump_model(estimator, sample_input=X)
    back = load_model(stored.data)

    assert stored.trusted == ()
    # Before it predicts: a nearest-neighbour tree counts the questions it was asked.
    assert dump_model(back).data == stored.data
    method = "predict" if hasattr(estimator, "predict") else "transform"
    np.testing.assert_array_equal(getattr(back, method)(X), getattr(estimator, method)(X))
    # And the file is a skops file like any other.
    plain = skops.io.loads(stored.data, trusted=skops.io.get_untrusted_types(data=stored.data))
    np.testing.assert_array_equal(getattr(plain, method)(X), getattr(estimator, method)(X))


def test_equal_models_are_equal_bytes_and_others_are_not() -> None:
    first, second = (make_pipeline(columns(), LogisticRegression()).fit(PEOPLE, RICH) for _ in range(2))
    other = make_pipeline(columns(), LogisticRegression(C=0.5)).fit(PEOPLE, RICH)

    assert dump_model(first).data == dump_model(second).data
    assert dump_model(first).data != dump_model(other).data


# --- signatures -------------------------------------------------------------------------------------------------------


def test_the_signature_of_a_classifier_names_its_columns_classes_and_probabilities() -> None:
    model = make_pipeline(columns(), LogisticRegression()).fit(PEOPLE, RICH)

    signature = dump_model(model, sample_input=PEOPLE).signature

    assert signature == Signature(
        layout="frame",
        inputs=(
            Column("age", "int64", nullable=False),
            Column("hours", "float64", nullable=True),
            Column("work", "str", nullable=False),
        ),
        method="predict",
        dtype="str",
        shape=(-1,),
        classes=("<=50K", ">50K"),
        probabilities=True,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boosting", ("frame", "predict", "float64", (-1,), None, False)),
        ("array", ("array", "predict", "float64", (-1,), None, False)),
        ("two answers", ("frame", "predict", "float64", (-1, 2), None, False)),
        ("texts", ("series", "predict", "bool", (-1,), (False, True), True)),
        ("scaler", ("frame", "transform", "float64", (-1, 2), None, False)),
        ("clusters", ("frame", "predict", "int32", (-1,), None, False)),
    ],
)
def test_the_signature_says_what_goes_in_and_what_comes_out(name: str, expected: tuple[Any, ...]) -> None:
    estimator, X, y = ALL[name]
    signature = dump_model(estimator.fit(X, y), sample_input=X).signature

    assert signature is not None
    layout, method, dtype, shape, classes, probabilities = expected
    assert (signature.layout, signature.method, signature.shape) == (layout, method, shape)
    assert (signature.dtype, signature.classes, signature.probabilities) == (dtype, classes, probabilities)
    assert len(signature.inputs) == (1 if X.ndim == 1 else X.shape[1])


def test_a_signature_comes_back_from_its_json() -> None:
    tree, X, y = classifiers()["two answers"]
    signature = dump_model(tree.fit(X, y), sample_input=X).signature

    assert signature is not None
    assert len(signature.classes or ()) == 2
    assert Signature.from_json(json.loads(json.dumps(signature.to_json(), allow_nan=False))) == signature


def test_the_sample_beside_the_model_is_its_first_thousand_rows() -> None:
    many = pd.concat([NUMBERS] * 20, ignore_index=True)
    stored = dump_model(Ridge().fit(NUMBERS, TIP), sample_input=many)

    pd.testing.assert_frame_equal(stored.sample, many.head(1_000))


# --- what cannot be a model -------------------------------------------------------------------------------------------


def test_what_is_no_fitted_model_is_refused() -> None:
    with pytest.raises(CannotStore, match="A `list` is no model"):
        dump_model([1])
    with pytest.raises(CannotStore, match="is no model"):
        dump_model(Ridge)
    with pytest.raises(CannotStore, match=r"`sklearn\.\S+\.Ridge` is not fitted"):
        dump_model(Ridge())


def test_a_sample_the_model_cannot_predict_from_is_refused() -> None:
    model = Ridge().fit(NUMBERS, TIP)

    with pytest.raises(CannotStore, match="cannot predict the sample input: ValueError"):
        dump_model(model, sample_input=PEOPLE)
    with pytest.raises(CannotStore, match="no rows"):
        dump_model(model, sample_input=NUMBERS.head(0))
    with pytest.raises(CannotStore, match="sample input is a `list`"):
        dump_model(model, sample_input=[[1, 2]])


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a module beside a notebook, with estimators of the user's own."""
    folder: Path = tmp_path_factory.mktemp("beside")
    (folder / "own_estimators.py").write_text(
        """
from pathlib import Path
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

class Mean(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self
    def predict(self, X):
        return np.full(len(X), self.mean_)

class Witness(Mean):
    places = []
    def __setstate__(self, state):
        Witness.places.append("constructed")
        super().__setstate__(state)

class Forgetful(Mean):
    def __getstate__(self):
        return {**super().__getstate__(), "mean_": 0.0}

class Moody(Mean):
    def predict(self, X):
        return np.random.default_rng().normal(size=len(X))
""",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import own_estimators  # type: ignore[import-not-found]

        yield own_estimators


def test_a_model_that_does_not_come_back_equal_is_an_error(beside: Any) -> None:
    forgetful = beside.Forgetful().fit(NUMBERS, TIP)

    with pytest.raises(CannotStore, match="comes back from its file another: its `predict` differs"):
        dump_model(forgetful, sample_input=NUMBERS, trusted=["own_estimators.Forgetful"])


def test_a_model_that_answers_by_chance_is_told_so(beside: Any) -> None:
    moody = beside.Moody().fit(NUMBERS, TIP)

    with pytest.raises(CannotStore, match="does not answer the same twice"):
        dump_model(moody, sample_input=NUMBERS, trusted=["own_estimators.Moody"])


def test_what_skops_cannot_hold_is_refused() -> None:
    model = Birch().fit(NUMBERS)

    with pytest.raises(CannotStore, match=r"skops cannot hold the `sklearn\.\S+\.Birch`: UnsupportedType"):
        dump_model(model)


def test_a_forest_holds_no_stray_memory_between_the_fields_of_its_nodes() -> None:
    stored = dump_model(RandomForestClassifier(3, random_state=0).fit(NUMBERS, RICH)).data

    padded = 0
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".npy") and (array := np.load(io.BytesIO(content))).dtype.names:
                rows = np.frombuffer(content[-array.nbytes :], np.uint8).reshape(len(array), array.itemsize)
                used = np.zeros(array.itemsize, bool)
                for field, offset in array.dtype.fields.values():
                    used[offset : offset + field.itemsize] = True
                padded += int((~used).sum())
                assert not rows[:, ~used].any()
    assert padded


def test_an_estimator_defined_in_the_notebook_is_refused_because_nobody_else_could_load_it() -> None:
    class Local(BaseEstimator):  # type: ignore[misc]
        def fit(self, _: Any) -> Local:
            self.fitted_ = True
            return self

    # What a cell defines lives in `__main__`.
    Local.__module__, Local.__qualname__ = "__main__", "Local"
    with pytest.raises(CannotStore, match=r"`__main__\.Local`, defined in the notebook"):
        dump_model(Local().fit(NUMBERS), trusted=["__main__.Local"])


# --- trust ------------------------------------------------------------------------------------------------------------


def test_an_estimator_of_the_users_own_is_refused_until_it_is_named(beside: Any) -> None:
    model = make_pipeline(StandardScaler(), beside.Witness()).fit(NUMBERS, TIP)
    with pytest.raises(UntrustedModel, match=r"`own_estimators\.Witness`") as refusal:
        dump_model(model, sample_input=NUMBERS)
    assert '"trusted": ["own_estimators.Witness"]' in refusal.value.hint

    stored = dump_model(model, sample_input=NUMBERS, trusted=["own_estimators.Witness"])

    assert stored.trusted == untrusted_types(stored.data) == ("own_estimators.Witness",)
    beside.Witness.places.clear()
    with pytest.raises(UntrustedModel):
        load_model(stored.data)
    assert beside.Witness.places == []
    load_model(stored.data, trusted=["own_estimators.Witness"])
    assert beside.Witness.places == ["constructed"]


def test_a_search_over_scipy_distributions_needs_trust_because_they_execute_their_state() -> None:
    search = RandomizedSearchCV(Ridge(), {"alpha": stats.loguniform(0.1, 10)}, n_iter=2, cv=2, random_state=0)
    search.fit(NUMBERS, TIP)

    with pytest.raises(UntrustedModel, match=r"`scipy\.stats\."):
        dump_model(search)
    assert dump_model(search.best_estimator_).trusted == ()


@pytest.mark.parametrize(
    ("loader", "name"),
    [
        ("FunctionNode", "builtins.eval"),
        ("FunctionNode", "os.system"),
        ("FunctionNode", "sklearn.datasets._base.clear_data_home"),
        ("FunctionNode", "sklearn.preprocessing._data.check_array"),
        ("FunctionNode", "sklearn.metrics.pairwise.warnings"),
        ("FunctionNode", "sklearn.metrics._scorer.get_scorer.__globals__"),
        ("FunctionNode", "pandas.read_pickle"),
        ("FunctionNode", "numpy.load"),
        ("TypeNode", "sklearn.linear_model._ridge.Ridge2"),
        ("TypeNode", "numpy.memmap"),
        ("TypeNode", "scipy.io._netcdf.netcdf_file"),
        ("ObjectNode", "numpy.memmap"),
        ("ObjectNode", "scipy.stats._distn_infrastructure.rv_continuous"),
        ("ObjectNode", "sklearn.datasets._base.Bunch"),
        ("ObjectNode", "sklearn.no_such_module.Thing"),
        ("DictNode", "pandas.core.frame.DataFrame"),
    ],
)
def test_a_crafted_file_that_names_something_else_is_refused_before_anything_is_loaded(loader: str, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    node = {"__loader__": loader, "__module__": module, "__class__": attribute}
    if loader == "DictNode":
        node |= {"content": {}, "key_types": {"__loader__": "ListNode", **_builtin("list"), "content": []}}  # type: ignore[dict-item]
    data = crafted(node)

    assert untrusted_types(data) == (name,)
    with pytest.raises(UntrustedModel):
        load_model(data)


def test_a_name_granted_one_way_is_not_granted_another_way_in_the_same_file() -> None:
    way = {"__module__": "sklearn.linear_model._ridge", "__class__": "Lasso_"}
    granted = {"__module__": "sklearn.feature_selection._univariate_selection", "__class__": "f_classif"}

    assert untrusted_types(crafted({"__loader__": "FunctionNode", **granted})) == ()
    assert untrusted_types(crafted({"__loader__": "TypeNode", **granted})) != ()
    assert untrusted_types(crafted({"__loader__": "ObjectNode", **way})) != ()


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18], ids=["empty", "text", "empty zip"])
def test_what_is_no_skops_file_is_told_so(data: bytes) -> None:
    with pytest.raises(CorruptArtifact, match="no skops file"):
        load_model(data)


def crafted(node: dict[str, Any]) -> bytes:
    """Return a skops file whose one list holds the node, as an attacker would write it."""
    schema = {"__loader__": "ListNode", **_builtin("list"), "content": [node], "protocol": 2, "_skops_version": "0.11"}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return out.getvalue()


def _builtin(name: str) -> dict[str, str]:
    return {"__module__": "builtins", "__class__": name}
