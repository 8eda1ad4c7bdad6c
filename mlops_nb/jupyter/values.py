"""The parameter values of a request, as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.steps import ParameterError, coerce_text
from mlops_nb.steps.literals import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.steps import Parameter

SOURCE = "JupyterLab"
# Of these, a text is a value of its own.
_TEXTS = frozenset({"str", "any", "none"})


def layers(declared: Sequence[Parameter], given: Mapping[str, Any] | None) -> list[tuple[str, dict[str, Any]]]:
    """Return the values of a request as a layer.

    Parameters
    ----------
    declared
        The notebook's parameters.
    given
        JSON by name; a text stands for what it would be on the command line, where its parameter is no text.

    Raises
    ------
    ParameterError
        When a text is no value of its parameter's type.
    """
    known = {parameter.name: parameter for parameter in declared}
    values = {}
    for name, value in (given or {}).items():
        parameter = known.get(name)
        if isinstance(value, str) and parameter is not None and parameter.type not in _TEXTS:
            values[name] = coerce_text(parameter, value, SOURCE)
            continue
        try:
            values[name] = from_json(value)
        except (ValueError, TypeError) as error:
            message = f"The value of `{name}` is not one: {error}."
            raise ParameterError(message, hint="Write it as `mlops-nb show --json` shows such a value.") from error
    return [(SOURCE, values)] if values else []
