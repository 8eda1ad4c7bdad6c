"""Runs as their record and their files show them, made in a moment: what tidying looks at, without a kernel."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_nb.handover import Covariable, Delta
from mlops_nb.metadata import (
    Artifact,
    Candidate,
    MetadataStore,
    Origin,
    PipelineVersion,
    PlannedStep,
    RunStart,
    StepEnd,
    StepStart,
    Who,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.artifacts import Holdings

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Files:
    """The digests of what a step left: its delta, the value in it, what it published, the state it was given."""

    delta: str
    value: str
    published: str
    state: str

    def all(self) -> set[str]:
        return {self.delta, self.value, self.published, self.state}


@dataclass(frozen=True)
class Place:
    """A project's stores."""

    log: MetadataStore
    holdings: Holdings
    runs: Path

    def run(  # noqa: PLR0913 - what a run may be
        self,
        name: str,
        *,
        days_ago: float = 0.0,
        pipeline: str = "taxi",
        step: str = "load",
        content: str = "",
        model: str = "",
        who: Who | None = None,
        ends: bool = True,
    ) -> Files:
        """Record a run of one step that left content of its own; its files are as old as it is."""
        started = NOW - timedelta(days=days_ago)
        content = content or name
        state, _ = self.holdings.put(f'{{"state of": "{content}"}}'.encode())
        value, length = self.holdings.put(f"value of {content}".encode())
        published, size = self.holdings.put(f"published by {content}".encode())
        covariable = Covariable(("x",), "print", blob=value, bytes=length)
        delta, _ = self.holdings.put(Delta((covariable,)).to_json().encode())
        notebook = self.runs / name / "steps" / f"{step}.ipynb"
        notebook.parent.mkdir(parents=True)
        notebook.write_text(f'{{"begin": "{state}"}}', encoding="utf-8")
        version = PipelineVersion(pipeline, "v1", {"edges": []})
        plan = (PlannedStep(step, "v"), PlannedStep("later", "v"))
        self.log.start_run(RunStart(name, version, "taxi.ipynb", Origin("cli"), plan, who=who, started=started))
        self.log.start_step(name, step, StepStart(key=content))
        if ends:
            artifact = Artifact(published, "model", f"artifact:{published}", size)
            outcome = {"delta": delta, "published": {"tips": published}}
            end = StepEnd("succeeded", notebook=str(notebook), outputs={"tips": artifact}, outcome=outcome)
            self.log.finish_step(name, step, end)
            if model:
                self.log.add_model_version(model, Candidate(published, run=name, step=step))
            self.log.finish_run(name, "succeeded", at=started)
        found = Files(delta, value, published, state)
        self.age(started.timestamp(), *found.all())
        os.utime(self.runs / name, (started.timestamp(), started.timestamp()))
        return found

    def age(self, at: float, *digests: str) -> None:
        """Make content as old as that."""
        for digest in digests:
            os.utime(self.holdings.path(digest), (at, at))

    def held(self) -> set[str]:
        return set(self.holdings.digests())

    def folders(self) -> set[str]:
        return {path.name for path in self.runs.iterdir()}


def hours_ago(hours: float) -> float:
    return time.time() - 3600 * hours
