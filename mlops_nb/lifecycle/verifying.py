"""A notebook and its pipeline are both run, and compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.lifecycle.planning import packages, read
from mlops_nb.lifecycle.running import run
from mlops_nb.notebook import has_errors
from mlops_nb.pipeline import DataflowLock, write_lock
from mlops_nb.pipeline.lock import FILE as LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution import OpenSession, RunResult, Watch
    from mlops_nb.execution.verifying.verification import Verification


def verify(  # noqa: PLR0913 - what a person may say of a verification
    notebook: Path | str,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    tolerance: float = 0.0,
    listen: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    open_session: OpenSession | None = None,
) -> Verification:
    """Run a notebook whole and as a pipeline, in copies of its project, and say whether they compute the same.

    Parameters
    ----------
    notebook
        Path of the notebook.
    layers
        Parameter values as (source, mapping) pairs, the later winning.
    tolerance
        By how much floating-point numbers may differ, relative to the largest of their variable.
    listen
        Told which run begins: `whole`, `again`, `chain`, `parallel`, and `locate` where variables differ.
    watch
        Ends the verification from another thread.
    open_session
        Opens the kernels; a fresh Jupyter kernel a step when `None`.
    """
    from mlops_nb.execution import Kernels, Watch
    from mlops_nb.execution.parameters import injected
    from mlops_nb.execution.verifying.runs import Subject
    from mlops_nb.execution.verifying.verify import cores, refused, verify_subject
    from mlops_nb.execution.verifying.witnesses import SEED

    pipeline = read(notebook)
    if has_errors(pipeline.graph.diagnostics):
        return refused(pipeline.graph)
    watch = watch or Watch()

    def run_copy(
        notebook: Path, home: Path, lock: DataflowLock | None, open_session: OpenSession
    ) -> tuple[RunResult, ArtifactStore]:
        copied = read(notebook)
        copied = replace(copied, project=copied.project.apart(home))
        write_lock(copied.folder / LOCK_FILE, lock or DataflowLock())
        finished = run(copied, layers, workers=cores(), watch=watch, seed=SEED, open_session=open_session)
        return finished.result, copied.project.artifact_store()

    return verify_subject(
        Subject(
            pipeline.graph,
            pipeline.project.root,
            injected(pipeline.parameters(layers)),
            run_copy,
            # No share of the cores: the notebook as a whole and the pipeline are to sum in the same order.
            open_session or Kernels(pipeline.project.settings.isolation, packages(pipeline)),
            watch,
            tolerance,
            listen or (lambda _: None),
        )
    )
