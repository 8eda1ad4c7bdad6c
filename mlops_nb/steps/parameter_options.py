"""Papermill's own parameter options (-p -r -f -y -b), read into layers for `resolve_parameters`."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from mlops_nb.steps.parameter_values import ParameterError, declared_parameter, fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlops_nb.steps.literals import Plain
    from mlops_nb.steps.parameters import Parameter

# YAML 1.2 reads `1e-3` as a number; PyYAML, which follows YAML 1.1, wants a dot and a sign and would give text.
_FLOAT = re.compile(r"[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$")
_WORDS = {"True": True, "False": False, "None": None}


def parse_cli_value(text: str) -> Plain:
    """Return what Papermill's `-p NAME TEXT` makes of a text: True, False, None, an int, a float, or the text."""
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def coerce_text(parameter: Parameter, text: str, source: str = "-p") -> Plain:
    """Return what a text means for this parameter: its type decides, and Papermill's rules where it does not.

    Raises
    ------
    ParameterError
        When the text is no value of that type.
    """
    value = parse_cli_value(text)
    if parameter.type == "str" and value is not None:
        value = text
    elif parameter.type == "bool" and text in {"true", "false"}:
        value = text == "true"
    elif parameter.type in {"list", "tuple", "dict"} and value is not None:
        value = read_yaml(text, f"{source} {parameter.name}")
    elif parameter.type in {"date", "datetime", "timestamp"} and value is not None:
        value = text
    return fit(parameter, value, source)


def from_cli(  # noqa: PLR0913, PLR0917 - one argument per option
    declared: Sequence[Parameter],
    p: Sequence[tuple[str, str]] = (),
    r: Sequence[tuple[str, str]] = (),
    f: Sequence[Path] = (),
    y: Sequence[str] = (),
    b: Sequence[str] = (),
) -> list[tuple[str, dict[str, Any]]]:
    """Return the layers that the options give, in Papermill's order of strength: -b, -f, -y, -p, -r.

    Raises
    ------
    ParameterError
        When a file is missing, a text is not YAML or no mapping, a name is unknown or a text has another type.
    """
    known = {parameter.name: parameter for parameter in declared}
    layers = [("-b (base64 YAML)", _mapping(_decoded(text), "-b")) for text in b]
    layers += [(f"the file {path}", _mapping(_text_of(path), str(path))) for path in f]
    layers += [("-y (YAML)", _mapping(text, "-y")) for text in y]
    if p:
        given = {name: coerce_text(declared_parameter(known, name, "-p"), text) for name, text in p}
        layers.append(("-p", given))
    if r:
        layers.append(("-r", dict(r)))
    return layers


def read_yaml(text: str, place: str) -> Plain:
    """Return the value of a YAML text; dates stay text (the parameter's type decides) and `1e-3` is a number.

    Raises
    ------
    ParameterError
        When it is not YAML, or gives one key twice.
    """
    # PyYAML costs 30 ms, which a command that gives no YAML need not pay.
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader, which constructs nothing but plain values, with other rules for what a plain word is."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
            first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            for index, key in enumerate(keys):
                if key in keys[:index]:
                    problem = f"the key {key!r} stands there twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return super().construct_mapping(node, deep=deep)

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        message = f"{place}: this is not valid YAML: {_in_a_line(error)}."
        raise ParameterError(message, hint="Write `name: value`, one a line.") from error


def _in_a_line(error: Exception) -> str:
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    return f"{problem}{where}" if problem else " ".join(str(error).split())


def _mapping(text: str, place: str) -> dict[str, Any]:
    given = read_yaml(text, place)
    if given is None:
        return {}
    if isinstance(given, dict):
        return given
    message = f"{place}: parameters are a mapping of names to values, and this is {given!r:.80}."
    raise ParameterError(message, hint="Write `name: value`, one a line; mind the space after the colon.")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        message = f"The parameter file {path} cannot be read: {reason}."
        raise ParameterError(message, hint="Check the path given with -f.") from error


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        message = f"-b: this is not base64 of UTF-8 text: {error}."
        raise ParameterError(message, hint="Encode the YAML with `base64 -w0`.") from error
