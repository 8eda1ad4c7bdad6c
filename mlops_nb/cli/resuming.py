"""The verb that goes on with a run that did not succeed: resume."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say
from mlops_nb.cli.record import Here
from mlops_nb.cli.running import (
    Base64s,
    Files,
    Parameters,
    RawParameters,
    Yamls,
    checked_isolation,
    exit_as,
    finished_as_json,
    read_layers,
    show_finished,
    show_plan,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mlops_nb.execution.deciding import Decided
    from mlops_nb.lifecycle import Resumption
    from mlops_nb.pipeline import Plan


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Steps that may run at once; as in that run.")] = None,
    isolation: Annotated[
        str | None, typer.Option(metavar="fork|cold", help="Forked or new kernels; as in that run.")
    ] = None,
    notebook: Annotated[Path | None, typer.Option(help="Where its notebook is now, when it was moved.")] = None,
    why: Annotated[str, typer.Option(help="A sentence for the record.")] = "",
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Run what a run that failed, paused, was ended or died has not done, with that run's parameters."""
    from mlops_nb.lifecycle import find_resumption
    from mlops_nb.project import find_project

    past = find_resumption(run, find_project(project), notebook)
    layers = read_layers(past.pipeline, p, r, f, y, b)
    isolation = checked_isolation(isolation)
    go_on(past, console(error=as_json), layers, workers=workers, isolation=isolation, why=why, as_json=as_json)


def go_on(
    past: Resumption,
    out: Console,
    layers: Sequence[tuple[str, dict[str, Any]]] = (),
    *,
    workers: int | None,
    isolation: str | None,
    why: str = "",
    as_json: bool = False,
    decided: Decided | None = None,
) -> None:
    """Go on with a past run, show how it goes and ends, and exit as it ended."""
    from mlops_nb.cli.progress import ProgressView
    from mlops_nb.lifecycle import resume as resume_run
    from mlops_nb.metadata import Origin

    with ProgressView(out) as view:

        def on_plan(planned: Plan) -> None:
            say(out, f"Resumes run {past.record.run.id}, which {_ended(past.record.run.status)}:", "bold")
            show_plan(planned, out)
            out.print()
            view.start(planned)

        finished = resume_run(
            past,
            layers,
            origin=Origin("ci" if os.environ.get("CI") else "cli", " ".join(sys.argv[1:])),
            workers=workers,
            isolation=isolation,
            why=why,
            listen=view.listen,
            on_plan=on_plan,
        )
    show_finished(finished, out)
    if as_json:
        told = {} if decided is None else {"decided": decided.as_dict()}
        print_json({**finished_as_json(finished), "resumes": past.record.run.id, **told})
    exit_as(finished)


def _ended(status: str) -> str:
    return {"paused": "waits for a person", "cancelled": "was cancelled"}.get(status, status)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(resume)
