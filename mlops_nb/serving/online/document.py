"""What the routes take and give, in the words of OpenAPI 3.1: the model's own columns, as JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.serving.model import LoadedModel

JSON = "application/json"
SECURITY = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}

_TEXT = {"type": "string"}
_VIOLATION = {
    "type": "object",
    "properties": {"code": _TEXT, "row": {"type": "integer"}, "column": _TEXT, "message": _TEXT},
}
_ERROR = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {"error": _TEXT, "code": _TEXT, "hint": _TEXT, "violations": {"type": "array", "items": _VIOLATION}},
}
_REFUSALS = {
    400: "The body is no request",
    401: "No token, or another",
    403: "Another host",
    404: "No such model, version or route",
    413: "Too large a body",
    415: "The body is not said to be JSON",
    422: "Rows do not fit the model",
    500: "The model failed",
}
_FORMATS = {"datetime64": "date-time", "date": "date", "timedelta64": "duration"}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": _TEXT,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": _TEXT,
        "data": {"type": "array"},
    },
}


def rows_route(model: LoadedModel, what: str) -> dict[str, Any]:
    """Return what a route for people takes: rows with the model's columns, and their sample values as the example."""
    row: dict[str, Any] = {
        "type": "object",
        "required": [str(column["name"]) for column in model.columns],
        "additionalProperties": False,
        "properties": {str(column["name"]): _column(model, column) for column in model.columns},
    }
    rows = {"type": "array", "minItems": 1, "items": row}
    with_id = {"type": "object", "required": ["rows"], "properties": {"rows": rows, "id": _TEXT}}
    head = {"model": _TEXT, "version": {"type": "integer"}, "run": {"type": ["string", "null"]}, "id": _TEXT}
    told: dict[str, Any] = {"features": {"type": ["array", "null"], "items": _TEXT}, "rows": {"type": "array"}}
    if what == "predictions":
        told = {"predictions": {"type": "array"}}
        if model.classes is not None:
            shares = {str(label): {"type": "number"} for label in model.classes}
            told["probabilities"] = {"type": "array", "items": {"type": "object", "properties": shares}}
    answer = {"type": "object", "required": [*head, *told], "properties": {**head, **told}}
    return _route({"oneOf": [rows, with_id]}, answer)


def tensors_route() -> dict[str, Any]:
    """Return what an inference route takes and gives, as the Open Inference Protocol has it."""
    tensors = {"type": "array", "minItems": 1, "items": _TENSOR}
    outputs = {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": _TEXT}}}
    body = {
        "type": "object",
        "required": ["inputs"],
        "properties": {"id": _TEXT, "inputs": tensors, "outputs": outputs},
    }
    answer = {
        "type": "object",
        "required": ["model_name", "id", "outputs"],
        "properties": {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "outputs": tensors},
    }
    return _route(body, answer)


def plain_route() -> dict[str, Any]:
    """Return what a route without a body gives."""
    return _route(None, {"type": "object"}, (401, 403, 404))


def _route(body: Any, answer: Any, refusals: tuple[int, ...] = tuple(_REFUSALS)) -> dict[str, Any]:
    told: dict[str, Any] = {"200": {"description": "The answer", "content": {JSON: {"schema": answer}}}}
    for status in refusals:
        told[str(status)] = {"description": _REFUSALS[status], "content": {JSON: {"schema": _ERROR}}}
    taken = {} if body is None else {"requestBody": {"required": True, "content": {JSON: {"schema": body}}}}
    return {**taken, "responses": told, "security": [{"token": []}]}


def _column(model: LoadedModel, column: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a column's values."""
    kind = str(column["dtype"]).partition("[")[0].partition("(")[0]
    nullable = column.get("nullable", False)
    categories = getattr(model.like.get(str(column["name"])), "categories", None)
    if categories is not None:
        return {"enum": [*categories.tolist(), *([None] if nullable else [])]}
    told: dict[str, Any] = {"type": [_json_type(kind), "null"] if nullable else _json_type(kind)}
    if kind in _FORMATS:
        told["format"] = _FORMATS[kind]
    return told


def _json_type(kind: str) -> str:
    if kind.startswith(("int", "uint")):
        return "integer"
    if kind.startswith(("float", "double", "halffloat", "decimal")):
        return "number"
    return "boolean" if kind == "bool" else "string"
