"""The verb that holds two runs against each other: compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import AsJson, console, heading, print_json, say, show_table, shown, table
from mlops_nb.cli.record import Here, read_run

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.metadata import Change, Comparison, MetadataStore


def compare(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    other: Annotated[
        str | None,
        typer.Argument(metavar="OTHER", help="What to hold it against; the success before it unless told."),
    ] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Hold a run against an earlier one: metrics with differences, and what else changed, parameters to outputs."""
    from mlops_nb.metadata import compare as compare_runs
    from mlops_nb.project import find_project

    place = find_project(project)
    after = read_run(place, run)
    with place.log() as log:
        before = log.run(other or _before(log, after.run.id, after.run.pipeline))
    found = compare_runs(before, after)
    if as_json:
        print_json(_as_dict(found))
    else:
        _show(found, console())


def _before(log: MetadataStore, run: str, pipeline: str) -> str:
    from mlops_nb.errors import UsageError

    earlier = log.runs(1, pipeline=pipeline, status="succeeded", before=run)
    if not earlier:
        message = f"Pipeline `{pipeline}` has no success before run {run}."
        raise UsageError(message, hint="Name the run to hold it against: mlops-nb compare RUN OTHER")
    return earlier[0].id


def _as_dict(found: Comparison) -> dict[str, Any]:
    kinds = ("metrics", "parameters", "steps", "data", "outputs")
    told = {kind: [{**asdict(item), "difference": item.difference} for item in getattr(found, kind)] for kind in kinds}
    return {"before": found.before.id, "after": found.after.id, **told}


def _show(found: Comparison, out: Console) -> None:
    say(out, f"{found.after.id} against {found.before.id}")
    show_changes("metrics", found.metrics, out)
    show_changes("parameters that differ", found.parameters, out)
    show_changes("steps whose code differs", found.steps, out)
    show_changes("data that differs", found.data, out)
    show_changes("outputs that differ", found.outputs, out)
    out.print()
    if not (found.parameters or found.steps or found.data):
        say(out, "Parameters, code and data are the same.", "dim")
    if not found.outputs:
        say(out, "Outputs are the same, byte for byte.", "dim")


def show_changes(title: str, changes: tuple[Change, ...], out: Console) -> None:
    """Print a block of changes, with the difference of numbers; nothing when there are none."""
    if not changes:
        return
    heading(out, title)
    made = table("", "before", "after", "difference", right=("before", "after", "difference"))
    for item in changes:
        apart = "" if item.difference is None else f"{item.difference:+.6g}"
        made.add_row(item.name.removeprefix("file:"), _short(item.before), _short(item.after), apart)
    show_table(out, made, indent=2)


def _short(value: Any) -> str:
    text = "" if value is None else shown(value)
    # Hashes are told apart by their beginning.
    return text[:12] if isinstance(value, str) and len(value) >= 32 else text  # noqa: PLR2004


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(compare)
