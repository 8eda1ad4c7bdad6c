"""The steps as a real `ploomber.DAG`: one task a step, its product's staleness our cache key, our executor.

Ploomber owns the graph: order, status, what a failure aborts, the plot. What it is given instead of its defaults:

- `StepTask`: its `run` hands over to whoever executes a step (the pipeline does not know Papermill);
- `StepProduct`: exists when the plan says that the step's key is known. Ploomber's own staleness (timestamps and
  source text) can say "up to date" wrongly and is not asked;
- `StepExecutor`: a thread pool that waits for events instead of polling. Steps run in threads, but every change of
  a task's status is made in the calling thread, because Ploomber's tasks are not thread-safe.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

# Nothing phones home. Read by Ploomber when it is imported.
os.environ.setdefault("PLOOMBER_STATS_ENABLED", "false")
os.environ.setdefault("PLOOMBER_VERSION_CHECK_DISABLED", "1")

from mlops_nb.notebook import import_nbformat, imported_when_used

import_nbformat()
# Half of Ploomber's import: for tables and plots that a DAG of steps has none of.
with imported_when_used("pandas", "pyarrow.parquet", "matplotlib", "matplotlib.pyplot"):
    from ploomber import DAG
from ploomber.constants import TaskStatus
from ploomber.exceptions import DAGBuildError
from ploomber.executors.abc import Executor
from ploomber.products.product import Product
from ploomber.sources import EmptySource
from ploomber.tasks.abc import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Ploomber logs each failed task with its traceback; the run's record and the terminal show it once, with its cell.
logging.getLogger("ploomber").addHandler(logging.NullHandler())
logging.getLogger("ploomber").propagate = False


_LOOK_S = 0.5


class _Name:
    """An identifier that is what it is: no template, so a path with braces stays a path."""

    def __init__(self, text: str) -> None:
        self.text = text

    def render(self, params: Any, **_: Any) -> None:
        """Do nothing: there is nothing to fill in."""

    def best_repr(self, *, shorten: bool) -> str:
        """Return the text."""
        del shorten
        return self.text

    def __str__(self) -> str:
        return self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Name) and other.text == self.text


class StepProduct(Product):  # type: ignore[misc]
    """What a step leaves; there from the start when the plan found its key."""

    def __init__(self, identifier: str, *, known: bool) -> None:
        super().__init__(identifier)
        self._known = known

    def _init_identifier(self, identifier: str) -> _Name:
        return _Name(identifier)

    def fetch_metadata(self) -> dict[str, Any]:
        """Return metadata that makes Ploomber's further checks agree with the key."""
        return {"timestamp": 0, "stored_source_code": str(self.task.source), "params": {}}

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Take note that the task has run; the record keeps the rest."""
        del metadata
        self._known = True

    def exists(self) -> bool:
        """Say whether the step's results are there."""
        return self._known

    def delete(self, *, force: bool = False) -> None:
        """Forget the results; the store and the record are immutable."""
        del force
        self._known = False


class StepTask(Task):  # type: ignore[misc]
    """A step as Ploomber sees it."""

    PRODUCT_CLASSES_ALLOWED = (StepProduct,)

    def __init__(self, product: StepProduct, dag: DAG, name: str, key: str, act: Callable[[], None]) -> None:
        self._source = self._init_source(key, {})
        self.act = act
        self.outcome: Future[None] | None = None
        super().__init__(product, dag, name, None)

    def _init_source(self, source: str, kwargs: dict[str, Any]) -> EmptySource:
        return EmptySource(source, **kwargs)

    def run(self) -> None:
        """Take the outcome of the step, which ran in a thread, or run it here when Ploomber alone drives."""
        if self.outcome is None:
            self.act()
        else:
            self.outcome.result()


class StepExecutor(Executor):  # type: ignore[misc]
    """Runs ready tasks on threads.

    Parameters
    ----------
    workers
        How many steps may run at once.
    after
        For each task the tasks that must have *ended* before it starts, without needing their success: the order of
        the notebook where nothing yet proves that it does not matter.
    on_interrupt
        Called once when the person interrupts; it must make the running steps end.
    """

    def __init__(self, workers: int, after: Mapping[str, Sequence[str]], on_interrupt: Callable[[], None]) -> None:
        self._workers = workers
        self._after = after
        self._on_interrupt = on_interrupt

    def __call__(self, dag: DAG, show_progress: bool) -> list[Any]:  # noqa: FBT001 - Ploomber's signature
        """Run every task that is not skipped; raise `DAGBuildError` when some failed."""
        del show_progress
        super().__call__(dag)
        order = list(dag)
        running: dict[Future[None], StepTask] = {}
        started: set[str] = set()
        reports: list[Any] = []
        failed: list[str] = []
        with ThreadPoolExecutor(self._workers, thread_name_prefix="step") as pool:
            try:
                while True:
                    for name in self._ready(dag, order, started)[: self._workers - len(running)]:
                        started.add(name)
                        running[pool.submit(dag[name].act)] = dag[name]
                    if not running:
                        break
                    # A signal that reaches another thread does not wake this one, which alone acts on it.
                    done, _ = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                    for future in done:
                        task = running.pop(future)
                        task.outcome = future
                        try:
                            reports.append(task._build(catch_exceptions=True)[0])  # noqa: SLF001 - what executors call
                        except Exception as error:  # noqa: BLE001 - the step's own error is in the record
                            failed.append(f"{task.name}: {error.__cause__ or error}")
            except BaseException:
                self._on_interrupt()
                wait(running)
                raise
        if failed:
            raise DAGBuildError("\n".join(failed))
        return reports

    def _ready(self, dag: DAG, order: list[str], started: set[str]) -> list[str]:
        open_ = {
            name
            for name in order
            if dag[name].exec_status
            in {TaskStatus.WaitingExecution, TaskStatus.WaitingUpstream, TaskStatus.WaitingDownload}
        }
        return [
            name
            for name in order
            if name not in started
            and dag[name].exec_status == TaskStatus.WaitingExecution
            and not open_.intersection(self._after.get(name, ()))
        ]


def build_dag(
    name: str,
    tasks: Iterable[tuple[str, str, bool, str, Callable[[], None]]],
    edges: Iterable[tuple[str, str]],
    executor: StepExecutor,
) -> DAG:
    """Return the Ploomber DAG.

    Parameters
    ----------
    name
        The pipeline's name.
    tasks
        For each step in the notebook's order: its name, its cache key, whether the key is known, where its executed
        notebook goes, and what runs it.
    edges
        Pairs (upstream, downstream).
    """
    dag = DAG(name=name, executor=executor)
    made = {
        step: StepTask(StepProduct(place, known=known), dag, step, key, act) for step, key, known, place, act in tasks
    }
    for source, target in edges:
        made[target].set_upstream(made[source])
    return dag


def build(dag: DAG) -> bool:
    """Build a DAG; say whether every task succeeded."""
    try:
        dag.build(show_progress=False)
    except DAGBuildError:
        return False
    return True
