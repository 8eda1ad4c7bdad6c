"""The values a run gives a notebook's parameters: layered, checked against the declared types, replayable.

What is given is assigned after the parameter cell has run. A line of that cell that already used a parameter has used
the default, so giving that parameter another value is refused, naming the line, rather than computing with half of it.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.steps.literals import Plain, Timestamp, as_json, as_source, fits, fitted, from_json, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.steps.parameters import Parameter

_DEEPEST = 50


class ParameterError(UsageError):
    """A parameter cannot be given as asked."""

    code = "parameter"


@dataclass(frozen=True)
class ParameterValue:
    """The value of a parameter in a run, and where it comes from (`default`, or the layer that gave it).

    A default that only running the notebook tells has `known` false and the value None; nothing is to be assigned.
    """

    name: str
    type: str
    value: Any
    source: str = "default"
    known: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; `ParameterValue.from_dict` gives the same value and types back."""
        return {
            "name": self.name,
            "type": self.type,
            "value": as_json(self.value),
            "source": self.source,
            "known": self.known,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ParameterValue:
        """Return the value that `as_dict` wrote."""
        value = from_json(record["value"])
        return cls(record["name"], record["type"], value, record["source"], record.get("known", True))

    def assignment(self) -> str:
        """Return the line of Python that assigns the value, whatever the namespace holds."""
        return f"{self.name} = {as_source(self.value)}"


def resolve_parameters(
    declared: Sequence[Parameter], layers: Sequence[tuple[str, Mapping[str, Any]]]
) -> tuple[ParameterValue, ...]:
    """Return the value of every declared parameter: the last layer that gives one, else its default.

    Parameters
    ----------
    declared
        What `read_parameters` found.
    layers
        (source, values) pairs, weakest first; the source is told in errors and kept with the value.

    Raises
    ------
    ParameterError
        When a name is not declared, a value is of another type, or a line of the parameter cell has already used
        the default of a parameter that is given another value.
    """
    known = {parameter.name: parameter for parameter in declared}
    values = {p.name: ParameterValue(p.name, p.type, p.default, "default", p.known) for p in declared}
    for source, given in layers:
        for name, value in given.items():
            parameter = declared_parameter(known, name, source)
            values[name] = ParameterValue(name, parameter.type, fit(parameter, value, source), source)
    for parameter in declared:
        _refuse_half_given(parameter, values)
    return tuple(values.values())


def declared_parameter(known: Mapping[str, Parameter], name: object, source: str) -> Parameter:
    """Return the parameter of that name; an unknown one is refused with the near misses."""
    if isinstance(name, str) and name in known:
        return known[name]
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        message = f"{name!r} (from {source}) cannot be the name of a parameter."
        raise ParameterError(message, hint="A name is letters, digits and `_`, and no Python keyword.")
    message = f"`{name}` (from {source}) is not a parameter of this notebook.{did_you_mean(name, known)}"
    names = ", ".join(f"`{other}`" for other in known)
    hint = f"Its parameters: {names}." if known else "Tag the cell that assigns its parameters `parameters`."
    raise ParameterError(message, hint=hint)


def fit(parameter: Parameter, value: Plain, source: str) -> Plain:
    """Return the value as the parameter's type; what would lose something, or is of another type, is refused."""
    if value is None and (parameter.nullable or parameter.type in {"none", "any"}):
        return None
    if isinstance(value, datetime) and type(value) not in {datetime, Timestamp} and fits(value, "timestamp"):
        # A `pandas.Timestamp`, which is recorded without pandas.
        value = fitted(value, "timestamp")
    problem = _not_json(value)
    if not problem and fits(value, parameter.type):
        return fitted(value, parameter.type)
    told = problem or f"{value!r}, which is of type {kind_of(value) if value is not None else 'None'}"
    wanted = f"{parameter.type} or None" if parameter.nullable else parameter.type
    declared = f"of type {wanted} (default `{parameter.expression}`)"
    message = f"The parameter `{parameter.name}` is {declared}, and {source} gives it {told}."
    raise ParameterError(message, hint=_hint(parameter, value))


def _hint(parameter: Parameter, value: Plain) -> str:
    match parameter.type, value:
        case "str", bool():
            return "YAML reads yes, no, on, off, true and false as truth values: put the word in quotes."
        case "str", int() | float():
            return "Put the value in quotes, or give it with -r."
        case _, None:
            return f"To allow None, annotate it in the parameter cell: `{parameter.name}: {parameter.type} | None`."
        case "int", float() if value.is_integer():
            return f"Write {int(value)}."
        case (("date" | "datetime" | "timestamp"), _):
            return "Write it as 2024-12-31" + ("." if parameter.type == "date" else " or 2024-12-31T23:59:00.")
        case (("list" | "tuple"), _):
            return "Write a list: '[1, 2, 3]'."
        case "dict", _:
            return "Write a mapping: '{depth: 3}'."
        case "bool", _:
            return "Write true or false."
        case (("int" | "float"), str()):
            return "Write a number, and give it with -p: what -r gives is always text."
    return f"Give a value of type {parameter.type}."


def _not_json(value: object, depth: int = 0) -> str:
    """Return what keeps the value from being typed JSON, in words; nothing when it can be."""
    if depth > _DEEPEST:
        return "a value that is nested too deeply or contains itself"
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        return "" if kind_of(value) != "any" else f"{value!r}, a {type(value).__name__}, which is no plain value"
    return next((problem for part in parts if (problem := _not_json(part, depth + 1))), "")


def _refuse_half_given(parameter: Parameter, values: Mapping[str, ParameterValue]) -> None:
    value = values[parameter.name]
    if value.source == "default" or (parameter.known and as_json(value.value) == as_json(parameter.default)):
        return
    for use in parameter.early_uses:
        if use.binds and all(name in values and values[name].source != "default" for name in use.binds):
            continue
        message = (
            f"The parameter `{parameter.name}` cannot be given by {value.source}: line {use.line} of the parameter "
            f"cell, `{use.source}`, has already used its default."
        )
        raise ParameterError(message, hint=f"Move line {use.line} into a cell below the parameters.")
