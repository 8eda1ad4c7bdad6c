"""The verb that writes a run as a page: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say
from mlops_nb.cli.record import Here, read_run


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    to: Annotated[
        Path | None, typer.Option("-o", "--to", metavar="FILE.html", help="Where to write it.", dir_okay=False)
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="OTHER", help="Show too what differs from this run.")] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a run as one HTML page: steps, timings, metrics, figures, tables, errors, environment, history."""
    from mlops_nb.project import find_project
    from mlops_nb.report import diff_runs, models_of, write_report

    place = find_project(project)
    record = read_run(place, run)
    store = place.artifact_store()
    difference = None if against is None else diff_runs(read_run(place, against), record, store, place.runs)
    with place.log() as log:
        models = models_of(log, record)
        verdicts = log.verdicts_shown(record.run.id)
    file = to or Path(f"{record.run.pipeline}-{record.run.id}.html")
    write_report(file, record, store, models=models, difference=difference, verdicts=verdicts)
    if as_json:
        print_json({"run": record.run.id, "file": str(file.absolute())})
    else:
        say(console(), f"Written to {file}")


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(report)
