"""What cannot leave the kernel of the step that made it, and which steps use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.handover import ACTS_AT_ITS_END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.handover import Delta
    from mlops_nb.steps.step import Step


def of_process(name: str) -> bool:
    """Say whether a name stands for state of the process, which any step may meet without naming it."""
    return name.startswith("@")


def staying(delta: Delta) -> dict[str, str]:
    """Return the names that a step left in its kernel and that nothing can take out of it, each with the reason."""
    return {name: item.problem for item in delta.changed if item.problem for name in item.names}


def without(stays: Mapping[str, str], step: Step) -> dict[str, str]:
    """Return what of this is still there after a step that may bind some of the names to something else."""
    return {name: why for name, why in stays.items() if name not in step.flow.surely}


def uses(step: Step, stays: Mapping[str, str]) -> bool:
    """Say whether a step may use one of these names.

    To bind the name of an object that acts when it ends to something else is to use it: there the object ends. To read
    a file that is still written is to find what has been written so far.
    """
    if any(map(of_process, stays)):
        return True
    ends = {name for name, why in stays.items() if why.endswith(ACTS_AT_ITS_END)}
    read = any(f"`{path}`" in stays[name] for name in ends for path in step.flow.reads_files)
    return bool(stays.keys() & step.reads or ends & step.writes or read or (step.flow.barrier and stays))
