"""The record: how fast facts are written, and what a page costs when ten thousand runs are in it."""

from __future__ import annotations

import hashlib
import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.report import Chapter, line
from benchmarks.timing import in_turns, of_call
from mlops_nb.metadata import (
    Artifact,
    Candidate,
    MetadataStore,
    Origin,
    Parameter,
    PipelineVersion,
    PlannedStep,
    RunStart,
    Scrap,
    StepEnd,
    StepStart,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.timing import Sample

MANY, FEW = 10_000, 100
STEPS = ("load", "clean", "split", "train", "evaluate")
PARAMETERS, SCRAPS, ARTIFACTS = 13, 10, 5
# The run's start and end, and of each step: start, end, scraps, artifacts in and out.
FACTS = PARAMETERS + 2 + len(STEPS) * (2 + SCRAPS + ARTIFACTS)
PAGE_S, RATE = 0.05, 2000
BARE = "sqlite3 alone, as many rows in as many transactions"
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def measure(folder: Path, *, quick: bool) -> list[Chapter]:
    """Measure writing, and pages of a store of ten thousand runs against those of a hundred."""
    assert FACTS == 100
    folder.mkdir(parents=True)
    for file in ("few.db", "many.db"):
        with _store(folder / file) as store, store.transaction():
            for number in range(FEW):
                _record(store, number)
    _multiply(folder / "many.db", MANY // FEW)
    with _store(folder / "many.db") as many, _store(folder / "few.db") as few:
        assert (len(few.runs(2 * MANY)), len(many.runs(2 * MANY))) == (FEW, MANY)
        pages = _pages(few, many, 5 if quick else 21)
        writing = _writing(folder, 3 if quick else 9)
    return [writing, pages]


def _store(file: Path) -> MetadataStore:
    return MetadataStore.open(f"sqlite:///{file}")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _record(store: MetadataStore, number: int) -> None:
    """Record a run of a hundred facts as a run does: a transaction for each thing that happens."""
    run = f"run-{number:06d}"
    at = _BEGIN + timedelta(minutes=number)
    pipeline = f"pipeline-{number % 7}"
    parameters = tuple(
        Parameter(f"p{place}", "float", float(number % (place + 2)), "command-line") for place in range(PARAMETERS)
    )
    plan = tuple(PlannedStep(step, f"version of {step}") for step in STEPS)
    version = PipelineVersion(pipeline, f"v{number % 5}", {"edges": []})
    store.start_run(RunStart(run, version, f"{pipeline}.ipynb", Origin("cli"), plan, parameters, started=at))
    made = Artifact(_sha("rides.csv"), "file", "file:///rides.csv", 1)
    for step in STEPS:
        store.start_step(run, step, StepStart(key=_sha(f"{run} {step}"), at=at))
        outputs = {f"out{place}": Artifact(_sha(f"{run} {step} {place}"), "table", "a", 9) for place in range(4)}
        scraps = tuple(Scrap(f"{step}_{place}", math.sin(number * (place + 1))) for place in range(SCRAPS))
        end = StepEnd("succeeded", scraps=scraps, inputs={"in": made}, outputs=outputs, at=at)
        store.finish_step(run, step, end)
        made = outputs["out0"]
    if number % 100 == 0:
        store.add_model_version("model", Candidate(made.hash, run=run, step=STEPS[-1]))
    store.finish_run(run, "failed" if number % 10 == 3 else "succeeded", at=at)


def _multiply(file: Path, times: int) -> None:
    """Copy the runs of a store, each as a later run with artifacts and metrics of its own, to so many times as many."""
    rides = _sha("rides.csv")
    with closing(sqlite3.connect(file)) as connection, connection:
        steps = connection.execute("SELECT max(id) FROM step_run").fetchone()[0]
        (begin, end) = connection.execute("SELECT min(started), max(started) + 60000000 FROM run").fetchone()
        tables = ("run", "step_run", "execution_event", "parameter", "artifact", "event", "scrap", "metric")
        first = {name: connection.execute(f"SELECT max(rowid) FROM {name}").fetchone()[0] for name in tables}  # noqa: S608
        for copy in range(1, times):
            of_run = f"printf('run-%06d', substr({{}}, 5) + {copy * FEW})"
            content = f"CASE {{0}} WHEN '{rides}' THEN {{0}} ELSE substr({{0}}, 1, 58) || '{copy:06d}' END"
            later = f"{{}} + {copy * (end - begin)}"
            step_run = f"{{}} + {copy * steps}"
            changed = {
                "run": {"id": of_run, "started": later, "finished": later},
                "step_run": {"id": step_run, "run": of_run, "started": later, "finished": later},
                "execution_event": {"id": "NULL", "run": of_run, "at": later},
                "parameter": {"id": "NULL", "run": of_run},
                "artifact": {"hash": content},
                "event": {"id": "NULL", "run": of_run, "step_run": step_run, "artifact": content, "at": later},
                "scrap": {"id": "NULL", "step_run": step_run},
                "metric": {"id": "NULL", "step_run": step_run, "value": f"{{}} * (1 - {copy} / 1e4)"},
            }
            for table, how in changed.items():
                names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                values = ", ".join(how.get(name, "{}").format(f'"{name}"') for name in names)
                into = ", ".join(f'"{name}"' for name in names)
                old = f"SELECT {values} FROM {table} WHERE rowid <= {first[table]}"  # noqa: S608 - names of ours
                connection.execute(f"INSERT OR IGNORE INTO {table} ({into}) {old}")


# --- writing ----------------------------------------------------------------------------------------------------------


def _writing(folder: Path, repetitions: int) -> Chapter:
    counts = iter(range(1_000_000))
    runs = 20
    with _store(folder / "written.db") as store:

        def ours() -> None:
            for _ in range(runs):
                _record(store, next(counts))

        # What one such run leaves in each table, and how often it commits.
        ours()
        with closing(sqlite3.connect(folder / "written.db")) as looked_at:
            tables = [name for (name,) in looked_at.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            counts_of = [looked_at.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]  # noqa: S608
        rows = sum(counts_of) // runs
        commits = 2 + 2 * len(STEPS)
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        bare.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE fact (a, b, c, d, e)")

        def alone() -> None:
            for _ in range(runs * commits):
                bare.execute("BEGIN IMMEDIATE")
                bare.executemany(
                    "INSERT INTO fact VALUES (?, ?, ?, ?, ?)", [("a", "b", 1, 0.5, "e")] * (rows // commits)
                )
                bare.execute("COMMIT")

        found = in_turns({"ours": partial(of_call, ours), BARE: partial(of_call, alone)}, repetitions)
        bare.close()
    rate = runs * FACTS / found["ours"].wall
    told = f"{rate:,.0f} facts a second; the target is {RATE:,}."
    how = (
        f"{runs} runs of {FACTS} facts: {PARAMETERS} parameters, {len(STEPS)} steps with start, end, {SCRAPS} scraps "
        f"and {ARTIFACTS} artifacts each. Every start and end is a transaction of its own, as in a run. {told}"
    )
    return Chapter("Writing the record", how, (line(f"{runs * FACTS:,} facts", found, "ours", BARE),))


# --- reading ----------------------------------------------------------------------------------------------------------


def _pages(few: MetadataStore, many: MetadataStore, repetitions: int) -> Chapter:
    asked: dict[str, Callable[[MetadataStore], object]] = {
        "the newest 20 runs": lambda store: store.runs(20),
        "the failed ones of one pipeline": lambda store: store.runs(20, pipeline="pipeline-3", status="failed"),
        "a page in the middle": lambda store: store.runs(20, before=_middle(store)),
        "search by metric and parameter": lambda store: store.find_runs("evaluate_3 > 0.5 and params.p3 = 2"),
        "search that finds next to nothing": lambda store: store.find_runs("evaluate_3 > 0.99999 and params.p3 = 2"),
        "search for a text": lambda store: store.find_runs("why contains 'nothing' or status = 'died'"),
        "the best 20 by a metric": lambda store: store.find_runs("params.p3 = 2", by="evaluate_3", direction="max"),
        "the best run": lambda store: store.best_run("pipeline-3", "evaluate_3"),
        "one run, whole": lambda store: store.run("run-000042"),
        "lineage of one artifact": lambda store: _trace(store, _sha("run-000042 split 0"), 20),
        "lineage of the data of all runs": lambda store: _trace(store, _sha("rides.csv"), 20),
    }
    actions: dict[str, Callable[[], Sample]] = {}
    for what, ask in asked.items():
        actions[f"{what} of many"] = partial(of_call, partial(ask, many))
        actions[f"{what} of few"] = partial(of_call, partial(ask, few))
    found = in_turns(actions, repetitions)
    slow = [what for what in asked if found[f"{what} of many"].wall > PAGE_S]
    told = "all are below" if not slow else f"not so: {', '.join(slow)}"
    how = (
        f"Each question is asked of a store of {MANY:,} runs with {FACTS} facts each, planted from {FEW} that were "
        f"recorded, and of a store of those. A page is to "
        f"take at most {PAGE_S * 1000:.0f} ms: {told}."
    )
    lines = [
        line(
            f"{what}, of {MANY:,} runs",
            {"ours": found[f"{what} of many"], other: found[f"{what} of few"]},
            "ours",
            other,
        )
        for what in asked
        for other in [f"of {FEW} runs"]
    ]
    return Chapter("Reading the record", how, tuple(lines))


def _middle(store: MetadataStore) -> str:
    return f"run-{(MANY if store.where.endswith('many.db') else FEW) // 2:06d}"


def _trace(store: MetadataStore, digest: str, limit: int) -> object:
    from mlops_nb.metadata.lineage_records import NodeId

    found = store.trace([NodeId("artifact", digest)], limit=limit)
    assert found.nodes
    return found
