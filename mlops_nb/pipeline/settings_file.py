"""The pipeline's settings file, `pipelines/NAME/settings.toml`: what a person sets without touching a cell."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.notebook.settings import problems
from mlops_nb.steps.parameter_values import resolve_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.steps.graph import StepGraph

SETTINGS_FILE = "settings.toml"
_SECTIONS = ("parameters", "steps", "notify", "test")


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
    content = _content(path)
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


def read_notify_section(folder: Path) -> dict[str, Any]:
    """Return the section of a pipeline's settings file that says whom to notify; what is in it is not checked here.

    Raises
    ------
    SettingsFileError
        When the file is not TOML, or `notify` is no section of it.
    """
    path = folder / SETTINGS_FILE
    section = _content(path).get("notify", {})
    if not isinstance(section, dict):
        message = f"{path}: `notify` must be a section, and is {section!r}."
        raise SettingsFileError(message, hint="Write `[notify.email]`, and below it one `name = value` a line.")
    return section


@dataclass(frozen=True)
class TestSettings:
    """What `mlops-nb test` runs a pipeline with: parameters, and how many seconds it may take; None for any time."""

    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    within_s: float | None = None


def read_test_section(folder: Path, graph: StepGraph) -> TestSettings:
    """Return the section of a pipeline's settings file that says how its tests run.

    Raises
    ------
    SettingsFileError
        When the file is not TOML, or what is in the section cannot be.
    ParameterError
        When a parameter is not declared or its value is of another type.
    """
    path = folder / SETTINGS_FILE
    section = _content(path).get("test", {})
    if not isinstance(section, dict):
        message = f"{path}: `test` must be a section, and is {section!r}."
        raise SettingsFileError(message, hint="Write `[test]`, and below it `within_s = 60`.")
    known = ("parameters", "within_s")
    for name in section.keys() - set(known):
        message = f"{path}: `test.{name}` is not a setting.{did_you_mean(name, known)}"
        raise SettingsFileError(message, hint=f"Settings here are {', '.join(known)}.")
    given, within_s = section.get("parameters", {}), section.get("within_s")
    if not isinstance(given, dict):
        message = f"{path}: `test.parameters` must be a section, and is {given!r}."
        raise SettingsFileError(message, hint="Write `[test.parameters]`, and below it one `name = value` a line.")
    if within_s is not None and (isinstance(within_s, bool) or not isinstance(within_s, int | float) or within_s <= 0):
        message = f"{path}: `test.within_s` must be a number above 0, and is {within_s!r}."
        raise SettingsFileError(message, hint="It is in seconds.")
    values = {value.name: value.value for value in resolve_parameters(graph.parameters, [(str(path), given)])}
    return TestSettings({name: values[name] for name in given}, within_s)


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path} cannot be read: {error}."
        hint = "It is TOML: `[parameters]` and below it one `name = value` a line, text in quotes."
        raise SettingsFileError(message, hint=hint) from error


def _wrong_sections(content: Mapping[str, Any]) -> list[str]:
    wrong = []
    for name, given in content.items():
        if name not in _SECTIONS:
            near = did_you_mean(name, _SECTIONS)
            wrong.append(f"`{name}` is no section.{near} There are [parameters], [steps.NAME], [notify] and [test].")
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
        "# timeout_s = 600          # also retries, retry_wait_s, memory_mb, cpus, gpus, cache, pause\n"
    )
