"""What a step of a past run stood on and is no longer so: files, modules, packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.execution.kernels.known import environment_of
from mlops_nb.execution.reopening.head import code
from mlops_nb.pipeline import file_hashes
from mlops_nb.snapshot import environment_changes, module_closure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_nb.metadata import RunRecord, StepRun

# So many changes are named; the rest is counted.
_FEW = 5
_MISSING = "missing"


def changed_since(step: StepRun, record: RunRecord, folder: Path, root: Path, kernel: str) -> list[str]:
    """Return in words what changed since the step ran, as far as its record knows what it read.

    Parameters
    ----------
    step, record
        The step, and its run.
    folder
        The source notebook's folder, from which files are named.
    root
        The project's root.
    kernel
        The name of the notebook's kernel.
    """
    read: Mapping[str, str] = step.key_components.get("files", {})
    now = file_hashes(read, folder)
    told = [_of_a_file(name, was, now[name]) for name, was in read.items() if now.get(name, was) != was]
    modules: Mapping[str, str] = step.key_components.get("modules", {})
    if modules:
        found = module_closure(sorted(modules), [folder, root])
        told += [f"The module {code(name)} changed since." for name, was in modules.items() if found.get(name) != was]
    return [*told, *_surroundings(record.environment, kernel)]


def _of_a_file(name: str, was: str, now: str) -> str:
    if now == _MISSING:
        return f"The file {code(name)} is gone."
    return f"The file {code(name)} {'was not there' if was == _MISSING else 'changed since'}."


def _surroundings(environment: Mapping[str, Any], kernel: str) -> Iterator[str]:
    if not environment.get("packages"):
        return
    changes = environment_changes(environment, environment_of(kernel).as_dict())
    for change in changes[:_FEW]:
        yield f"{change.message} here."
    if len(changes) > _FEW:
        yield f"{len(changes) - _FEW} more of the environment changed."
