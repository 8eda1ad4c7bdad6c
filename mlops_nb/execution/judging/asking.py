"""A model of the store asked for rows of the store: its answers beside the truth."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_nb.artifacts import CannotStore, load_model, load_table
from mlops_nb.validation.metrics import Answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from mlops_nb.artifacts import ArtifactStore


@dataclass(frozen=True)
class StoredModel:
    """A model version as the process that asks it is told of it: where its content is, and what it takes."""

    artifact: str
    trusted: tuple[str, ...]
    layout: str
    dtypes: Mapping[str, str]
    sample_input: str | None = None

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> StoredModel:
        """Return the model of a request."""
        signature = told.get("signature") or {}
        dtypes = {field["name"]: field["dtype"] for field in signature.get("inputs", ())}
        layout = signature.get("layout", "frame")
        return cls(told["artifact"], tuple(told.get("trusted", ())), layout, dtypes, told.get("sample_input"))

    def load(self, store: ArtifactStore, *, allow_pickle: bool) -> Any:
        """Return the estimator; its types must be trusted, and a pickle be allowed."""
        return load_model(store.get(self.artifact), self.trusted, allow_pickle=allow_pickle, store=store)

    def rows(self, table: pd.DataFrame, features: Sequence[str]) -> Any:
        """Return a table's rows as the model was fitted with them."""
        if self.layout == "array":
            return table[list(features)].to_numpy()
        if self.layout == "series":
            return table[features[0]]
        known = [name for name in self.dtypes if name in table.columns]
        # A model whose signature nobody recorded takes what the evaluation data has.
        return table[list(self.dtypes) if len(known) == len(self.dtypes) and known else list(features)]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let models predict in one thread: parallel forests add up in any order, and the last bit follows."""
    import warnings

    import joblib
    from threadpoolctl import threadpool_limits

    with (
        joblib.parallel_config(backend="sequential"),
        threadpool_limits(limits=1),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def answer(model: Any, rows: Any, truth: Any) -> Answers:
    """Ask a model for rows whose truth is known.

    Raises
    ------
    CannotStore
        When it has several answers a row.
    """
    with one_thread():
        predicted = np.asarray(model.predict(rows))
        probability = np.asarray(model.predict_proba(rows)) if hasattr(model, "predict_proba") else None
    if predicted.ndim != 1:
        message = f"The model gives {predicted.shape[1]} values a row, and metrics are for one."
        raise CannotStore(message, hint="Judge a model with one answer, or each answer by a model of its own.")
    classes = tuple(np.asarray(model.classes_).tolist()) if hasattr(model, "classes_") else ()
    return Answers(plain(truth), plain(predicted), probability, classes)


def plain(column: Any) -> np.ndarray:
    """Return values as a NumPy array, text as objects: pandas 2 and 3 then compare alike."""
    values = np.asarray(column)
    return values if values.dtype.kind in "biuf" else np.asarray(column, dtype=object)


def stored_table(store: ArtifactStore, digest: str) -> pd.DataFrame:
    """Return a table of the store as a frame."""
    import pandas as pd

    table = load_table(store.get(digest))
    if isinstance(table, pd.DataFrame):
        return table
    return table.to_frame("values") if isinstance(table, pd.Series) else pd.DataFrame(table)
