"""Verbs that plan and run: plan, run."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import (
    INTERRUPTED,
    PAUSED,
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
# What a run shows of a traceback; `mlops-nb show` has all of it.
_TRACEBACK_LINES, _TRACEBACK_END, _AROUND = 14, 4, 2
_CELL = re.compile(r"Cell In\[\d+\], line \d+")
_FRAME = re.compile(r"Cell In\[\d+\], line \d+|File .+:\d+")
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
To = Annotated[str, typer.Option("--to", metavar="STEP", help="Stop after this step.")]


def plan(
    notebook: NotebookPath,
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    fresh: Fresh = False,
    to: To = "",
    as_json: AsJson = False,
) -> None:
    """Show what a run would do: which steps are cached, which will run, and because of what."""
    from mlops_nb.lifecycle import plan as make_plan
    from mlops_nb.lifecycle import read, stores

    pipeline = read(notebook)
    with stores(pipeline) as opened:
        planned, _ = make_plan(pipeline, opened, read_layers(pipeline, p, r, f, y, b), fresh=fresh, to=to)
    if as_json:
        whole = (*planned.steps, *planned.left_out)
        print_json({"notebook": str(notebook), "steps": [step.as_dict() for step in whole]})
        return
    show_plan(planned, console())


def run(
    notebook: NotebookPath,
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    fresh: Fresh = False,
    to: To = "",
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
    layers = read_layers(pipeline, p, r, f, y, b)
    warnings = [found for found in pipeline.graph.diagnostics if found.severity.value == "warning"]
    show(warnings, out)
    with ProgressView(out) as view:
        finished = run_notebook(
            pipeline,
            layers,
            origin=Origin("ci" if os.environ.get("CI") else "cli", " ".join(sys.argv[1:])),
            fresh=fresh,
            to=to,
            workers=workers,
            isolation=checked_isolation(isolation),
            why=why,
            listen=view.listen,
            on_plan=view.start,
        )
    show_finished(finished, out)
    if as_json:
        print_json(finished_as_json(finished))
    exit_as(finished)


def exit_as(finished: Finished) -> None:
    """Exit with the code of how a run ended, unless it succeeded."""
    result = finished.result
    if result.status == "paused":
        raise typer.Exit(PAUSED)
    if result.status == "cancelled" and not result.pauses:
        raise typer.Exit(INTERRUPTED)
    if result.status != "succeeded":
        # What a person stopped is refused, and was not interrupted.
        raise typer.Exit(1)


def checked_isolation(given: str | None) -> str | None:
    """Return the isolation that is asked for; one that there is not is refused."""
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


def read_layers(
    pipeline: Pipeline,
    p: list[str] | None,
    r: list[str] | None,
    f: list[Path] | None,
    y: list[str] | None,
    b: list[str] | None,
) -> list[tuple[str, dict[str, Any]]]:
    """Return the parameter values that the options give, as layers."""
    from mlops_nb.steps import from_cli

    return from_cli(pipeline.graph.parameters, _pairs("-p", p), _pairs("-r", r), f or (), y or (), b or ())


def show_plan(planned: Plan, out: Console) -> None:
    """Show the steps with what will become of each, and because of what."""
    from rich.text import Text

    from mlops_nb.cli.picture import is_readable, rails

    whole = (*planned.steps, *planned.left_out)
    edges = [(need, step.name) for step in whole for need in step.needs]
    rows = rails([step.name for step in whole], edges)
    readable = is_readable(rows)
    made = table("", "step", "plan", "expected", "because", wide="because", right=("expected",))
    for step in whole:
        cached = step.status == "cached"
        word = {"cached": "cached", "run": "will run", "maybe": "may run", "left-out": "left out"}[step.status]
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


def show_finished(finished: Finished, out: Console) -> None:
    """Show what failed, what was measured, which models were made, and how it ended."""
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
    if finished.judged:
        from mlops_nb.cli.verdicts import show_judged

        show_judged(finished.judged, out)
    out.print()
    reasons = {step.step: step.reason for step in record.steps}
    for name in result.reran:
        say(out, f"{name} ran again: {reasons.get(name) or 'the lock was wrong'}.", "yellow")
    _show_verdict(finished, out)


def _show_failure(step: StepRun, out: Console) -> None:
    place = f", cell {step.error.cell_number}" if step.error is not None and step.error.cell_number else ""
    heading(out, f"{STATUS_SIGN['failed']} {step.step}{place}: {step.reason}")
    if step.error is not None:
        lines = _shortened(step.error.traceback.rstrip().splitlines())
        out.print(
            "\n".join(f"  │ {line}" for line in lines), markup=False, highlight=False, style="dim", soft_wrap=True
        )


def _shortened(lines: list[str]) -> list[str]:
    """Return a traceback with the cell's own lines and its end; what libraries did in between is in `show`."""
    if len(lines) <= _TRACEBACK_LINES:
        return lines
    frames = [at for at, line in enumerate(lines) if _FRAME.match(line)]
    own = next((at for at in reversed(frames) if _CELL.match(lines[at])), None)
    end = len(lines) - _TRACEBACK_END
    if own is None or own >= end:
        return lines[-_TRACEBACK_LINES:]
    following = next((at for at in frames if at > own), end)
    cell = [line for line in lines[own : min(following, end)] if line.strip()]
    marked = next((at for at, line in enumerate(cell) if line.startswith("-")), 0)
    first = max(1, marked - _AROUND)
    return [cell[0], *cell[first : marked + _AROUND + 1], "…", *lines[end:]]


def _show_verdict(finished: Finished, out: Console) -> None:
    result = finished.result
    steps = result.record.steps
    cached = sum(step.status == "cached" for step in steps)
    told = f"{STATUS_SIGN[result.status]} run {result.run} {result.status}"
    told += f" in {duration(result.record.run.seconds)}"
    told += f", {cached} of {counted(len(steps), 'step')} cached" if cached else ""
    if result.status in {"cancelled", "paused"}:
        told += f": {result.reason}"
    say(out, told, STATUS_STYLE[result.status])
    for pause in result.pauses:
        show_waiting(result.run, pause.step, out, stopped=bool(pause.stopped))
    if result.status == "cancelled" and not result.pauses:
        say(out, "To go on where it stopped: mlops-nb resume last", "dim")
    failed = next((step.step for step in steps if step.status == "failed"), "")
    if failed:
        say(out, f"Look closer: mlops-nb show last {failed} · mlops-nb open last {failed}", "dim")
        say(out, "To go on when it is mended: mlops-nb resume last", "dim")
    elif not result.pauses:
        say(out, "Look closer: mlops-nb show last · mlops-nb runs · mlops-nb models", "dim")


def show_waiting(run: str, step: str, out: Console, *, stopped: bool = False) -> None:
    """Show with which commands a person looks at a step that a run waits at, and decides."""
    say(out, f"Look at `{step}` as it is now, in JupyterLab: mlops-nb open {run} {step}", "dim")
    if stopped:
        say(out, f'To decide otherwise: mlops-nb decide {run} continue --overrule --why "…"', "dim")
        return
    say(out, f'To go on:   mlops-nb decide {run} continue --why "…"', "dim")
    say(out, f'To end it:  mlops-nb decide {run} stop --why "…"', "dim")


def finished_as_json(finished: Finished) -> dict[str, Any]:
    """Return the JSON form of a run that has ended."""
    from mlops_nb.cli.verdicts import judged_as_json

    result = finished.result
    return {
        "run": result.run,
        "status": result.status,
        "reason": result.reason,
        "waits": [pause.step for pause in result.pauses if not pause.stopped],
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
        "verdicts": [{"step": item.step, "run": item.run, **item.content} for item in finished.verdicts],
        "judged": [judged_as_json(one) for one in finished.judged],
    }


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(plan)
    app.command()(run)
