"""From the values of a request to what the model says of them, whichever form the request has."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_nb.serving.online.refusals import Failed, ModelRefused, NotFound, Refused, RowsRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from mlops_nb.serving.model import Answers, LoadedModel

# Of one request that many violations are told, of one kind in one column and in all.
VIOLATIONS = 100

T = TypeVar("T")

_LOG = logging.getLogger("mlops_nb.serving")


def answers(model: LoadedModel, values: Mapping[str, Sequence[Any]], count: int) -> Answers:
    """Return what the model predicts for rows.

    Parameters
    ----------
    values
        By column, `count` values each, as JSON has them.

    Raises
    ------
    RowsRefused
        When a row does not fit the signature; no row is predicted then.
    ModelRefused, Failed
        When the model raises: a `ValueError`, which is about the rows, or anything else.
    """
    return _asked(model, model.answers, _given(model, values, count))


def features(model: LoadedModel, values: Mapping[str, Sequence[Any]], count: int) -> np.ndarray:
    """Return what the model's transforms make of rows.

    Raises
    ------
    NotFound
        When the model has none.
    RowsRefused, ModelRefused, Failed
        As for `answers`.
    """
    require_transforms(model)
    return _asked(model, model.features, _given(model, values, count))


def require_transforms(model: LoadedModel) -> None:
    """Refuse to transform with a model that has nothing to do it with.

    Raises
    ------
    NotFound
        When it is neither a pipeline nor a transformer.
    """
    if model.transforms is None:
        version = model.version
        message = f"{version.model} {version.version} is a {type(model.estimator).__name__}: it has no transforms."
        raise NotFound(message, hint="Register a scikit-learn Pipeline of the transforms and the model.")


def id_of(body: Any) -> str:
    """Return the id that a request gives itself, or a new one.

    Raises
    ------
    Refused
        When its id is no text.
    """
    given = body.get("id") if isinstance(body, dict) else None
    if given is None:
        return uuid.uuid4().hex
    if not isinstance(given, str):
        message = "The `id` of the request is no text."
        raise Refused(message, hint='Write it in quotes: "id": "42"')
    return given


def plain(array: np.ndarray) -> list[Any]:
    """Return an array as JSON has it: times in ISO 8601, all else as it is."""
    import numpy as np

    found: list[Any] = (np.datetime_as_string(array) if array.dtype.kind == "M" else array).tolist()
    return found


def _given(model: LoadedModel, values: Mapping[str, Sequence[Any]], count: int) -> Any:
    if not count:
        message = "The request has no rows."
        raise RowsRefused(message)
    reader = model.reader(shown=VIOLATIONS)
    columns = reader.read_json(values, count)
    if not reader.fits:
        faults = reader.faults
        told = "1 value does" if faults == 1 else f"{faults} values do"
        message = f"{told} not fit {model.version.model} {model.version.version}, and nothing was predicted."
        raise RowsRefused(message, reader.violations())
    return model.given_columns(columns)


def _asked(model: LoadedModel, ask: Callable[[Any], T], given: Any) -> T:
    name = f"{model.version.model} {model.version.version}"
    try:
        return ask(given)
    except ValueError as error:
        message = f"{name} refuses the rows: {error}"
        hint = "They fit its signature; the model was trained on other values than these."
        raise ModelRefused(message, hint=hint) from error
    except Exception as error:  # a model is anybody's code
        _LOG.exception("%s failed", name)
        message = f"{name} failed: {type(error).__name__}: {error}"
        raise Failed(message, hint="The traceback is where the server was started.") from error
