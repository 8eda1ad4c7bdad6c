"""The facts of the log as values: what a caller hands in, and what comes back.

ML Metadata's vocabulary: an *artifact* is something with content, an *execution* made or used it (here: a step run),
an *event* says which execution took which artifact in or out, a *context* groups executions (here: a run, and the
pipeline version it ran).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

RunStatus = Literal["running", "succeeded", "failed", "cancelled", "paused", "died"]
RunEnd = Literal["succeeded", "failed", "cancelled", "paused"]
StepStatus = Literal["pending", "running", "succeeded", "failed", "cached", "cancelled", "skipped", "died", "withdrawn"]
StepEndStatus = Literal["succeeded", "failed", "cancelled", "skipped"]
OriginKind = Literal["cli", "jupyter", "api", "schedule", "trigger", "ci", "search"]
ParameterSource = Literal["default", "config", "file", "command-line", "jupyterlab"]
Direction = Literal["input", "output"]
# What a line of a run's history says where it is no change of status.
RESUMES = "resumes"
TRY_FAILED = "try-failed"
NOTIFIED = "notified"
NOT_NOTIFIED = "not-notified"
PAUSED = "paused"
DECIDED = "decided"


@dataclass(frozen=True)
class Who:
    """A process and the person it works for.

    `process` tells this process from every other one that ever had its pid on that host; what it holds is the affair
    of `liveness`.
    """

    user: str
    host: str
    pid: int
    process: str = ""

    def __str__(self) -> str:
        """Return `user@host:pid`."""
        return f"{self.user}@{self.host}:{self.pid}"


@dataclass(frozen=True)
class Origin:
    """What started a run: `detail` is the command line, the schedule's id, the trigger event's id."""

    kind: OriginKind
    detail: str = ""


@dataclass(frozen=True)
class GitState:
    """The commit a run started from; `diff_hash` identifies what was not committed, and is empty when clean."""

    commit: str
    dirty: bool = False
    diff_hash: str = ""


@dataclass(frozen=True)
class PipelineVersion:
    """A pipeline as it was at one time: `dag` is JSON, `hash` identifies it under its name."""

    name: str
    hash: str
    dag: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class PlannedStep:
    """A step that a run is going to have; its place in the plan is its place in `RunStart.steps`."""

    name: str
    version: str


@dataclass(frozen=True)
class Parameter:
    """A parameter's value as JSON, with its declared type, so that it can be replayed verbatim.

    `step` is None for a parameter of the whole run. The value of a secret is a reference, `env:NAME` or `file:PATH`;
    anything else is refused.
    """

    name: str
    type: str
    value: Any = field(hash=False)
    source: ParameterSource = "default"
    step: str | None = None
    secret: bool = False


@dataclass(frozen=True)
class RunStart:
    """All that is known of a run before its first step starts.

    `who` and `started` default to this process and now. `why` is for people: "resumes 3f2a", "new data in rides/".
    """

    id: str
    version: PipelineVersion
    notebook: str
    origin: Origin
    steps: tuple[PlannedStep, ...]
    parameters: tuple[Parameter, ...] = ()
    executor: str = "local"
    git: GitState | None = None
    environment: Mapping[str, Any] = field(default_factory=dict, hash=False)
    why: str = ""
    who: Who | None = None
    started: datetime | None = None


@dataclass(frozen=True)
class Artifact:
    """Something with content, addressed by its hash. `created` is filled in when it is recorded."""

    hash: str
    kind: str
    uri: str
    bytes: int
    media_type: str = ""
    rows: int | None = None
    created: datetime | None = None


@dataclass(frozen=True)
class Scrap:
    """What a step glued: a JSON value of some kind. Every finite number in it is also a metric."""

    name: str
    value: Any = field(hash=False)
    kind: str = "json"


@dataclass(frozen=True)
class StepError:
    """The exception that ended a step, and the cell that raised it (`cell_number` counts from 1)."""

    cell_id: str
    cell_number: int
    ename: str
    evalue: str
    traceback: str


@dataclass(frozen=True)
class StepStart:
    """What is known when a step starts: its cache key and what that was made of, why it runs, what it takes in."""

    key: str = ""
    key_components: Mapping[str, Any] = field(default_factory=dict, hash=False)
    reason: str = ""
    inputs: Mapping[str, Artifact] = field(default_factory=dict, hash=False)
    at: datetime | None = None


@dataclass(frozen=True)
class StepEnd:
    """What is known when a step ends. `seconds` defaults to the time between start and end by the clock.

    `outcome` is JSON for whoever plans the next run: what a reuse of this step run has to know. `key` and
    `key_components`, when given, replace those of the start: the step was seen to depend on more than its text said.
    """

    status: StepEndStatus
    reason: str = ""
    notebook: str = ""
    error: StepError | None = None
    scraps: tuple[Scrap, ...] = ()
    inputs: Mapping[str, Artifact] = field(default_factory=dict, hash=False)
    outputs: Mapping[str, Artifact] = field(default_factory=dict, hash=False)
    outcome: Mapping[str, Any] = field(default_factory=dict, hash=False)
    key: str = ""
    key_components: Mapping[str, Any] = field(default_factory=dict, hash=False)
    seconds: float | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Run:
    """A run as a list shows it.

    `died`: the record says running, but its process no longer exists. `paused`: it ended before its end, without a
    process, because a person is to decide whether it goes on.
    """

    id: str
    pipeline: str
    version: str
    notebook: str
    status: RunStatus
    started: datetime
    finished: datetime | None
    who: Who
    origin: Origin
    executor: str
    git: GitState | None
    why: str
    reason: str

    @property
    def seconds(self) -> float | None:
        """How long it took, if it has ended."""
        return None if self.finished is None else (self.finished - self.started).total_seconds()


@dataclass(frozen=True)
class StepRun:
    """One step in one run. `cached_from` is the id of the step run that did the work.

    `attempt` counts from 1; an earlier attempt whose result did not stand a check is `withdrawn`.
    """

    id: int
    run: str
    pipeline: str
    step: str
    attempt: int
    position: int
    version: str
    status: StepStatus
    key: str
    key_components: Mapping[str, Any] = field(hash=False)
    outcome: Mapping[str, Any] = field(hash=False)
    started: datetime | None
    finished: datetime | None
    seconds: float | None
    notebook: str
    error: StepError | None
    reason: str
    cached_from: int | None


@dataclass(frozen=True)
class RecordedScrap:
    """A scrap with the step that glued it."""

    step: str
    name: str
    value: Any = field(hash=False)
    kind: str


@dataclass(frozen=True)
class Link:
    """An event: an artifact that went in or out of a step run; `step` is None where it belongs to the whole run."""

    run: str
    step: str | None
    direction: Direction
    name: str
    artifact: Artifact
    at: datetime


@dataclass(frozen=True)
class StatusChange:
    """One line of a run's history, in the order in which it happened; `step` is None for the run itself.

    `status` is the status that it or the step came to, or what else happened: it `resumes` the run named in `why`; a
    try of the step failed and another follows (`try-failed`); somebody was `notified` of how it ended, or was to be
    (`not-notified`); a person is to decide about what the step made, whose digest is `why` (`paused`), or `decided`.
    """

    at: datetime
    step: str | None
    status: str
    who: str
    why: str


@dataclass(frozen=True)
class RunRecord:
    """Everything the store knows of one run."""

    run: Run
    version: PipelineVersion
    environment: Mapping[str, Any] = field(hash=False)
    steps: tuple[StepRun, ...]
    parameters: tuple[Parameter, ...]
    scraps: tuple[RecordedScrap, ...]
    artifacts: tuple[Link, ...]
    history: tuple[StatusChange, ...]

    @property
    def resumes(self) -> str:
        """The run that this one went on with; empty when it is none."""
        return next((line.why for line in self.history if line.step is None and line.status == RESUMES), "")

    @property
    def waited(self) -> bool:
        """Whether a person was, or is, to decide about a step of it: it goes on from what that person saw."""
        return any(line.step is not None and line.status in {PAUSED, DECIDED} for line in self.history)

    @property
    def pauses(self) -> Mapping[str, str]:
        """The steps at which the run was held up for a person, each with the digest of what is to be decided about."""
        return {line.step: line.why for line in self.history if line.step is not None and line.status == PAUSED}


@dataclass(frozen=True)
class BestRun:
    """The run whose metric is best, and the step that measured it."""

    run: Run
    step: str
    metric: str
    value: float
