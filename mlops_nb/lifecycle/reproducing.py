"""A past run is run again from its snapshot, and compared."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.lifecycle.planning import packages, read
from mlops_nb.lifecycle.running import run
from mlops_nb.notebook import parse_notebook
from mlops_nb.project import find_project
from mlops_nb.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution import RunResult, Watch
    from mlops_nb.execution.reproducing.reproduction import Reproduction
    from mlops_nb.metadata import RunRecord
    from mlops_nb.project import Project
    from mlops_nb.snapshot import Snapshot


@dataclass(frozen=True)
class Reproducible:
    """A past run with all that it takes to run it again.

    `seeds` has the seed of each step whose work an earlier run did.
    """

    record: RunRecord
    snapshot: Snapshot
    store: ArtifactStore
    seeds: Mapping[str, int]


def find_reproducible(name: str, project: Project) -> Reproducible:
    """Find a run, by its id, how that starts, or `last`, and what it stood on.

    Raises
    ------
    UnknownRecord
        When there is no such run.
    NoSnapshot, ArtifactMissing
        When what it stood on was not kept, or is gone.
    """
    store = project.artifact_store()
    with project.log() as log:
        record = log.run_asked_for(name)
        snapshot = snapshot_of(record, store)
        seeds = {}
        for step, worked in log.worked_in(record.run.id).items():
            if worked != record.run.id:
                # Without that run's snapshot a step that drew unseeded numbers draws others, and that will show.
                with suppress(MlopsNbError):
                    seeds[step] = snapshot_of(log.run(worked), store).seed
    return Reproducible(record, snapshot, store, seeds)


def reproduce(
    past: Reproducible | str,
    *,
    tolerance: float | None = None,
    listen: Callable[[str], None] | None = None,
    watch: Watch | None = None,
) -> Reproduction:
    """Run a past run again from its snapshot, in the environment of this process, and say whether it came out the same.

    Parameters
    ----------
    past
        The run: what `find_reproducible` found, or its id, or `last`, in the project of the working directory.
    tolerance
        How far floating-point numbers may be apart, relative to the largest of their variable; 1e-12 when `None`.
    listen
        Told what begins: `restore`, `again`, and `alone` where something differs.
    watch
        Ends it from another thread.

    Raises
    ------
    CannotReproduce
        When data that the run read was not kept and is no longer what it was, or this machine lacks its kernel.
    """
    from mlops_nb.execution import Kernels, Watch
    from mlops_nb.execution.kernels.known import missing_kernel
    from mlops_nb.execution.parameters import read_back
    from mlops_nb.execution.reproducing.reproduce import Past, reproduce_run
    from mlops_nb.execution.reproducing.reproduction import TOLERANCE, CannotReproduce

    found = past if isinstance(past, Reproducible) else find_reproducible(past, find_project(Path()))
    wrong = missing_kernel(_kernel_of(found))
    if wrong is not None:
        hint = "`--env rebuild` makes an environment with the run's packages, and a kernel of that name."
        raise CannotReproduce(wrong[0], hint=hint)
    then: Mapping[str, Any] = found.record.environment.get("execution", {})
    watch = watch or Watch()
    kernels = Kernels(then.get("isolation", "fork"), threads=then.get("threads", "share"))

    def run_again(notebook: Path, home: Path, *, alone: bool) -> tuple[RunResult, ArtifactStore]:
        copied = read(notebook)
        copied = replace(copied, project=copied.project.apart(home))
        layers = read_back(found.record, copied.graph.parameters, copied.configured).layers
        finished = run(
            copied,
            layers,
            to=then.get("to", ""),
            workers=1 if alone else then.get("workers"),
            watch=watch,
            seed=found.snapshot.seed,
            seeds=found.seeds,
            open_session=replace(kernels, packages=packages(copied)),
        )
        return finished.result, copied.project.artifact_store()

    return reproduce_run(
        Past(
            found.record,
            found.snapshot,
            found.store,
            lambda notebook: read(notebook).graph,
            run_again,
            replace(kernels, threads=None),
            TOLERANCE if tolerance is None else tolerance,
            watch,
            listen or (lambda _: None),
        )
    )


def rebuild_environment(past: Reproducible, project: Project, listen: Callable[[str], None]) -> Path:
    """Return the interpreter of an environment with the packages of a past run, made when there is none yet.

    Raises
    ------
    CannotReproduce
        When there is no such Python, or the packages cannot be installed.
    """
    from mlops_nb.execution.reproducing.environments import rebuild

    requirements = past.store.get(past.snapshot.requirements).decode()
    python, home = past.record.environment["python"], project.home / "environments"
    return rebuild(requirements, python, _kernel_of(past), home, listen)


def _kernel_of(past: Reproducible) -> str:
    written = past.store.get(past.snapshot.files[past.snapshot.notebook].digest).decode()
    return parse_notebook(written, Path(past.snapshot.notebook)).kernel_name
