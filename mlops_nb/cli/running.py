"""Verbs that plan and run: plan, run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import (
    INTERRUPTED,
    STATUS_SIGN,
    STATUS_STYLE,
    AsJson,
    console,
    counted,
    drawn,
    duration,
    heading,
    print_json,
    say,
    show_table,
    shown,
    table,
)
from mlops_nb.cli.diagnostics import show
from mlops_nb.cli.notebooks import NotebookPath

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.lifecycle import Finished, Pipeline
    from mlops_nb.metadata import StepRun
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
    isolation: Annotated[
        str | None, typer.Option(metavar="fork|cold", help="Kernels forked from a warm template, or new ones.")
    ] = None,
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
    with ProgressView(out) as view:
        finished = run_notebook(
            notebook,
            layers,
            origin=Origin("ci" if os.environ.get("CI") else "cli", " ".join(sys.argv[1:])),
            fresh=fresh,
            workers=workers,
            isolation=_isolation(isolation),
            why=why,
            listen=view.listen,
            on_plan=view.start,
        )
    _show_finished(finished, out)
    if as_json:
        print_json(_as_json(finished))
    if finished.result.status != "succeeded":
        raise typer.Exit(INTERRUPTED if finished.result.status == "cancelled" else 1)


def _isolation(given: str | None) -> str | None:
    from mlops_nb.errors import UsageError, did_you_mean
    from mlops_nb.project import ISOLATIONS

    if given is not None and given not in ISOLATIONS:
        message = f"--isolation {given} is not known.{did_you_mean(given, ISOLATIONS)}"
        raise UsageError(message, hint=f"Write one of {', '.join(ISOLATIONS)}.")
    return given


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
            message = f"{option} {name} has no value." if name else f"{option} needs a name and a value."
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
    from rich.text import Text

    from mlops_nb.cli.picture import is_readable, rails

    edges = [(need, step.name) for step in planned.steps for need in step.needs]
    rows = rails([step.name for step in planned.steps], edges)
    readable = is_readable(rows)
    made = table("", "step", "plan", "expected", "because", wide="because", right=("expected",))
    for step in planned.steps:
        cached = step.status == "cached"
        word = {"cached": "cached", "run": "will run", "maybe": "may run"}[step.status]
        made.add_row(
            drawn(rows[step.name] if readable else None, step.status),
            step.name,
            Text(word, STATUS_STYLE[step.status]),
            "" if cached else duration(step.expected_s),
            "" if cached else Text(step.because),
        )
    show_table(out, made)
    out.print()
    if not planned.to_run:
        say(out, "Nothing to run: nothing that the steps depend on changed.", "dim")
        return
    expected = sum(step.expected_s or 0 for step in planned.to_run)
    unknown = sum(step.expected_s is None for step in planned.to_run)
    told = f"{len(planned.to_run)} of {counted(len(planned.steps), 'step')} to run"
    told += f", about {duration(expected)} one after the other" if expected else ""
    told += f", {unknown} with no history yet" if unknown else ""
    say(out, told, "dim")


def _show_finished(finished: Finished, out: Console) -> None:
    from rich.text import Text

    result = finished.result
    record = result.record
    for step in record.steps:
        if step.status == "failed":
            _show_failure(step, out)
    metrics = [
        scrap for scrap in record.scraps if isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool)
    ]
    if metrics:
        heading(out, "metrics")
        made = table("", "", "")
        for scrap in metrics:
            made.add_row(Text(scrap.name), shown(scrap.value), Text(scrap.step, "dim"))
        show_table(out, made, indent=2)
    if finished.models:
        heading(out, "models")
        made = table("", "", "")
        for model in finished.models:
            again = "" if model.run == result.run else f"the content that run {model.run} made"
            made.add_row(Text(model.model), f"version {model.version}", Text(again, "dim"))
        show_table(out, made, indent=2)
    out.print()
    for name in result.reran:
        say(out, f"{name} ran again: an earlier step changed what it reads, and the lock did not know.", "yellow")
    _show_verdict(finished, out)


def _show_failure(step: StepRun, out: Console) -> None:
    place = f", cell {step.error.cell_number}" if step.error is not None and step.error.cell_number else ""
    heading(out, f"{STATUS_SIGN['failed']} {step.step}{place}: {step.reason}")
    if step.error is not None:
        tail = step.error.traceback.rstrip().splitlines()[-12:]
        out.print("\n".join(f"  │ {line}" for line in tail), markup=False, highlight=False, style="dim", soft_wrap=True)


def _show_verdict(finished: Finished, out: Console) -> None:
    result = finished.result
    steps = result.record.steps
    cached = sum(step.status == "cached" for step in steps)
    told = f"{STATUS_SIGN[result.status]} run {result.run} {result.status}"
    told += f" in {duration(result.record.run.seconds)}"
    told += f", {cached} of {counted(len(steps), 'step')} cached" if cached else ""
    if result.status == "cancelled":
        told += f": {result.reason}"
    say(out, told, STATUS_STYLE[result.status])
    if result.status == "cancelled":
        say(out, "The same command goes on where it stopped: what has finished is cached.", "dim")
    failed = next((step.step for step in steps if step.status == "failed"), "")
    more = f" {failed}" if failed else " · mlops-nb runs · mlops-nb models"
    say(out, f"Look closer: mlops-nb show last{more}", "dim")


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
