"""The OpenAPI document: what is asked is held against it before anything is done."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.notebook.imports import import_jsonschema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCUMENT = "openapi.json"


class BadRequest(MlopsNbError):  # noqa: N818 - the name of the fact
    """What was asked is not what the OpenAPI document describes."""

    code = "bad-request"


@cache
def document() -> Mapping[str, Any]:
    """Return the OpenAPI document."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath(DOCUMENT).read_text(encoding="utf-8"))
    return loaded


def check_body(schema: str, body: Any) -> dict[str, Any]:
    """Return a request's body when it fits the schema of that name.

    Raises
    ------
    BadRequest
        When it does not, naming the place.
    """
    reference = {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]}
    found: dict[str, Any] = {} if body is None else body
    _check(reference, found, "The request")
    return found


def check_query(route: str, given: Callable[[str], str | None]) -> dict[str, Any]:
    """Return the query of a GET request, typed, with its defaults.

    Parameters
    ----------
    route
        The path in the document.
    given
        Returns what was given for a name, or None.

    Raises
    ------
    BadRequest
        When a value is none of its kind.
    """
    methods = document()["paths"][route]
    described = [_resolved(item) for method in methods.values() for item in method.get("parameters", ())]
    values: dict[str, Any] = {}
    for parameter in described:
        if parameter["in"] != "query":
            continue
        name, schema = parameter["name"], parameter["schema"]
        text = given(name)
        if text is None or text == "":
            if parameter.get("required"):
                message = f"`{name}` is missing."
                raise BadRequest(message, hint=parameter["description"])
            values[name] = schema.get("default")
            continue
        value: Any = text
        if schema["type"] == "integer":
            value = int(text) if text.lstrip("-").isdecimal() else text
        _check(schema, value, f"`{name}`")
        values[name] = value
    return values


def pattern(route: str) -> str:
    """Return the regular expression of a route of the document, its parameters as named groups."""
    (methods,) = [document()["paths"][route]]
    described = [_resolved(item) for method in methods.values() for item in method.get("parameters", ())]
    made = route
    for parameter in described:
        if parameter["in"] == "path":
            form = parameter["schema"].get("pattern", "[^/]+").strip("^$")
            made = made.replace(f"{{{parameter['name']}}}", f"(?P<{parameter['name']}>{form})")
    return made.replace(".json", r"\.json")


def _resolved(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = parameter.get("$ref")
    if reference is None:
        return parameter
    found: Mapping[str, Any] = document()["components"]["parameters"][reference.rpartition("/")[2]]
    return found


def _check(schema: Mapping[str, Any], value: Any, what: str) -> None:
    validator = import_jsonschema().Draft202012Validator(schema)
    wrong = min(validator.iter_errors(value), key=lambda error: len(error.path), default=None)
    if wrong is not None:
        place = ".".join(str(part) for part in wrong.path)
        # A value of the request may be long, or a secret: the place and the rule are enough.
        rule = wrong.message if wrong.validator in {"required", "additionalProperties"} else _rule(wrong)
        told = f"{what}{f', `{place}`' if place else ''}: {rule}."
        raise BadRequest(told, hint="See openapi.json of this API.")


def _rule(wrong: Any) -> str:
    return f"it must be of {wrong.validator} {json.dumps(wrong.validator_value)[:200]}"
