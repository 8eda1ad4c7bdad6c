"""The signature of a model: what it takes and what it gives, read off rows it predicts from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.artifacts.formats import CannotStore, type_name
from mlops_nb.artifacts.formats_json import decode_json, encode_json
from mlops_nb.artifacts.formats_table import Column, describe_table

if TYPE_CHECKING:
    from collections.abc import Mapping

Layout = Literal["frame", "series", "array"]


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives.

    Parameters
    ----------
    layout
        What the model was shown: a pandas frame, a pandas series (of texts) or a NumPy array.
    inputs
        The columns, in order; those of an array are named by their position.
    method
        What it answers with: `predict`, or `transform` for a model that only transforms.
    dtype, shape
        Of the answer; -1 stands for the number of rows.
    classes
        What a classifier may answer, in the order of its probabilities; one tuple an output when there are several.
    probabilities
        Whether it has `predict_proba`.
    """

    layout: Layout
    inputs: tuple[Column, ...]
    method: str
    dtype: str
    shape: tuple[int, ...]
    classes: tuple[Any, ...] | None = None
    probabilities: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the signature as a JSON object."""
        tree: dict[str, Any] = encode_json(asdict(self))
        return tree

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Signature:
        """Return the signature that `to_json` gave the object of."""
        given = decode_json(dict(tree))
        classes = given.pop("classes")
        return cls(
            **{
                **given,
                "inputs": tuple(Column(**column) for column in given["inputs"]),
                "shape": tuple(given["shape"]),
                "classes": None if classes is None else _tuples(classes),
            }
        )


def read_signature(estimator: Any, sample: Any, method: str, answer: Any) -> Signature:
    """Return the signature of a fitted estimator.

    Parameters
    ----------
    estimator
        A scikit-learn estimator.
    sample
        Rows it predicts from.
    method, answer
        What was called with rows of the sample, and the array that came back.

    Raises
    ------
    CannotStore
        When the sample is no table a model takes, or the classes have no form in JSON.
    """
    classes = getattr(estimator, "classes_", None) if method == "predict" else None
    return Signature(
        layout=layout_of(sample),
        inputs=describe_table(sample),
        method=method,
        dtype="str" if answer.dtype.kind in "OUT" and _all_text(answer) else str(answer.dtype),
        shape=(-1, *answer.shape[1:]),
        classes=None if classes is None else _tuples(encode_json(list(classes))),
        probabilities=hasattr(estimator, "predict_proba"),
    )


def layout_of(sample: Any) -> Layout:
    """Return which kind of table a sample input is.

    Raises
    ------
    CannotStore
        When it is none that can be kept beside a model.
    """
    import numpy as np
    import pandas as pd

    if isinstance(sample, pd.DataFrame):
        return "frame"
    if isinstance(sample, pd.Series):
        return "series"
    if isinstance(sample, np.ndarray):
        return "array"
    message = f"The sample input is a `{type_name(sample)}`."
    raise CannotStore(message, hint="Give rows the model predicts from: a pandas DataFrame or Series, or an array.")


def _all_text(answer: Any) -> bool:
    return all(isinstance(item, str) for item in answer.ravel().tolist())


def _tuples(items: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuples(item) if isinstance(item, list) else item for item in items)
