"""The tasks on Dagster: an op each, in one process, recorded in an instance on disk, values pickled to files."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import dagster
from tasks import Task, tasks


def _op(task: Task) -> dagster.OpDefinition:
    def compute(_, given: dict[str, Any]) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as Dagster asks
        returned = task.function(**given)
        for name in task.outputs:
            yield dagster.Output(returned[name], name)

    return dagster.OpDefinition(
        name=task.name,
        compute_fn=compute,
        ins={name: dagster.In(dagster.Any) for name in task.inputs},
        outs={name: dagster.Out(dagster.Any) for name in task.outputs},
    )


def _job(found: list[Task]) -> dagster.JobDefinition:
    makers = {name: task.name for task in found for name in task.outputs}
    graph = dagster.GraphDefinition(
        name="measured",
        node_defs=[_op(task) for task in found],
        dependencies={
            task.name: {name: dagster.DependencyDefinition(makers[name], name) for name in task.inputs}
            for task in found
        },
    )
    return graph.to_job(resource_defs={"io_manager": dagster.fs_io_manager})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, dagster.DagsterInstance.local_temp(folder) as instance:
        ended = _job(tasks(sys.argv[1])).execute_in_process(instance=instance)
        sys.exit(not ended.success)
