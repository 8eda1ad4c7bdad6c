"""For people: rows as a list of JSON objects, and a prediction beside each.

A request is `[{"fare": 9.5, …}, …]`, or `{"rows": […], "id": "42"}`. A row of a model that was shown an array may be a
list of its numbers, and one of a model that was shown texts the text itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.serving.online import asking
from mlops_nb.serving.online.refusals import Refused
from mlops_nb.validation.json_values import ABSENT

if TYPE_CHECKING:
    from mlops_nb.serving.model import LoadedModel


def predict(model: LoadedModel, body: Any) -> dict[str, Any]:
    """Return the answer to a request for predictions: `predictions`, and `probabilities` by class where there are any.

    Raises
    ------
    Refused
        When the body has no rows, a row does not fit, or the model refuses it.
    """
    names = [str(label) for label in model.classes or ()]
    told = asking.answers(model, *read_rows(model, body))
    answer = {**_head(model, body), "predictions": asking.plain(told.predictions)}
    if told.probabilities is not None:
        answer["probabilities"] = [dict(zip(names, row, strict=True)) for row in told.probabilities.tolist()]
    return answer


def transform(model: LoadedModel, body: Any) -> dict[str, Any]:
    """Return the answer to a request for features: what the model's transforms make of each row, and the names.

    Raises
    ------
    Refused
        When the model has no transforms, the body no rows, a row does not fit, or the model refuses it.
    """
    made = asking.features(model, *read_rows(model, body))
    return {**_head(model, body), "features": model.feature_names, "rows": asking.plain(made)}


def read_rows(model: LoadedModel, body: Any) -> tuple[dict[str, list[Any]], int]:
    """Return the values of a request by column, and how many rows there are.

    Raises
    ------
    Refused
        When the body is no list of rows.
    """
    rows = body
    if isinstance(body, dict):
        if unknown := sorted(body.keys() - {"rows", "id"}):
            message = f"The request has `{unknown[0]}`, and a request has `rows` and perhaps an `id`."
            raise Refused(message, hint='Send a list of rows, or {"rows": […]}.')
        rows = body.get("rows")
    if not isinstance(rows, list):
        message = "The request has no list of rows."
        raise Refused(message, hint='Send [{"COLUMN": VALUE, …}, …], or {"rows": […]}.')
    names = [str(column["name"]) for column in model.columns]
    objects = rows if all(type(row) is dict for row in rows) else _objects(model, rows, names)
    values = {name: [row.get(name, ABSENT) for row in objects] for name in names}
    if any(len(row) != len(names) for row in objects) or any(ABSENT in column for column in values.values()):
        for name in {name for row in objects for name in row} - values.keys():
            values[name] = [row.get(name, ABSENT) for row in objects]
    return values, len(objects)


def _objects(model: LoadedModel, rows: list[Any], names: list[str]) -> list[dict[str, Any]]:
    """Return rows as objects, whatever a row of this model may be."""
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            found.append(row)
        elif model.layout == "array" and isinstance(row, list):
            # A value too many is a column that the model does not take.
            places = [*names, *(str(place) for place in range(len(names), len(row)))]
            found.append(dict(zip(places, row, strict=False)))
        elif len(names) == 1 and model.layout != "frame" and not isinstance(row, list):
            found.append({names[0]: row})
        else:
            message = f"Row {number} is no object of columns and values."
            raise Refused(message, hint=f"Its columns are {', '.join(names)}.")
    return found


def _head(model: LoadedModel, body: Any) -> dict[str, Any]:
    version = model.version
    return {"model": version.model, "version": version.version, "run": version.run, "id": asking.id_of(body)}
