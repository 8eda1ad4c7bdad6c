"""The verb that tries many values of a notebook's parameters: search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import (
    STATUS_STYLE,
    AsJson,
    console,
    counted,
    duration,
    print_json,
    say,
    show_table,
    shown,
    table,
)
from mlops_nb.cli.notebooks import NotebookPath
from mlops_nb.cli.running import Base64s, Files, Fresh, Parameters, RawParameters, Yamls, checked_isolation, read_layers

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.lifecycle import Pipeline
    from mlops_nb.lifecycle.searching import Searched, Trial

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(\w+)=({_NUMBER}):({_NUMBER})(:log)?")


def search(
    notebook: NotebookPath,
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    grid: Annotated[
        list[str] | None, typer.Option("--grid", metavar="NAME=VALUE,VALUE", help="Values of a parameter to try.")
    ] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range", metavar="NAME=LOW:HIGH[:log]", help="A range of a parameter to try; takes random values."
        ),
    ] = None,
    metric: Annotated[str, typer.Option("--metric", metavar="NAME", help="The metric that decides.")] = "",
    direction: Annotated[
        str, typer.Option("--direction", metavar="min|max", help="Whether the smallest or the largest is best.")
    ] = "",
    method: Annotated[
        str, typer.Option("--method", metavar="grid|random", help="All combinations, or some drawn by chance.")
    ] = "",
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="How many trials at most.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the random choice.")] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", min=1, help="End after so many trials in a row that were not better.")
    ] = None,
    stop_by: Annotated[
        str,
        typer.Option(
            "--stop-by", metavar="NAME", help="A metric of an early step; a trial below the median ends there."
        ),
    ] = "",
    workers: Annotated[int | None, typer.Option(min=1, help="Trials that may run at once.")] = None,
    fresh: Fresh = False,
    isolation: Annotated[
        str | None, typer.Option(metavar="fork|cold", help="Kernels forked from a warm template, or new ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a notebook with many values of its parameters, each a run of its own; register the best by a metric."""
    from mlops_nb.lifecycle import read
    from mlops_nb.lifecycle.searching import search as make_search

    out = console(error=as_json)
    pipeline = read(notebook)
    given: dict[str, Any] = {
        "parameters": {**_lists(pipeline, grid), **_ranges(range_)},
        "metric": metric,
        "direction": _one_of("--direction", direction, ("min", "max")),
        "method": _one_of("--method", method, ("grid", "random")) or ("random" if range_ else ""),
        "trials": trials,
        "seed": seed,
        "patience": patience,
        "stop_by": stop_by,
    }

    def told(trial: Trial, of: int) -> None:
        values = ", ".join(f"{name}={shown(value)}" for name, value in trial.parameters.items())
        result = "" if trial.value is None else f": {shown(trial.value)}"
        say(out, f"trial {trial.number} of {of} {trial.status}{result} ({values}), {duration(trial.seconds)}")

    found = make_search(
        pipeline,
        given,
        read_layers(pipeline, p, r, f, y, b),
        workers=workers,
        fresh=fresh,
        isolation=checked_isolation(isolation),
        on_trial=told,
    )
    _show(found, out)
    if as_json:
        print_json(found.as_dict())
    if found.best is None:
        raise typer.Exit(1)


def _lists(pipeline: Pipeline, given: list[str] | None) -> dict[str, list[Any]]:
    from mlops_nb.errors import UsageError
    from mlops_nb.steps import coerce_text

    known = {parameter.name: parameter for parameter in pipeline.graph.parameters}
    found: dict[str, list[Any]] = {}
    for text in given or ():
        name, equals, values = text.partition("=")
        if not equals or not values:
            message = f"--grid {text} has no values."
            raise UsageError(message, hint="Write --grid NAME=VALUE,VALUE")
        # A parameter that there is not is refused by the search, with the nearest.
        words = values.split(",")
        found[name] = [coerce_text(known[name], word, "--grid") if name in known else word for word in words]
    return found


def _ranges(given: list[str] | None) -> dict[str, dict[str, Any]]:
    from mlops_nb.errors import UsageError

    found: dict[str, dict[str, Any]] = {}
    for text in given or ():
        match = _RANGE.fullmatch(text)
        if match is None:
            message = f"--range {text} is no range."
            raise UsageError(message, hint="Write --range NAME=LOW:HIGH, or NAME=LOW:HIGH:log")
        low, high = (int(part) if part.lstrip("-").isdecimal() else float(part) for part in match.group(2, 3))
        found[match[1]] = {"low": low, "high": high, "log": match[4] is not None}
    return found


def _one_of(option: str, given: str, known: tuple[str, ...]) -> str:
    from mlops_nb.errors import UsageError, did_you_mean

    if given and given not in known:
        message = f"{option} {given} is not known.{did_you_mean(given, known)}"
        raise UsageError(message, hint=f"Write one of {', '.join(known)}.")
    return given


def _show(found: Searched, out: Console) -> None:
    from rich.text import Text

    names = list(found.search.space)
    out.print()
    made = table("", "trial", *names, found.search.metric, "status", "run", "took", right=("trial", "took"))
    for trial in found.trials:
        made.add_row(
            Text("★", "yellow") if trial == found.best else "",
            str(trial.number),
            *(shown(trial.parameters[name]) for name in names),
            "" if trial.value is None else shown(trial.value),
            Text(trial.status, STATUS_STYLE.get(trial.status, "yellow")),
            trial.run,
            duration(trial.seconds),
        )
    show_table(out, made)
    out.print()
    if found.ended:
        say(out, f"The search ended early: {found.ended}.", "dim")
    if found.best is None:
        say(out, f"No trial has the metric `{found.search.metric}`: mlops-nb show RUN tells what each measured.", "red")
        return
    best = ", ".join(f"{name}={shown(value)}" for name, value in found.best.parameters.items())
    say(
        out,
        f"Best of {counted(len(found.trials), 'trial')}: {best}, {found.search.metric} {shown(found.best.value)}",
        "green",
    )
    for model in found.models:
        say(out, f"{model.model}  version {model.version}")
    if found.judged:
        from mlops_nb.cli.verdicts import show_judged

        show_judged(found.judged, out)


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(search)
