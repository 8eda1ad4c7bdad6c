"""Steps of a notebook become a package: taken out, their types read off the last run, their requirements found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, version
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.lifecycle.planning import Pipeline, plan, refuse_errors, seen_types, stores
from mlops_nb.reuse.taking import NotReusable, Seen, steps_of, take
from mlops_nb.reuse.wheel import NotPackaged, Package, write_wheel
from mlops_nb.snapshot.modules import module_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.reuse.component import Component


@dataclass(frozen=True)
class Packaged:
    """A wheel, the steps in it, and why each step that is not in it could not be taken out of its notebook."""

    file: Path
    package: Package
    left_out: Mapping[str, str]


def package(
    pipeline: Pipeline, steps: Sequence[str] = (), *, name: str, version: str, output: Path = Path("dist")
) -> Packaged:
    """Write steps of a notebook into a wheel.

    Parameters
    ----------
    pipeline
        The notebook's.
    steps
        Names of steps; all that can stand alone when there is none.
    name, version
        The package's.
    output
        The folder of the wheel.

    Raises
    ------
    NotebookHasErrors
        When a diagnostic refuses the notebook.
    NotReusable
        When a step that was asked for cannot stand alone, or none can.
    NotPackaged
        When name or version cannot be.
    """
    refuse_errors(pipeline)
    seen = _seen(pipeline)
    taken: list[Component] = []
    left_out: dict[str, str] = {}
    for step in dict.fromkeys(steps or steps_of(pipeline.graph)):
        try:
            taken.append(_taken(pipeline, step, seen.get(step)))
        except NotReusable as error:
            if steps:
                raise
            left_out[step] = error.message
    if not taken:
        message = f"No step of {pipeline.graph.notebook.path.name} can be packaged: {next(iter(left_out.values()), '')}"
        raise NotPackaged(message, hint="Name the step to see what keeps it in its notebook.")
    python = ".".join(pipeline.environment.python.split(".")[:2])
    made = Package(name, version, tuple(taken), _requirements(pipeline, taken), python)
    return Packaged(write_wheel(made, output), made, left_out)


def _taken(pipeline: Pipeline, name: str, seen: Seen | None) -> Component:
    component = take(pipeline.graph.notebook, name, seen)
    folder = pipeline.graph.notebook.path.absolute().parent
    local = module_files(component.imports, [folder, pipeline.project.root])
    if local:
        module, path = min(local.items())
        message = f"Step `{name}` imports `{module}` of the project ({path.name}), which no package holds."
        raise NotReusable(
            message, hint=f"Package `{module}` on its own, or move what the step needs into the notebook."
        )
    return component


def _seen(pipeline: Pipeline) -> dict[str, Seen]:
    """Return the types of the variables around each step, as far as its last run still holds."""
    if not pipeline.project.has_log:
        return {}
    with stores(pipeline) as opened:
        types = seen_types(plan(pipeline, opened)[0], opened)
    found: dict[str, Seen] = {}
    before: dict[str, str] = {}
    for step in pipeline.graph.steps:
        found[step.tag] = Seen(before, types.get(step.name, {}))
        if step.name not in types:
            break
        before = types[step.name]
    return found


def _requirements(pipeline: Pipeline, taken: Sequence[Component]) -> tuple[str, ...]:
    """Return what the steps need: the packages that they import, in the notebook's version of each or a newer one."""
    imported = {module.partition(".")[0] for step in taken for module in step.imports} - set(sys.stdlib_module_names)
    providers: dict[str, set[str]] = {}
    for found in Distribution.discover(path=list(pipeline.environment.path or sys.path)):
        for module in _modules(found) & imported:
            providers.setdefault(module, set()).add(found.metadata["Name"])
    needed = {min(names) for names in providers.values()} - {"mlops_nb"}
    versions = pipeline.environment.packages
    told = [
        f"{name}>={versions[name.replace('_', '-').lower()]}"
        for name in sorted(needed)
        if name.replace("_", "-").lower() in versions
    ]
    return (f"mlops_nb>={version('mlops_nb')}", *told)


def _modules(found: Distribution) -> set[str]:
    top = found.read_text("top_level.txt")
    if top:
        return set(top.split())
    names = {str(file).split("/")[0] for file in found.files or () if str(file).endswith(".py")}
    return {name.removesuffix(".py") for name in names}
