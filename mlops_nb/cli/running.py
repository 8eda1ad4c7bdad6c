"""Verbs that plan and run: plan, run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import INTERRUPTED, STATUS_SIGN, STATUS_STYLE, AsJson, console, duration, print_json, shown
from mlops_nb.cli.diagnostics import show
from mlops_nb.cli.notebooks import NotebookPath

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.lifecycle import Finished, Pipeline
    from mlops_nb.pipeline import Plan

_BETWEEN = "\x1f"
_PAIRS = frozenset({"-p", "--parameters", "-r", "--parameters_raw"})
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameters", "-p", metavar="NAME VALUE", help="A parameter; typed by its default."),
]
RawParameters = Annotated[
    list[str] | None, typer.Option("--parameters_raw", "-r", metavar="NAME VALUE", help="A parameter, as text.")
]
Files = Annotated[
    list[Path] | None, typer.Option("--parameters_file", "-f", metavar="FILE", help="A YAML file of parameters.")
]
Yamls = Annotated[
    list[str] | None, typer.Option("--parameters_yaml", "-y", metavar="YAML", help="Parameters as YAML text.")
]
Base64s = Annotated[
    list[str] | None, typer.Option("--parameters_base64", "-b", metavar="BASE64", help="Parameters as base64 YAML.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Run every step, whatever is cached.")]


def plan(
    notebook: NotebookPath,
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    fresh: Fresh = False,
    as_json: AsJson = False,
) -> None:
    """Show what a run would do: which steps are cached, which will run, and because of what."""
    from mlops_nb.lifecycle import plan as make_plan
    from mlops_nb.lifecycle import read, stores

    pipeline = read(notebook)
    with stores(pipeline) as opened:
        planned, _ = make_plan(pipeline, opened, _layers(pipeline, p, r, f, y, b), fresh=fresh)
    if as_json:
        print_json({"notebook": str(notebook), "steps": [step.as_dict() for step in planned.steps]})
        return
    _show_plan(planned, console())


def run(
    notebook: NotebookPath,
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    fresh: Fresh = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Steps that may run at once.")] = None,
    why: Annotated[str, typer.Option(help="A sentence for the record.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run a notebook as a pipeline, record the run, register its models."""
    from mlops_nb.cli.progress import ProgressView
    from mlops_nb.lifecycle import read
    from mlops_nb.lifecycle import run as run_notebook
    from mlops_nb.metadata import Origin

    out = console(error=as_json)
    pipeline = read(notebook)
    layers = _layers(pipeline, p, r, f, y, b)
    warnings = [found for found in pipeline.graph.diagnostics if found.severity.value == "warning"]
    show(warnings, out)
    with ProgressView(out, notebook.stem) as view:
        finished = run_notebook(
            notebook,
            layers,
            origin=Origin("ci" if os.environ.get("CI") else "cli", " ".join(sys.argv[1:])),
            fresh=fresh,
            workers=workers,
            why=why,
            listen=view.listen,
            on_plan=view.start,
        )
    _show_finished(finished, out)
    if as_json:
        print_json(_as_json(finished))
    if finished.result.status != "succeeded":
        raise typer.Exit(INTERRUPTED if finished.result.status == "cancelled" else 1)


def fold_pairs(arguments: list[str]) -> list[str]:
    """Join the two words after `-p` and `-r` into one: Papermill's options take two, and typer's lists one.

    It also keeps a value such as `-1` from being read as an option.
    """
    folded: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        folded.append(word)
        if word in _PAIRS:
            folded.append(_BETWEEN.join(waiting[:2]))
            del waiting[:2]
    return folded


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    from mlops_nb.errors import UsageError

    pairs = []
    for text in given or ():
        name, between, value = text.partition(_BETWEEN)
        if not between:
            message = f"{option} {name} has no value."
            raise UsageError(message, hint=f"Write `{option} NAME VALUE`.")
        pairs.append((name, value))
    return pairs


def _layers(
    pipeline: Pipeline,
    p: list[str] | None,
    r: list[str] | None,
    f: list[Path] | None,
    y: list[str] | None,
    b: list[str] | None,
) -> list[tuple[str, dict[str, Any]]]:
    from mlops_nb.steps import from_cli

    return from_cli(pipeline.graph.parameters, _pairs("-p", p), _pairs("-r", r), f or (), y or (), b or ())


def _show_plan(planned: Plan, out: Console) -> None:
    from rich.table import Table

    from mlops_nb.cli.picture import picture

    out.print(
        picture([step.name for step in planned.steps], [(n, s.name) for s in planned.steps for n in s.needs], out.width)
    )
    table = Table(box=None, pad_edge=False)
    for title in ("", "step", "", "because", "expected"):
        table.add_column(title, no_wrap=title != "because")
    for step in planned.steps:
        style = STATUS_STYLE[step.status]
        word = {"cached": "cached", "run": "will run", "maybe": "may run"}[step.status]
        table.add_row(
            f"[{style}]{STATUS_SIGN[step.status]}[/]",
            step.name,
            f"[{style}]{word}[/]",
            step.because,
            duration(step.expected_s),
        )
    out.print(table)
    expected = sum(step.expected_s or 0 for step in planned.to_run)
    unknown = sum(step.expected_s is None for step in planned.to_run)
    told = f"{len(planned.to_run)} of {len(planned.steps)} steps to run"
    if planned.to_run:
        told += f", about {duration(expected)} one after the other" if expected else ""
        told += f", {unknown} with no history yet" if unknown else ""
    out.print(told, style="dim", highlight=False)


def _show_finished(finished: Finished, out: Console) -> None:
    from rich.table import Table

    result = finished.result
    record = result.record
    for step in record.steps:
        if step.status == "failed":
            out.print(f"[bold red]✘ {step.step}[/]", highlight=False)
            out.print(f"  {step.reason}", markup=False, highlight=False)
            if step.error is not None:
                tail = step.error.traceback.rstrip().splitlines()[-12:]
                out.print("\n".join(f"  │ {line}" for line in tail), markup=False, highlight=False, style="dim")
    metrics = [scrap for scrap in record.scraps if isinstance(scrap.value, int | float)]
    if metrics:
        table = Table(box=None, pad_edge=False, title="metrics", title_justify="left", title_style="bold")
        for title in ("", "", ""):
            table.add_column(title)
        for scrap in metrics:
            table.add_row(scrap.name, shown(scrap.value), f"[dim]{scrap.step}[/]")
        out.print(table)
    for model in finished.models:
        again = "" if model.run == result.run else f" [dim](same content as run {model.run} made)[/]"
        out.print(f"[bold]model[/] {model.model} version {model.version}{again}", highlight=False)
    style = STATUS_STYLE[result.status]
    out.print(
        f"[{style}]{STATUS_SIGN[result.status]} run {result.run} {result.status}[/] {result.reason}", highlight=False
    )
    for name in result.reran:
        out.print(
            f"  {name} ran again: an earlier step changed what it reads, and the lock did not know", style="yellow"
        )
    failed = next((step.step for step in record.steps if step.status == "failed"), "")
    more = " ".join(f"Look closer: mlops-nb show {result.run} {failed}".split())
    out.print(f"{more} · mlops-nb runs · mlops-nb models", style="dim", highlight=False)


def _as_json(finished: Finished) -> dict[str, Any]:
    result = finished.result
    return {
        "run": result.run,
        "status": result.status,
        "reason": result.reason,
        "steps": [
            {
                "name": step.step,
                "status": step.status,
                "seconds": step.seconds,
                "cached": step.status == "cached",
                "notebook": step.notebook,
                "reason": step.reason,
            }
            for step in result.record.steps
        ],
        "scraps": {scrap.name: scrap.value for scrap in result.record.scraps},
        "models": [
            {"name": model.model, "version": model.version, "digest": model.digest} for model in finished.models
        ],
    }


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(plan)
    app.command()(run)
