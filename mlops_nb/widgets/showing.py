"""One thing as a cell shows it: a verdict, a plan, a run, the lineage of something.

Plain HTML and SVG without scripts, so that it reads the same without a kernel, with a text beside it for terminals.
What opens and closes is `<details>`, which the keyboard reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.lifecycle import Finished
from mlops_nb.metadata import LineageGraph, RecordedVerdict, Run, RunRecord
from mlops_nb.pipeline import Plan
from mlops_nb.project import find_project
from mlops_nb.report import Box, draw_graph, draw_lineage, draw_run, duration, find_origin, moment, reduced
from mlops_nb.validation import Verdict, gravest
from mlops_nb.widgets.markup import evidence, heading, page, pairs, part, table, text

if TYPE_CHECKING:
    from mlops_nb.project import Project

_PLANNED = {"cached": "cached", "run": "running", "maybe": "pending"}
_SAID = {"cached": "cached", "run": "will run", "maybe": "may run"}
_MOST_NODES = 200


@dataclass(frozen=True)
class Shown:
    """What `mlops_nb.show` gives: a cell shows `html`, a terminal `plain`."""

    html: str
    plain: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return both forms, for IPython."""
        return {"text/html": self.html, "text/plain": self.plain}

    def __str__(self) -> str:
        """Return the text."""
        return self.plain


def show(
    *what: Verdict | RecordedVerdict | Plan | LineageGraph | RunRecord | Run | Finished | str,
    project: Path | str | Project = ".",
) -> Shown:
    """Return something as a cell shows it.

    Parameters
    ----------
    *what
        A verdict or several, of data, of drift or of a model; a plan (`mlops_nb.plan`); a run, its record, or what
        `mlops_nb.run` gave; a lineage graph. As text: a run by its id, its beginning or `last`; anything else that
        `mlops-nb lineage` takes, as `NAME@3` or a file, for its lineage.
    project
        A folder of the project, or the project: where what is given as text is looked up.

    Raises
    ------
    UsageError
        When it is nothing that can be shown, or names nothing.
    """
    verdicts = [each for each in what if isinstance(each, Verdict | RecordedVerdict)]
    if verdicts and len(verdicts) == len(what):
        return _verdicts([each if isinstance(each, Verdict) else Verdict.from_json(each.content) for each in verdicts])
    if len(what) != 1:
        message = "One thing is shown at a time, or several verdicts."
        raise UsageError(message, hint="Call show once for each.")
    place = find_project(Path(project)) if isinstance(project, str | Path) else project
    match what[0]:
        case Plan() as plan:
            return _plan(plan)
        case LineageGraph() as graph:
            return _lineage(graph, "lineage", "")
        case RunRecord() as record:
            return _run(record)
        case Finished() as finished:
            return _run(finished.result.record)
        case Run() as run:
            return _named(place, run.id)
        case str() as name:
            return _named(place, name)
        case other:
            message = f"A `{type(other).__name__}` cannot be shown."
            raise UsageError(message, hint="Give a verdict, a plan, a run, a lineage graph, or a name.")


def _named(place: Project, name: str) -> Shown:
    if not place.has_log:
        message = f"The project {place.root} has no runs yet."
        raise UsageError(message, hint="Start one: mlops-nb run NOTEBOOK")
    with place.log() as log:
        origin = find_origin(log, name, Path.cwd())
        is_run = origin.told.startswith("run ")
        if is_run:
            return _run(log.run_asked_for(name))
        graph = log.trace(origin.starts, up=True, down=True, limit=_MOST_NODES)
    return _lineage(graph, origin.told, origin.notice)


def _verdicts(verdicts: list[Verdict]) -> Shown:
    whole = gravest(verdicts)
    parts, lines = [], []
    if len(verdicts) > 1:
        parts.append(heading(f"{len(verdicts)} verdicts", whole))
        lines.append(f"{len(verdicts)} verdicts: {whole}")
    for verdict in verdicts:
        title = f"{verdict.judge}: {verdict.subject}"
        rows = [[found.severity, found.code, found.subject, found.message] for found in verdict.findings]
        marks = [found.severity for found in verdict.findings]
        parts.append(heading(title, verdict.decision))
        parts.append(
            table(["", "code", "of", "finding"], rows, marks) or '<p class="faint">Nothing was found wrong.</p>'
        )
        details = {f"{found.code} of {found.subject}": found.details for found in verdict.findings if found.details}
        parts.append(part("details of the findings", pairs(details), folded=True))
        parts.append(part("what it stands on", evidence(verdict.evidence), folded=True))
        lines.append(f"{title}: {verdict.decision}")
        lines += [f"  {found.severity}  {found.code}  {found.message}" for found in verdict.findings]
    return Shown(page("verdict", *parts), "\n".join(lines))


def _plan(plan: Plan) -> Shown:
    names = [step.name for step in plan.steps]
    edges = reduced(names, [(need, step.name) for step in plan.steps for need in (*step.needs, *step.after)])
    boxes = [
        Box(step.name, step.name, _expected(step.status, step.expected_s), _PLANNED[step.status]) for step in plan.steps
    ]
    seconds = sum(step.expected_s or 0.0 for step in plan.to_run)
    told = f"{len(plan.to_run)} of {len(names)} steps to run" + (f", about {duration(seconds)}" if seconds else "")
    rows = [
        [step.name, _SAID[step.status], duration(step.expected_s) if step.hit is None else "", step.because]
        for step in plan.steps
    ]
    body = (
        heading(f"Plan of {plan.graph.notebook.name}", rest=told),
        f'<div class="wide">{draw_graph(boxes, edges, "the steps of the plan and what they wait for")}</div>',
        part("why", table(["step", "plan", "expected", "because"], rows), folded=True),
    )
    lines = [told, *("  ".join(each for each in row if each) for row in rows)]
    return Shown(page("plan", *body), "\n".join(lines))


def _expected(status: str, seconds: float | None) -> str:
    known = duration(seconds) if status != "cached" else ""
    return f"{_SAID[status]}, {known}" if known else _SAID[status]


def _lineage(graph: LineageGraph, told: str, notice: str) -> Shown:
    rows = [
        [node.name, node.id.kind, _about(node.about), ", ".join(_side(graph, node.id))] for node in graph.nodes.values()
    ]
    more = f"There is more: only the nearest {_MOST_NODES} each way are shown." if graph.truncated else ""
    notes = "".join(f'<p class="running">{escape(each)}</p>' for each in (notice, more) if each)
    body = (
        heading(told, rest=f"{len(graph.nodes)} things, {len(graph.edges)} uses"),
        notes,
        f'<div class="wide">{draw_lineage(graph)}</div>',
        part("as a table", table(["name", "kind", "about", "lies"], rows), folded=True),
    )
    lines = [told, *("  ".join(text(each) for each in row if each) for row in rows)]
    return Shown(page("lineage", *body), "\n".join(lines))


def _about(about: Any) -> str:
    shown = ("run", "status", "type", "rows", "aliases", "pipeline")
    return ", ".join(f"{name} {text(about[name])}" for name in shown if about.get(name) not in {None, "", ()})


def _side(graph: LineageGraph, node: Any) -> list[str]:
    sides = {"start": graph.starts, "above": graph.above, "below": graph.below}
    return [name for name, nodes in sides.items() if node in nodes]


def _run(record: RunRecord) -> Shown:
    run = record.run
    metrics = {
        scrap.name: scrap.value
        for scrap in record.scraps
        if isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool)
    }
    facts = {
        "started": moment(run.started),
        "took": duration(run.seconds),
        "by": f"{run.who.user}@{run.who.host} ({run.origin.kind})",
        "commit": "" if run.git is None else run.git.commit[:12] + (" with changes" if run.git.dirty else ""),
        "why": run.why,
        "reason": run.reason,
    }
    parameters = [[item.name, item.value, item.source] for item in record.parameters if item.step is None]
    errors = [
        part(f"{step.step}: {step.error.ename}", f"<p>{escape(step.error.evalue)}</p>")
        for step in record.steps
        if step.error is not None
    ]
    steps = [[step.step, step.status, duration(step.seconds), step.reason] for step in record.steps]
    body = (
        heading(run.pipeline, run.status, run.id),
        pairs({name: value for name, value in facts.items() if value}),
        *errors,
        f'<div class="wide">{draw_run(record)}</div>',
        part("metrics", pairs(metrics)),
        part("parameters", table(["name", "value", "from"], parameters), folded=True),
        part(
            "steps",
            table(["step", "ended", "took", "because"], steps, [step.status for step in record.steps]),
            folded=True,
        ),
    )
    lines = [
        f"run {run.id} of {run.pipeline}: {run.status}",
        *(f"  {step.status}  {step.step}  {duration(step.seconds)}" for step in record.steps),
        *(f"  {name} = {text(value)}" for name, value in metrics.items()),
    ]
    return Shown(page(f"run {run.id}", *body), "\n".join(lines))
