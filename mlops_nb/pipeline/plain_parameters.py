"""Parameters on their way through plain Ploomber: which can travel as YAML, and how they must be written there.

Ploomber reads every text in `env.yaml` and `pipeline.yaml` once more as Python where it can: `"42"` becomes a number,
`"none"` becomes None. A value is written so that it arrives as it was; one that cannot arrive so is not put into YAML
but, when it is not the default, assigned in the step's notebook.
"""

from __future__ import annotations

import ast
import math
import warnings
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from mlops_nb.steps.literals import as_json, fitted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.steps.parameter_values import ParameterValue
    from mlops_nb.steps.parameters import Parameter

# What Ploomber, Jinja or argparse make something of.
_SPECIAL = ("{{", "}}", "{%", "%}", "{#", "#}")
_TAKEN = frozenset({"path", "meta", "user", "cwd", "now", "here", "root", "git", "git_hash", "env", "version"})
_JINJA = frozenset(
    {"true", "false", "none", "self", "loop", "caller", "range", "dict", "lipsum", "cycler", "joiner", "namespace"}
)


@dataclass(frozen=True)
class PlainParameters:
    """The parameters of a pipeline as the compiled form holds them.

    Attributes
    ----------
    carried
        Values that travel as YAML, by name.
    kinds
        Their declared types, for the step that receives them; ` | None` where None may be given.
    env
        `env.yaml`.
    params
        `params` of the task with the parameter cell.
    fixed
        Lines of Python that assign the others, where they are not the default.
    """

    carried: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    env: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    fixed: list[str] = field(default_factory=list)


def plain_parameters(declared: Sequence[Parameter], values: Sequence[ParameterValue]) -> PlainParameters:
    """Return how the values of the declared parameters travel."""
    found = PlainParameters()
    for parameter, value in zip(declared, values, strict=True):
        plain = _plain(value.value)
        # What the parameter cell has already used cannot be given after it.
        if not value.known or parameter.early_uses or not _arrives(plain, value):
            default = value.source == "default" or (
                parameter.known and as_json(value.value) == as_json(parameter.default)
            )
            found.fixed.extend([] if default else [value.assignment()])
            continue
        name = parameter.name
        found.carried[name] = value.value
        found.kinds[name] = f"{parameter.type} | None" if parameter.nullable else parameter.type
        in_env = _env_text(plain) if _may_stand_in_env(name, plain) else None
        if in_env is None:
            found.params[name] = plain
        else:
            found.env[name] = in_env[0]
            found.params[name] = f"{{{{{name}}}}}"
    return found


def yaml_text(content: Mapping[str, Any], *, cast: bool = False) -> str:
    """Return the content as YAML; `cast` when Ploomber will read its texts as Python."""
    # PyYAML costs 30 ms, which a command that writes none need not pay.
    import yaml

    class Dumper(yaml.SafeDumper):
        """SafeDumper that writes equal lists out twice: anchors are noise."""

        def ignore_aliases(self, data: object) -> bool:
            return data is not None or super().ignore_aliases(data)

    given = _each_text(content) if cast else content
    text: str = yaml.dump(given, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _plain(value: object) -> Any:
    """Return the value as YAML carries it; the receiver makes it a tuple or a date again."""
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, date) else value


def _arrives(plain: object, value: ParameterValue) -> bool:
    if not _is_simple(plain):
        return False
    try:
        return bool(as_json(fitted(plain, value.type)) == as_json(value.value))
    except ValueError:
        return False


def _is_simple(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_simple, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_simple(key) and _is_simple(item) for key, item in value.items())
    if isinstance(value, str):
        return not any(mark in value for mark in _SPECIAL) and _text(value) is not None
    return value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _may_stand_in_env(name: str, plain: object) -> bool:
    free = not name.startswith("_") and "__" not in name and name not in _TAKEN | _JINJA
    # Ploomber gives every entry as the help of a command-line option, where a percent sign is a format; and it takes
    # a mapping apart into one option a key.
    return free and name.isascii() and not isinstance(plain, dict) and "%" not in repr(plain)


def _env_text(plain: Any) -> tuple[Any] | None:
    """Return what must stand in `env.yaml`, where it is read as Python twice; nothing when it cannot."""
    if isinstance(plain, list):
        return (_each_text(plain),)
    if not isinstance(plain, str):
        return (plain,)
    for text in (plain, repr(plain), repr(repr(plain))):
        if _same(_read(str(_read(text))), plain):
            return (text,)
    return None


def _each_text(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _each_text(item) for key, item in content.items()}
    if isinstance(content, list):
        return [_each_text(item) for item in content]
    return _text(content) if isinstance(content, str) else content


def _text(value: str) -> str | None:
    """Return a text that Ploomber reads as this one."""
    return next((text for text in (value, repr(value)) if _same(_read(text), value)), None)


def _read(text: str) -> object:
    """Read a text as Ploomber does (`ploomber.env.expand.cast_if_possible`)."""
    lowered = text.lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    if lowered in {"none", "null"}:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except Exception:  # noqa: BLE001 - whatever it is, Ploomber keeps the text
        return text


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other
