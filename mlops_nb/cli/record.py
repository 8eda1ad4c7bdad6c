"""Verbs that read the record: runs, show, models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import STATUS_SIGN, STATUS_STYLE, AsJson, console, duration, local_time, print_json, shown

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.metadata import RunRecord, StepRun

Here = Annotated[Path, typer.Option("--project", help="A file or folder of the project.", show_default="here")]


def runs(
    pipeline: Annotated[str | None, typer.Option(help="Only this pipeline's runs.")] = None,
    status: Annotated[str | None, typer.Option(help="Only runs that ended so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from rich.table import Table

    from mlops_nb.project import find_project

    with find_project(project).log() as log:
        found = log.runs(limit, pipeline=pipeline, status=status)  # type: ignore[arg-type]
    if as_json:
        print_json([{**asdict(run), "seconds": run.seconds} for run in found])
        return
    out = console()
    if not found:
        out.print("No runs yet. Start one: mlops-nb run NOTEBOOK", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for title in ("", "run", "pipeline", "started", "took", "by", "commit", "why"):
        table.add_column(title, no_wrap=title != "why")
    for run in found:
        style = STATUS_STYLE[run.status]
        commit = "" if run.git is None else run.git.commit[:8] + ("+" if run.git.dirty else "")
        table.add_row(
            f"[{style}]{STATUS_SIGN[run.status]}[/]",
            run.id,
            run.pipeline,
            local_time(run.started),
            duration(run.seconds),
            f"{run.who.user} ({run.origin.kind})",
            commit,
            run.reason or run.why,
        )
    out.print(table)


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="One step of it.")] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Show a run, or one step of it: results, parameters, and where it failed."""
    from mlops_nb.errors import UsageError, did_you_mean
    from mlops_nb.project import find_project

    with find_project(project).log() as log:
        newest = log.runs(1) if run == "last" else ()
        record = log.run(newest[0].id if newest else run)
    if step is None:
        if as_json:
            print_json(asdict(record))
        else:
            _show_run(record, console())
        return
    found = next((item for item in record.steps if item.step == step), None)
    if found is None:
        names = [item.step for item in record.steps]
        message = f"Run {record.run.id} has no step `{step}`.{did_you_mean(step, names)}"
        raise UsageError(message, hint=f"Its steps are {', '.join(names)}.")
    if as_json:
        print_json({**asdict(found), **_of_step(record, step)})
    else:
        _show_step(record, found, console())


def models(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="One model's versions.")] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """List registered models, or the versions of one."""
    from rich.table import Table

    from mlops_nb.project import find_project
    from mlops_nb.registry import Registry

    with find_project(project).log() as log:
        registry = Registry(log)
        names = [known.name for known in registry.models()] if model is None else [model]
        versions = [version for name in names for version in registry.versions(name)]
    if as_json:
        print_json([asdict(version) for version in versions])
        return
    out = console()
    if not versions:
        out.print("No models yet. Declare one as a step's output and run the notebook.", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for title in ("model", "version", "aliases", "made", "run", "metrics"):
        table.add_column(title, no_wrap=title != "metrics")
    for version in versions:
        metrics = ", ".join(f"{name} {shown(value)}" for name, value in list(version.metrics.items())[:5])
        table.add_row(
            version.model,
            str(version.version),
            ", ".join(version.aliases),
            local_time(version.created),
            version.run or "",
            metrics,
        )
    out.print(table)


def _of_step(record: RunRecord, step: str) -> dict[str, Any]:
    return {
        "parameters": {item.name: item.value for item in record.parameters if item.step == step},
        "scraps": {item.name: item.value for item in record.scraps if item.step == step},
        "artifacts": [asdict(link) for link in record.artifacts if link.step == step],
    }


def _show_run(record: RunRecord, out: Console) -> None:
    from rich.table import Table

    from mlops_nb.cli.picture import picture

    run = record.run
    style = STATUS_STYLE[run.status]
    out.print(f"[{style}]{STATUS_SIGN[run.status]} run {run.id} {run.status}[/] {run.reason}", highlight=False)
    commit = (
        "no commit" if run.git is None else f"commit {run.git.commit[:8]}" + (" with changes" if run.git.dirty else "")
    )
    by = f"{run.who.user} ({run.origin.kind})"
    told = " · ".join((run.pipeline, local_time(run.started), duration(run.seconds), by, commit))
    out.print(told, style="dim", highlight=False)
    if run.why:
        out.print(run.why, highlight=False, markup=False)
    out.print()
    dag = record.version.dag
    names = [step["name"] for step in dag.get("steps", ())]
    out.print(picture(names, [tuple(edge) for edge in dag.get("edges", ())], out.width), highlight=False, markup=False)
    out.print()
    table = Table(box=None, pad_edge=False)
    for title in ("", "step", "took", "because"):
        table.add_column(title, no_wrap=title != "because")
    for step in record.steps:
        table.add_row(
            f"[{STATUS_STYLE[step.status]}]{STATUS_SIGN[step.status]}[/]",
            step.step,
            duration(step.seconds),
            step.reason,
        )
    out.print(table)
    given = [item for item in record.parameters if item.step is None]
    if given:
        out.print("\n[bold]parameters[/]")
        for item in given:
            source = "" if item.source == "default" else f" [dim]({item.source})[/]"
            out.print(f"  {item.name} = {shown(item.value)}{source}", highlight=False)
    if record.scraps:
        out.print("\n[bold]results[/]")
        for scrap in record.scraps:
            out.print(f"  {scrap.name}: {_result(scrap.kind, scrap.value)} [dim]{scrap.step}[/]", highlight=False)
    out.print(f"\nOne step: mlops-nb show {run.id} STEP", style="dim", highlight=False)


def _result(kind: str, value: Any) -> str:
    if isinstance(value, dict) and "artifact" in value:
        rows = f", {value['rows']} rows" if value.get("rows") else ""
        return f"{kind} {value['artifact'][:12]}{rows}"
    return shown(value)


def _show_step(record: RunRecord, step: StepRun, out: Console) -> None:
    style = STATUS_STYLE[step.status]
    out.print(
        f"[{style}]{STATUS_SIGN[step.status]} {step.step} {step.status}[/] {duration(step.seconds)}", highlight=False
    )
    out.print(step.reason, highlight=False, markup=False)
    if step.notebook:
        out.print(f"executed notebook: {step.notebook}", style="dim", highlight=False, soft_wrap=True)
    of_step = _of_step(record, step.step)
    for name, value in of_step["parameters"].items():
        out.print(f"  {name} = {shown(value)}", highlight=False, markup=False)
    for link in record.artifacts:
        if link.step == step.step:
            rows = "" if link.artifact.rows is None else f", {link.artifact.rows} rows"
            told = f"  {link.direction} {link.name}: {link.artifact.kind} {link.artifact.hash[:12]}"
            told += f", {link.artifact.bytes} bytes{rows}"
            out.print(told, highlight=False, markup=False)
    for name, value in of_step["scraps"].items():
        out.print(f"  {name}: {_result('artifact', value)}", highlight=False, markup=False)
    if step.error is not None:
        out.print(f"\ncell {step.error.cell_id}: {step.error.ename}: {step.error.evalue}", style="red", markup=False)
        out.print(step.error.traceback, highlight=False, markup=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(runs)
    app.command()(show)
    app.command()(models)
