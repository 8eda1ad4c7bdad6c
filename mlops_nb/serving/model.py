"""A model version with its estimator: rows in, answers out, the same way for files, requests and whatever comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.validation.rows import RowsReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd

    from mlops_nb.metadata import ModelVersion


@dataclass(frozen=True)
class Answers:
    """What a model answers to n rows.

    Parameters
    ----------
    predictions
        Of its `predict`, or its `transform` when that is all it has: shape (n,) or (n, outputs).
    probabilities
        A column a class, in the order of the estimator's `classes_`, shape (n, classes); None where there are none.
    """

    predictions: np.ndarray
    probabilities: np.ndarray | None = None


@dataclass(frozen=True)
class LoadedModel:
    """A version, its estimator, and the sample rows, which say of which types its columns are, where they were kept."""

    version: ModelVersion
    estimator: Any
    sample: Any = None

    @cached_property
    def columns(self) -> Sequence[Mapping[str, Any]]:
        """What the model takes, in order, as the signature says it.

        Raises
        ------
        UsageError
            When the version has no signature.
        """
        columns: Sequence[Mapping[str, Any]] = self.version.signature.get("inputs", ())
        if not columns:
            message = (
                f"{self.version.model} version {self.version.version} has no signature: what it takes is not known."
            )
            raise UsageError(message, hint="Name rows as the output's `sample_input`, and run the notebook.")
        return columns

    @property
    def layout(self) -> str:
        """What the model was shown: a `frame`, a `series` or an `array`."""
        return str(self.version.signature.get("layout", "frame"))

    @property
    def method(self) -> str:
        """What it answers with: `predict`, or `transform` for a model that only transforms."""
        return str(self.version.signature.get("method", "predict"))

    @cached_property
    def classes(self) -> list[Any] | None:
        """What a classifier with one output may answer, in the order of its probabilities."""
        if self.method != "predict" or not hasattr(self.estimator, "predict_proba"):
            return None
        classes = getattr(self.estimator, "classes_", None)
        return None if classes is None or isinstance(classes, list) else list(classes)

    @cached_property
    def like(self) -> Mapping[str, Any]:
        """The pandas types of the columns in the sample rows, by name; none of an array's."""
        if self.sample is None or self.layout == "array":
            return {}
        if self.layout == "series":
            return {str(self.columns[0]["name"]): self.sample.dtype}
        return {str(name): dtype for name, dtype in self.sample.dtypes.items()}

    @cached_property
    def transforms(self) -> Any:
        """The fitted steps of a pipeline before its last one, or a model that only transforms; None of any other."""
        found = getattr(self.estimator, "best_estimator_", self.estimator)
        if self.method == "transform":
            return found
        if not (hasattr(found, "steps") and hasattr(found, "named_steps") and len(found.steps) > 1):
            return None
        # A slice of a pipeline holds the fitted steps themselves and no copies.
        return found[:-1]

    def reader(self, **how: Any) -> RowsReader:
        """Return what reads rows as this model's input; `how` are further parameters of the reader."""
        return RowsReader(self.columns, by_position=self.layout == "array", like=self.like, **how)

    def given_columns(self, columns: Mapping[str, Any]) -> Any:
        """Return the arrays that a reader made of a request's columns in the layout that the model was shown."""
        import numpy as np
        import pandas as pd

        if self.layout == "array":
            # Without a frame on the way, which takes longer than a small model.
            return self._array(np.column_stack(list(columns.values())))
        return self.given(pd.DataFrame(columns, copy=False))

    def given(self, rows: pd.DataFrame) -> Any:
        """Return rows, as a reader gave them, in the layout that the model was shown."""
        if self.layout == "series":
            return rows.iloc[:, 0].rename(getattr(self.sample, "name", rows.columns[0]))
        if self.layout == "array":
            return self._array(rows.to_numpy())
        return rows if self._renamed is None else rows.set_axis(self._renamed, axis="columns")

    def answers(self, given: Any) -> Answers:
        """Return what the model answers, with probabilities where it gives them of one output.

        Parameters
        ----------
        given
            As `given` and `given_columns` return it.
        """
        predictions = _dense(getattr(self.estimator, self.method)(given))
        if self.classes is None or predictions.ndim != 1:
            return Answers(predictions)
        return Answers(predictions, _dense(self.estimator.predict_proba(given)))

    def features(self, given: Any) -> np.ndarray:
        """Return what the model's transforms make of rows, shape (n, features): what its last step is given.

        Parameters
        ----------
        given
            As `given` and `given_columns` return it; the model must have `transforms`.
        """
        return _dense(self.transforms.transform(given))

    @cached_property
    def feature_names(self) -> list[str] | None:
        """The names of the features, where the transforms say them."""
        try:
            return [str(name) for name in self.transforms.get_feature_names_out()]
        except (AttributeError, ValueError, TypeError):
            # A transform without the method, or one that wants to be told the names of an array's columns.
            return None

    @cached_property
    def _renamed(self) -> Any:
        """The names of a frame's columns where they are no texts, as which the signature writes them."""
        names = [] if self.sample is None else self.sample.columns
        return None if all(isinstance(name, str) for name in names) else names

    def _array(self, array: np.ndarray) -> np.ndarray:
        import numpy as np

        kind = "O" if self.sample is None else self.sample.dtype.kind
        if kind in "biufc":
            # Row after row, as NumPy lays arrays out: how products are rounded depends on that.
            array = array.astype(self.sample.dtype, order="C", copy=False)
        elif kind == "U":
            # Not the sample's own type: that holds texts as long as its own and cuts longer ones.
            array = array.astype(np.str_)
        return array.ravel() if self.sample is not None and self.sample.ndim == 1 else array


def _dense(answer: Any) -> np.ndarray:
    import numpy as np

    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)
