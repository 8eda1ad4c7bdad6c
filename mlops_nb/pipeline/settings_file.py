"""The pipeline's settings file, `pipelines/NAME/settings.toml`: what a person sets without touching a cell."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.notebook.settings import problems
from mlops_nb.steps.parameter_values import resolve_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.steps.graph import StepGraph

SETTINGS_FILE = "settings.toml"
_SECTIONS = ("parameters", "steps")


class SettingsFileError(UsageError):
    """The pipeline's settings file says something that cannot be."""

    code = "settings"


def read_pipeline_settings(folder: Path, graph: StepGraph) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what the settings file of a pipeline sets; both mappings are empty when there is no file.

    Parameters
    ----------
    folder
        `pipelines/NAME`.
    graph
        The notebook's steps, for the names and types that there are.

    Returns
    -------
    The values of parameters by name, each of its declared type, and the settings of steps by the step's name.

    Raises
    ------
    SettingsFileError
        When the file is not TOML, or an unknown section, step or setting, or a value of another type stands in it.
    ParameterError
        When a parameter is not declared or its value is of another type.
    """
    path = folder / SETTINGS_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path} cannot be read: {error}."
        hint = "It is TOML: `[parameters]` and below it one `name = value` a line, text in quotes."
        raise SettingsFileError(message, hint=hint) from error
    wrong = _wrong_sections(content)
    steps = content.get("steps", {})
    known = tuple(dict.fromkeys(step.tag for step in graph.steps))
    for name, given in steps.items() if isinstance(steps, dict) else ():
        if name not in known:
            wrong.append(f"`steps.{name}`: the notebook has no step `{name}`.{did_you_mean(name, known)}")
        elif not isinstance(given, dict):
            wrong.append(f"`steps.{name}` must be a section of settings, and is {given!r}.")
        else:
            wrong += [f"`steps.{name}`: {sentence}" for _, sentence in problems(given)]
    if wrong:
        message = "\n".join(f"{path}: {sentence}" for sentence in wrong)
        raise SettingsFileError(message, hint=f"The steps of the notebook: {', '.join(known)}.")
    given = content.get("parameters", {})
    values = {value.name: value.value for value in resolve_parameters(graph.parameters, [(str(path), given)])}
    return {name: values[name] for name in given}, steps


def _wrong_sections(content: Mapping[str, Any]) -> list[str]:
    wrong = []
    for name, given in content.items():
        if name not in _SECTIONS:
            near = did_you_mean(name, _SECTIONS)
            wrong.append(f"`{name}` is no section.{near} There are [parameters] and [steps.NAME].")
        elif not isinstance(given, dict):
            wrong.append(f"`{name}` must be a section, and is {given!r}.")
    return wrong


def new_settings_text(graph: StepGraph) -> str:
    """Return a settings file that sets nothing and shows how to."""
    parameter = next((p for p in graph.parameters if p.known and type(p.default) in {int, float}), None)
    step = graph.steps[-1].tag if graph.steps else "NAME"
    example = f"{parameter.name} = {parameter.default}" if parameter else "name = 1"
    section = f"# [steps.{step}]".ljust(26)
    return (
        f"# Settings of the pipeline {graph.notebook.name}; `mlops-nb compile` wrote it once and never overwrites it.\n"
        "#\n"
        "# [parameters]             # values that win over the notebook's parameter cell\n"
        f"# {example}\n"
        "#\n"
        f"{section} # settings that win over those of the step's cells\n"
        "# timeout_s = 600          # also retries, retry_wait_s, memory_mb, cache\n"
    )
