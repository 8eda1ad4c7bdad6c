"""A run as one HTML page that holds all it shows: opened from the file, without a server, a script or a network.

Every value is escaped by the template engine; what is not escaped are the pictures that `drawing` makes, which escapes
its texts itself. A Content-Security-Policy in the page forbids everything but its own styles and the pictures in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.metadata import NodeId
from mlops_nb.report.drawing import Bar, Box, draw_bars, draw_graph, reduced
from mlops_nb.report.executed import cells_of, data_url, is_wide, plain
from mlops_nb.report.tables import Head, head_of
from mlops_nb.report.verdicts import shown_verdict
from mlops_nb.report.wording import FILTERS, duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import Artifact, Link, MetadataStore, RecordedVerdict, RunRecord, StepRun
    from mlops_nb.report.difference import RunDifference
    from mlops_nb.report.executed import ShownCell

_TEMPLATE = "run.html"


@dataclass(frozen=True)
class Figure:
    """A picture of the page; `url` is empty where it cannot be shown, and `told` says what there is to say."""

    name: str
    step: str
    url: str
    told: str = ""

    @property
    def is_wide(self) -> bool:
        """Whether it wants the whole width of the page: beside another one nobody could read it."""
        return is_wide(self.url)


@dataclass(frozen=True)
class Table:
    """A published table: its artifact and its first rows."""

    name: str
    step: str
    artifact: Artifact
    head: Head | None


def models_of(log: MetadataStore, record: RunRecord) -> tuple[str, ...]:
    """Return the model versions that a run made, or made again, as `name@3`."""
    made = [link.artifact.hash for link in record.artifacts if link.direction == "output" and _is_model(link.artifact)]
    graph = log.trace([NodeId("artifact", digest) for digest in dict.fromkeys(made)], up=False, limit=50)
    return tuple(node.name for node in graph.nodes.values() if node.id.kind == "model")


def _is_model(artifact: Artifact) -> bool:
    return artifact.kind == "model"


def write_report(  # noqa: PLR0913 - what a page is made of
    path: Path,
    record: RunRecord,
    store: ArtifactStore,
    *,
    models: Sequence[str] = (),
    difference: RunDifference | None = None,
    verdicts: Sequence[RecordedVerdict] = (),
) -> None:
    """Write a run's page into a file: whole, or not at all.

    Raises
    ------
    UsageError
        When the file cannot be written.
    """
    text = render(record, store, models=models, difference=difference, verdicts=verdicts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        beside.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}."
        raise UsageError(message, hint="Name a file in a folder that you may write.") from error


def render(
    record: RunRecord,
    store: ArtifactStore,
    *,
    models: Sequence[str] = (),
    difference: RunDifference | None = None,
    verdicts: Sequence[RecordedVerdict] = (),
) -> str:
    """Return a run's page.

    Parameters
    ----------
    record
        The run.
    store
        Where its artifacts are.
    models
        The model versions it made.
    difference
        What differs from another run, which the page then shows too.
    verdicts
        What judges decided of its data and its models.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters.update(FILTERS)
    cells = {step.step: cells_of(step) for step in record.steps}
    return engine.get_template(_TEMPLATE).render(
        run=record.run,
        record=record,
        dag=draw_run(record),
        gantt=_gantt(record),
        errors=[(step, plain(step.error.traceback)) for step in record.steps if step.error is not None],
        metrics=_metrics(record, difference),
        results=_results(record),
        parameters=[item for item in record.parameters if item.step is None],
        models=models,
        verdicts=[shown_verdict(recorded) for recorded in verdicts],
        figures=_figures(record, store, cells),
        tables=_tables(record, store),
        cells=cells,
        inputs=_inputs(record),
        packages=sorted(record.environment.get("packages", {}).items()),
        environment=_surroundings(record.environment),
        difference=difference,
        compared=_compared(difference, store),
    )


def draw_run(record: RunRecord) -> str:
    """Return the steps of a run as SVG, with how each ended."""
    edges = [(str(one), str(other)) for one, other in record.version.dag.get("edges", ())]
    names = [step.step for step in record.steps]
    boxes = [Box(step.step, step.step, _in_short(step), step.status) for step in record.steps]
    return draw_graph(boxes, reduced(names, edges), "the steps of the run and what they wait for")


def _in_short(step: StepRun) -> str:
    return f"{step.status} {duration(step.seconds)}" if step.status == "succeeded" else step.status


def _gantt(record: RunRecord) -> str:
    bars = []
    for step in record.steps:
        if step.started is None:
            continue
        start = max(0.0, (step.started - record.run.started).total_seconds())
        seconds = 0.0 if step.status == "cached" else step.seconds or 0.0
        note = step.status if step.status == "cached" else duration(step.seconds)
        bars.append(Bar(step.step, start, seconds, step.status, note))
    return draw_bars(bars, "when each step ran")


def _metrics(record: RunRecord, difference: RunDifference | None) -> list[dict[str, Any]]:
    before = {change.name: change for change in difference.metrics} if difference is not None else {}
    found = {}
    for scrap in record.scraps:
        if isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool):
            change = before.get(scrap.name)
            found[scrap.name] = {
                "name": scrap.name,
                "value": scrap.value,
                "step": scrap.step,
                "difference": change.difference if change is not None else None,
            }
    return list(found.values())


def _surroundings(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else is known of where and how a run ran, in words; what was not set is left out."""
    machine, execution = environment.get("machine", {}), environment.get("execution", {})
    found = {
        "implementation": environment.get("implementation"),
        "processor": machine.get("cpu"),
        "cores": machine.get("cores"),
        **machine.get("threads", {}),
        "workers": execution.get("workers"),
        "steps at once": execution.get("at_once"),
        "threads a step": execution.get("threads"),
        "isolation": execution.get("isolation"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _inputs(record: RunRecord) -> list[tuple[Link, str]]:
    """Return the files that steps read and did not write themselves, each content once, with the steps' names."""
    made = {(link.step, link.artifact.hash) for link in record.artifacts if link.direction == "output"}
    taken = [link for link in record.artifacts if link.direction == "input" and link.step is not None]
    found: dict[tuple[str, str], tuple[Link, list[str]]] = {}
    for link in taken:
        if (link.step, link.artifact.hash) not in made:
            found.setdefault((link.name, link.artifact.hash), (link, []))[1].append(str(link.step))
    return [(link, ", ".join(dict.fromkeys(steps))) for link, steps in found.values()]


def _results(record: RunRecord) -> list[Any]:
    return [
        scrap
        for scrap in record.scraps
        if not (isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool))
        and not (isinstance(scrap.value, dict) and "artifact" in scrap.value)
    ]


def _figures(record: RunRecord, store: ArtifactStore, cells: Mapping[str, Sequence[ShownCell]]) -> list[Figure]:
    links = {
        link.name: link for link in record.artifacts if link.direction == "output" and link.artifact.kind == "figure"
    }
    found = []
    for name, link in links.items():
        # The second form of a figure is the same figure.
        if not (name.endswith(".svg") and name.removesuffix(".svg") in links):
            url = _url(link.artifact, store)
            found.append(Figure(name, link.step or "", url, "" if url else "too large for this page, or gone"))
    published = {figure.step for figure in found}
    for step, shown in cells.items():
        if step not in published:
            pictures = [url for cell in shown for url in cell.pictures]
            found += [Figure(f"{step}, output {number}", step, url) for number, url in enumerate(pictures, 1)]
    return found


def _url(artifact: Artifact | None, store: ArtifactStore) -> str:
    if artifact is None:
        return ""
    try:
        return data_url(store.get(artifact.hash), artifact.media_type)
    except MlopsNbError:
        return ""


def _tables(record: RunRecord, store: ArtifactStore) -> list[Table]:
    return [
        Table(link.name, link.step or "", link.artifact, head_of(link.artifact, store))
        for link in record.artifacts
        if link.direction == "output" and link.artifact.kind == "dataset"
    ]


def _compared(difference: RunDifference | None, store: ArtifactStore) -> list[dict[str, Any]]:
    """Return the figures that differ, side by side."""
    if difference is None:
        return []
    return [
        {"figure": item, "before": _url(item.before, store), "after": _url(item.after, store)}
        for item in difference.figures
    ]
