"""A search: one notebook fans out into runs with other parameters, and the best one is chosen by its recorded metric.

1. All trials are made, and their parameters checked, before anything runs.
2. The first trial runs alone. What it makes upstream of the parameters, every other one finds cached.
3. The others run, several at once, each a run of its own in the record, with the search as its origin. A trial that is
   worse than the median after an early step ends there; the search ends when patience does, and where a trial waits for
   a person: nobody answers in the middle of a search, and no model is made past a person who was to be asked.
4. The trial whose recorded metric is best wins; its models become versions. The whole is recorded as a verdict.
"""

from __future__ import annotations

import math
import secrets
import statistics
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.events import RunEvent
from mlops_nb.lifecycle.judging import Court, Judged, judge_run
from mlops_nb.lifecycle.planning import Pipeline, packages, read, refuse_errors
from mlops_nb.lifecycle.running import run
from mlops_nb.lifecycle.search_space import declared_search, search_from
from mlops_nb.metadata import Origin
from mlops_nb.registry import Registry
from mlops_nb.steps.literals import as_json
from mlops_nb.validation import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_nb.execution import Watch
    from mlops_nb.lifecycle.search_space import Search
    from mlops_nb.metadata import MetadataStore, ModelVersion, RunRecord

JUDGE = "search"
_STOPPED = "worse than the median"
# A median of fewer says little.
_FOR_A_MEDIAN = 3


@dataclass(frozen=True)
class Trial:
    """One trial: `status` is that of its run, or `stopped` by the median rule; `value` its metric, if it has one."""

    number: int
    parameters: Mapping[str, Any] = field(hash=False)
    run: str = ""
    status: str = ""
    value: float | None = None
    reason: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "number": self.number,
            "parameters": {name: as_json(value) for name, value in self.parameters.items()},
            "run": self.run,
            "status": self.status,
            "value": self.value,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Searched:
    """How a search ended: its trials in their order, the best one, and why it ended before all were made.

    `judged` is what judges said of the best one's models, where they have a gate.
    """

    id: str
    pipeline: str
    search: Search
    trials: tuple[Trial, ...]
    best: Trial | None
    ended: str = ""
    models: tuple[ModelVersion, ...] = ()
    judged: tuple[Judged, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "search": self.id,
            "pipeline": self.pipeline,
            "asked": self.search.to_json(),
            "trials": [trial.as_dict() for trial in self.trials],
            "best": None if self.best is None else self.best.as_dict(),
            "ended": self.ended,
            "models": [{"model": model.model, "version": model.version} for model in self.models],
        }

    def verdict(self) -> Verdict:
        """Return what was found, as the record keeps it."""
        if self.best is None:
            message = f"No trial has the metric `{self.search.metric}`."
            return Verdict(
                JUDGE, self.pipeline, "refuse", (Finding("NO_BEST", self.search.metric, message),), self.as_dict()
            )
        message = f"Trial {self.best.number} is best: {self.search.metric} {self.best.value:.6g}, run {self.best.run}."
        finding = Finding("BEST_TRIAL", self.search.metric, message, "info")
        return Verdict(JUDGE, self.pipeline, "pass", (finding,), self.as_dict())


def search(  # noqa: PLR0913 - what a person may say of a search
    notebook: Path | str | Pipeline,
    asked: Mapping[str, Any] | None = None,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    workers: int | None = None,
    fresh: bool = False,
    isolation: str | None = None,
    on_trial: Callable[[Trial, int], None] | None = None,
    listen: Callable[[RunEvent], None] | None = None,
) -> Searched:
    """Run a notebook with many values of its parameters, and find the best by a recorded metric.

    Parameters
    ----------
    notebook
        Path of the notebook, or the pipeline that was read from it.
    asked
        What to search, as the setting `search` of a parameter cell has it; what is given here wins, entry by entry.
    layers
        Values of the other parameters, as for `run`.
    workers
        How many trials may run at once; as many as cores and memory allow when `None`.
    fresh, isolation
        As for `run`.
    on_trial
        Told of each trial when it has ended, and how many there are in all.
    listen
        Told what happens in the runs.

    Raises
    ------
    SearchError
        When the search cannot be made as asked; nothing has run then.
    NotebookHasErrors, ParameterError
        As for `run`, for any of the trials; nothing has run then.
    """
    pipeline = notebook if isinstance(notebook, Pipeline) else read(notebook)
    refuse_errors(pipeline)
    given = {
        **declared_search(pipeline.graph),
        **{name: value for name, value in (asked or {}).items() if value or value == 0},
    }
    wanted = search_from(given, pipeline.graph)
    choices = wanted.choices()
    making = _Making(pipeline, wanted, layers, fresh=fresh, isolation=isolation, listen=listen)
    trials = [Trial(number, making.fitted(choice)) for number, choice in enumerate(choices, 1)]
    ended = making.all(trials, workers, on_trial or (lambda *_: None))
    return making.concluded(ended)


@dataclass
class _Making:
    """A search while it is made."""

    pipeline: Pipeline
    search: Search
    layers: Sequence[tuple[str, Mapping[str, Any]]]
    fresh: bool
    isolation: str | None
    listen: Callable[[RunEvent], None] | None
    id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}")
    done: dict[int, Trial] = field(default_factory=dict)
    records: dict[int, RunRecord] = field(default_factory=dict)
    early: dict[int, float] = field(default_factory=dict)
    watches: dict[int, Watch] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def fitted(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """Return a trial's parameters, each of its declared type."""
        values = {value.name: value.value for value in self.pipeline.parameters(self._layers(choice))}
        return {name: values[name] for name in choice}

    def all(self, trials: Sequence[Trial], workers: int | None, on_trial: Callable[[Trial, int], None]) -> str:
        """Make the trials; return why some were not made."""
        from mlops_nb.execution.capacity import default_workers

        at_once = min(workers or self.pipeline.project.settings.workers or default_workers(), max(1, len(trials) - 1))
        waiting = iter(trials)
        running: set[Future[Trial]] = set()
        since_best = 0
        with ThreadPoolExecutor(at_once, thread_name_prefix="trial") as pool:
            try:
                while True:
                    patient = self.search.patience is None or since_best < self.search.patience
                    # The first alone: the others find cached what they share with it.
                    room = (at_once if self.done else 1) - len(running)
                    for trial in self._next(waiting, room if patient and self._paused() is None else 0):
                        running.add(pool.submit(self._make, trial, at_once))
                    if not running:
                        break
                    ready, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in ready:
                        before = self.best()
                        made = future.result()
                        self.done[made.number] = made
                        since_best = 0 if self.best() != before else since_best + 1
                        on_trial(made, len(trials))
            except BaseException:
                # The runs end their kernels and are recorded as cancelled before the pool lets go.
                self.interrupted.set()
                for watch in list(self.watches.values()):
                    watch.cancel("the search was interrupted")
                raise
        if len(self.done) == len(trials):
            return ""
        paused = self._paused()
        if paused is not None:
            decide = f'mlops-nb decide {paused.run} continue --only-record --why "…"'
            return f"trial {paused.number} {paused.reason}: {decide}, then search again"
        return f"{self.search.patience} trials in a row were not better"

    def _paused(self) -> Trial | None:
        return next((trial for trial in self.done.values() if trial.status == "paused"), None)

    def _next(self, waiting: Iterator[Trial], room: int) -> Iterator[Trial]:
        for _ in range(room):
            trial = next(waiting, None)
            if trial is None:
                return
            yield trial

    def best(self) -> Trial | None:
        """Return the trial whose metric is best so far; of equal ones the first."""
        best: Trial | None = None
        for number in sorted(self.done):
            trial = self.done[number]
            if trial.status != "succeeded" or trial.value is None:
                continue
            if best is None or best.value is None or self.search.better(trial.value, best.value):
                best = trial
        return best

    def concluded(self, ended: str) -> Searched:
        """Register the best trial's models, record the search, and return it."""
        best = self.best()
        trials = tuple(self.done[number] for number in sorted(self.done))
        with self.pipeline.project.log() as log:
            models = () if best is None else Registry(log).register_run(self.records[best.number])
            judged = () if best is None else self._judged(self.records[best.number], models, log)
            found = Searched(self.id, self.pipeline.name, self.search, trials, best, ended, models, judged)
            log.add_verdict(found.verdict().to_json(), run=None if best is None else best.run)
        return found

    def _judged(self, record: RunRecord, models: tuple[ModelVersion, ...], log: MetadataStore) -> tuple[Judged, ...]:
        """Judge the best trial's models by their gates, as the end of a run does."""
        graph = self.pipeline.graph
        court = Court(log, self.pipeline.project.artifact_store(), graph.notebook.path.absolute().parent)

        def notice(text: str) -> None:
            if self.listen is not None:
                self.listen(RunEvent("notice", record.run.id, text=text))

        return judge_run(graph, record, models, court, notice)

    def _layers(self, choice: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        return [*self.layers, (f"search {self.id}", choice)]

    def _make(self, trial: Trial, at_once: int) -> Trial:
        """Make one trial, on a thread of its own."""
        from mlops_nb.execution import Kernels, Watch
        from mlops_nb.execution.capacity import threads_each

        watch = Watch()
        self.watches[trial.number] = watch
        if self.interrupted.is_set():
            watch.cancel("the search was interrupted")
        began = time.monotonic()
        isolation = self.isolation or self.pipeline.project.settings.isolation
        told = ", ".join(f"{name}={value}" for name, value in trial.parameters.items())
        try:
            finished = run(
                self.pipeline,
                self._layers(trial.parameters),
                origin=Origin("search", self.id),
                why=f"trial {trial.number} of search {self.id}: {told}",
                fresh=self.fresh,
                workers=1,
                watch=watch,
                listen=lambda event: self._heard(trial, event, watch),
                open_session=Kernels(isolation, packages(self.pipeline), threads_each(at_once)),
                register=False,
            )
        except MlopsNbError as error:
            return replace(trial, status="failed", reason=error.message, seconds=time.monotonic() - began)
        result = finished.result
        with self.lock:
            self.records[trial.number] = result.record
        stopped = result.status == "cancelled" and result.reason.startswith(_STOPPED)
        return replace(
            trial,
            run=result.run,
            status="stopped" if stopped else result.status,
            value=_metric(result.record, self.search.metric),
            reason=result.reason,
            seconds=time.monotonic() - began,
        )

    def _heard(self, trial: Trial, event: RunEvent, watch: Watch) -> None:
        """Pass an event on; where a trial has come to its early metric, hold that against the others'."""
        if self.listen is not None:
            self.listen(event)
        early = self.search.stop_by
        if not early or event.kind != "step-done" or event.status not in {"succeeded", "cached"}:
            return
        with self.pipeline.project.log() as log:
            value = _metric(log.run(event.run), early)
        with self.lock:
            if value is None or trial.number in self.early:
                return
            others = list(self.early.values())
            self.early[trial.number] = value
        if len(others) >= _FOR_A_MEDIAN and self.search.better(median := statistics.median(others), value):
            watch.cancel(f"{_STOPPED} of {len(others)} trials: {early} is {value:.6g}, the median {median:.6g}")


def _metric(record: RunRecord, name: str) -> float | None:
    """Return a metric of a run as it was recorded, when it is a finite number."""
    values = [scrap.value for scrap in record.scraps if scrap.name == name]
    value = values[-1] if values else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
