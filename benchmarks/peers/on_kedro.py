"""The tasks on Kedro: a node each, run one after the other, what passes between them in memory, as is its default."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner
from tasks import Task, tasks

if TYPE_CHECKING:
    from collections.abc import Callable


def _node(task: Task) -> Node:
    call: Callable[..., dict[str, Any]] = partial(_call, task)
    return Node(call, {name: name for name in task.inputs}, {name: name for name in task.outputs}, name=task.name)


def _call(task: Task, **given: Any) -> dict[str, Any]:
    returned = task.function(**given)
    return {name: returned[name] for name in task.outputs}


if __name__ == "__main__":
    SequentialRunner().run(Pipeline([_node(task) for task in tasks(sys.argv[1])]), DataCatalog())
