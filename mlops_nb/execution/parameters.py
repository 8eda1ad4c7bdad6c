"""The parameters of a run: what its kernels are given, what its record keeps, and that record read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.metadata import Parameter
from mlops_nb.steps.literals import as_json, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.metadata import RunRecord
    from mlops_nb.pipeline import Plan
    from mlops_nb.steps import Parameter as Declared
    from mlops_nb.steps import ParameterValue

Layer = tuple[str, "Mapping[str, Any]"]


def injected(values: Sequence[ParameterValue]) -> dict[str, Any]:
    """Return the values that the kernels are given; the notebook itself assigns its defaults."""
    return {value.name: value.value for value in values if value.known and value.source != "default"}


def recorded(values: Sequence[ParameterValue], planned: Plan) -> tuple[Parameter, ...]:
    """Return the record of the parameters: for the run, and for each step that reads them."""
    found = []
    for value in values:
        given = value.as_dict()
        facts = {"name": value.name, "type": value.type, "value": given["value"], "source": _source(value.source)}
        found.append(Parameter(**facts))
        found += [Parameter(**facts, step=step.name) for step in planned.steps if value.name in step.step.reads]
    return tuple(found)


def _source(source: str) -> Any:
    if source.startswith("default"):
        return "default"
    if source.startswith("settings"):
        return "config"
    if source == "JupyterLab":
        return "jupyterlab"
    return "file" if source.startswith("the file") else "command-line"


@dataclass(frozen=True)
class ReadBack:
    """The layers that give a run the parameters of an earlier one, and what a person should know of them."""

    layers: tuple[Layer, ...]
    notices: tuple[str, ...]


def read_back(record: RunRecord, declared: Sequence[Declared], configured: Mapping[str, Any]) -> ReadBack:
    """Return the parameters of a past run, verbatim, as layers for another run of its notebook.

    Where the notebook's default or the settings file say something else by now, the value is as it was, and that is
    told. A parameter that the notebook no longer has is left out and told. Secrets are not in the record; where a step
    reads one from its environment, it reads it anew.

    Parameters
    ----------
    record
        The past run.
    declared
        The parameters that the notebook declares now.
    configured
        The values that the pipeline's settings file gives now.
    """
    known = {parameter.name: parameter for parameter in declared}
    run = record.run.id
    layers: dict[str, dict[str, Any]] = {}
    notices: list[str] = []
    names = {"default": f"default of run {run}", "config": f"settings of run {run}", "file": f"the file of run {run}"}
    for item in record.parameters:
        if item.step is not None or item.secret:
            continue
        parameter = known.get(item.name)
        if parameter is None:
            notices.append(f"the notebook no longer has the parameter `{item.name}`, which was {item.value!r} in {run}")
            continue
        default = item.source == "default"
        if default and item.value is None and not (parameter.known and parameter.nullable):
            # Only running the notebook told it, then or now.
            continue
        value = from_json(item.value)
        if item.name in configured and as_json(configured[item.name]) != item.value:
            notices.append(
                f"`{item.name}` is {value!r}, as in {run}; the settings say {configured[item.name]!r} by now"
            )
        elif default and parameter.known and as_json(parameter.default) != item.value:
            notices.append(f"`{item.name}` is {value!r}, as in {run}; its default is {parameter.default!r} by now")
        elif default:
            continue
        layers.setdefault(names.get(item.source, f"run {run}"), {})[item.name] = value
    order = (*names.values(), f"run {run}")
    return ReadBack(tuple((name, layers[name]) for name in order if name in layers), tuple(notices))
