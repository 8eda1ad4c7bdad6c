"""Verbs that read the record: runs, show."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from mlops_nb.cli.console import (
    STATUS_SIGN,
    STATUS_STYLE,
    AsJson,
    console,
    drawn,
    duration,
    heading,
    local_time,
    print_json,
    say,
    show_pairs,
    show_table,
    shown,
    signed,
    size,
    table,
)
from mlops_nb.cli.verdicts import show_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mlops_nb.execution.deciding import Waiting
    from mlops_nb.metadata import Artifact, FoundRun, RecordedVerdict, Run, RunRecord, StepRun
    from mlops_nb.project import Project

Here = Annotated[Path, typer.Option("--project", help="A file or folder of the project.", show_default="here")]
_NARROW = 100
_LAST = "last"


def runs(
    pipeline: Annotated[str | None, typer.Option(help="Only this pipeline's runs.")] = None,
    status: Annotated[str | None, typer.Option(help="Only runs that ended so.")] = None,
    where: Annotated[
        str, typer.Option(metavar="CONDITION", help="Only runs that meet it: \"rmse < 2.1 and params.model = 'hgb'\".")
    ] = "",
    best: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Only successes that have this metric, the best first.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Only runs that have this metric, the best first.")
    ] = None,
    direction: Annotated[
        str | None, typer.Option(metavar="max|min", help="Whether the largest or the smallest is the best.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """List runs, newest first, or the best first."""
    from rich.text import Text

    from mlops_nb.metadata import better
    from mlops_nb.project import find_project

    by = best or sort
    _check_order(best, sort, direction)
    if best is not None and status is None:
        status = "succeeded"
    listed = _runs(find_project(project), pipeline, status, limit, where=where, by=by, direction=direction)
    found = [item.run for item in listed]
    if as_json:
        print_json([{**asdict(item.run), "seconds": item.run.seconds, "values": dict(item.values)} for item in listed])
        return
    out = console()
    if not found:
        asked = status is not None or where or by
        told = "No run is so." if asked else "No runs yet. Start one: mlops-nb run NOTEBOOK"
        say(out, told)
        return
    if by is not None:
        end = "largest" if (direction or better(by)) == "max" else "smallest"
        say(out, f"The {end} `{by}` first" + ("" if direction else "; --direction turns it round"), "dim")
    # The time in a run's id is that of its start; in a narrow terminal that has to do.
    narrow = out.width < _NARROW
    values = tuple(dict.fromkeys(name for item in listed for name in item.values))
    titles = ("", "run", "pipeline", *(() if narrow else ("started",)), "took", *values, "by", "commit", "why")
    made = table(*titles, wide="why", right=("took", *values))
    for item in listed:
        run = item.run
        commit = "" if run.git is None else run.git.commit[:8] + ("+" if run.git.dirty else "")
        why = Text(" ".join((run.reason or run.why).split()), no_wrap=True, overflow="ellipsis")
        started = () if narrow else (local_time(run.started),)
        took = duration(run.seconds)
        named = [shown(item.values[name]) if name in item.values else "" for name in values]
        made.add_row(signed(run.status), run.id, run.pipeline, *started, took, *named, _by(run), commit, why)
    show_table(out, made)


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="One step of it.")] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Show a run, or one step of it: results, parameters, and where it failed."""
    from mlops_nb.errors import UsageError, did_you_mean
    from mlops_nb.execution.deciding import waiting_at
    from mlops_nb.project import find_project

    place = find_project(project)
    record = read_run(place, run)
    with place.log() as log:
        verdicts = log.verdicts_shown(record.run.id)
        waits = waiting_at(log, record)
    if step is None:
        if as_json:
            told = {"resumes": record.resumes, "waits": [item.as_dict() for item in waits]}
            print_json({**asdict(record), **told, "verdicts": [asdict(item) for item in verdicts]})
        else:
            _show_run(record, console(), verdicts)
            _show_waits(record, waits, console())
        return
    found = next((item for item in record.steps if item.step == step), None)
    if found is None:
        names = [item.step for item in record.steps]
        message = f"Run {record.run.id} has no step `{step}`.{did_you_mean(step, names)}"
        raise UsageError(message, hint=f"Its steps are {', '.join(names)}.")
    if as_json:
        given = [asdict(item) for item in verdicts if item.step == step]
        print_json({**asdict(found), **_of_step(record, step), "verdicts": given})
    else:
        _show_step(record, found, console())
        show_recorded([item for item in verdicts if item.step == step], record.run.id, console(), whole=True)


def read_run(place: Project, name: str) -> RunRecord:
    """Return the record of the run that has this id, or whose id starts so; of the newest for `last`."""
    from mlops_nb.errors import UsageError

    if place.has_log:
        with place.log() as log:
            found = [run.id for run in log.runs(1)] if name == _LAST else [name]
            if found:
                return log.run(found[0])
    message = f"The project {place.root} has no runs yet."
    raise UsageError(message, hint="Start one: mlops-nb run NOTEBOOK")


def _check_order(best: str | None, sort: str | None, direction: str | None) -> None:
    from mlops_nb.errors import UsageError, did_you_mean

    if best is not None and sort is not None:
        message = "Runs have one order: --best or --sort."
        raise UsageError(message, hint="--best METRIC leaves out what did not succeed, --sort METRIC does not.")
    if direction not in {None, "max", "min"}:
        message = f"`{direction}` is no direction.{did_you_mean(str(direction), ('max', 'min'))}"
        raise UsageError(message, hint="`max` puts the largest value first, `min` the smallest.")


def _runs(
    place: Project,
    pipeline: str | None,
    status: str | None,
    limit: int,
    *,
    where: str,
    by: str | None,
    direction: str | None,
) -> tuple[FoundRun, ...]:
    """Return a page of runs; a status that is none, or a pipeline that never ran, is refused with the near misses."""
    from mlops_nb.errors import UsageError, did_you_mean
    from mlops_nb.metadata.records import RunStatus

    known = get_args(RunStatus)
    if status is not None and status not in known:
        message = f"`{status}` is no status of a run.{did_you_mean(status, known)}"
        raise UsageError(message, hint=f"A run is {', '.join(known[:-1])} or {known[-1]}.")
    if not place.has_log:
        return ()
    with place.log() as log:
        pipelines = log.pipelines()
        if pipeline is not None and pipelines and pipeline not in pipelines:
            message = f"No pipeline `{pipeline}` ran in {place.root}.{did_you_mean(pipeline, pipelines)}"
            raise UsageError(message, hint=f"Those that ran: {', '.join(pipelines)}.")
        order: dict[str, Any] = {"by": by, "direction": direction}
        return log.find_runs(where, pipeline=pipeline, status=status, limit=limit, **order)  # type: ignore[arg-type]


def _by(run: Run) -> str:
    return f"{run.who.user} ({run.origin.kind})"


def _of_step(record: RunRecord, step: str) -> dict[str, Any]:
    return {
        "parameters": {item.name: item.value for item in record.parameters if item.step == step},
        "scraps": {item.name: item.value for item in record.scraps if item.step == step},
        "artifacts": [asdict(link) for link in record.artifacts if link.step == step],
    }


def _show_run(record: RunRecord, out: Console, verdicts: Sequence[RecordedVerdict]) -> None:
    from mlops_nb.cli.picture import is_readable, rails
    from mlops_nb.metadata.records import DECIDED
    from mlops_nb.validation import PERSON

    run = record.run
    say(out, f"{STATUS_SIGN[run.status]} run {run.id} {run.status}", STATUS_STYLE[run.status])
    if run.reason:
        say(out, run.reason)
    commit = (
        "no commit" if run.git is None else f"commit {run.git.commit[:8]}" + (" with changes" if run.git.dirty else "")
    )
    told = (run.pipeline, local_time(run.started), duration(run.seconds), _by(run), commit, run.why)
    say(out, " · ".join(filter(None, told)), "dim")
    out.print()
    dag = record.version.dag
    rows = rails([step["name"] for step in dag.get("steps", ())], [tuple(edge) for edge in dag.get("edges", ())])
    readable = is_readable(rows)
    made = table("", "step", "took", "because", wide="because", right=("took",))
    for step in record.steps:
        cached = step.status == "cached"
        made.add_row(
            drawn(rows.get(step.step) if readable else None, step.status),
            step.step,
            "cached" if cached else duration(step.seconds),
            "" if cached else step.reason,
        )
    show_table(out, made)
    given = [item for item in record.parameters if item.step is None]
    if given:
        heading(out, "parameters")
        show_pairs(
            out, [(item.name, shown(item.value), "" if item.source == "default" else item.source) for item in given]
        )
    if record.scraps:
        heading(out, "results")
        show_pairs(out, [(item.name, _result(item.kind, item.value), item.step) for item in record.scraps])
    decisions = [(line.step or "", line.why) for line in record.history if line.status == DECIDED]
    if decisions:
        heading(out, "decisions")
        show_pairs(out, decisions)
    show_recorded([item for item in verdicts if item.judge != PERSON], record.run.id, out)
    out.print()
    failed = next((step.step for step in record.steps if step.status == "failed"), "STEP")
    say(out, f"Look closer: mlops-nb show {run.id} {failed}", "dim")


def _show_waits(record: RunRecord, waits: Sequence[Waiting], out: Console) -> None:
    from mlops_nb.cli.running import show_waiting

    for item in waits:
        if item.decision is None:
            show_waiting(record.run.id, item.step, out)


def _result(kind: str, value: Any) -> str:
    if _is_reference(value):
        rows = f", {value['rows']:,} rows" if value.get("rows") else ""
        return f"{kind} {value['artifact'][:12]}{rows}"
    return shown(value)


def _show_step(record: RunRecord, step: StepRun, out: Console) -> None:
    took = "" if step.status == "cached" else duration(step.seconds)
    say(out, f"{STATUS_SIGN[step.status]} {step.step} {step.status} {took}".rstrip(), STATUS_STYLE[step.status])
    if step.reason:
        say(out, step.reason)
    say(out, f"run {record.run.id}", "dim")
    of_step = _of_step(record, step.step)
    if of_step["parameters"]:
        heading(out, "parameters")
        show_pairs(out, [(name, shown(value)) for name, value in of_step["parameters"].items()])
    for direction in ("input", "output"):
        found = [link for link in record.artifacts if link.step == step.step and link.direction == direction]
        if found:
            heading(out, f"{direction}s")
            show_pairs(out, [(link.name, _artifact(link.artifact), size(link.artifact.bytes)) for link in found])
    plain = {name: value for name, value in of_step["scraps"].items() if not _is_reference(value)}
    if plain:
        heading(out, "results")
        show_pairs(out, [(name, shown(value)) for name, value in plain.items()])
    undeclared = (step.outcome or {}).get("undeclared")
    if undeclared:
        heading(out, "published without being declared")
        show_pairs(out, [(name, "") for name in undeclared])
    from mlops_nb.metadata.records import TRY_FAILED

    tries = [line for line in record.history if line.step == step.step and line.status == TRY_FAILED]
    if tries:
        heading(out, "tries that failed")
        show_pairs(out, [(local_time(line.at), line.why) for line in tries])
    if step.error is not None:
        place = f"cell {step.error.cell_number} ({step.error.cell_id})" if step.error.cell_id else "a cell"
        heading(out, f"{step.error.ename} in {place}")
        out.print(step.error.traceback.rstrip(), highlight=False, markup=False, soft_wrap=True)
    if step.notebook:
        heading(out, "executed notebook")
        out.print(f"  {step.notebook}", highlight=False, markup=False, soft_wrap=True)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "artifact" in value


def _artifact(artifact: Artifact) -> str:
    rows = "" if artifact.rows is None else f", {artifact.rows:,} rows"
    return f"{artifact.kind} {artifact.hash[:12]}{rows}"


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(runs)
    app.command()(show)
