"""The verb that says all that differs between two runs: diff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.compare import show_changes
from mlops_nb.cli.console import AsJson, console, duration, heading, print_json, say, show_table, shown, table
from mlops_nb.cli.record import Here, read_run

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.metadata import StepRun
    from mlops_nb.report import RunDifference

_LINE_STYLE = {"+": "green", "-": "red", "@": "cyan"}
_PACKAGES = 12


def diff(
    before: Annotated[
        str, typer.Argument(metavar="BEFORE", help="A run's id, or how it starts; `last` for the newest.")
    ],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The run to hold against it.")],
    step: Annotated[str | None, typer.Option(help="Only what concerns this step.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write it as a page, figures side by side.", dir_okay=False)
    ] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Show all that differs between two runs: source, parameters, environment, data, results, tables, figures."""
    from mlops_nb.project import find_project
    from mlops_nb.report import diff_runs, write_report

    place = find_project(project)
    one, other = read_run(place, before), read_run(place, after)
    store = place.artifact_store()
    found = diff_runs(one, other, store, place.runs, step=step)
    if html is not None:
        write_report(html, other, store, difference=found)
    if as_json:
        print_json(found.as_dict())
        return
    out = console()
    _show(found, out)
    if html is not None:
        out.print()
        say(out, f"Written to {html}", "dim")


def _show(found: RunDifference, out: Console) -> None:
    say(out, f"{found.after.run.id} against {found.before.run.id}", "bold")
    for notice in found.notices:
        say(out, notice, "yellow")
    for title, changes in (("source", found.cells), ("modules and settings", found.files)):
        if changes:
            heading(out, title)
        for change in changes:
            say(out, f"  {change.name} {change.kind}", "bold")
            for line in change.lines:
                say(out, f"    {line}", _LINE_STYLE.get(line[:1], ""))
    show_changes("parameters", found.parameters, out)
    _environment(found, out)
    show_changes("data", found.data, out)
    show_changes("metrics", found.metrics, out)
    show_changes("results", found.scraps, out)
    _tables(found, out)
    if found.figures:
        heading(out, "figures")
        for figure in found.figures:
            say(out, f"  {figure.name}: {figure.told}")
    told = {item.name for item in found.tables} | {item.name for item in found.figures}
    show_changes("outputs", tuple(change for change in found.outputs if not _is_told(change.name, told)), out)
    _steps(found, out)
    if found.is_empty:
        out.print()
        say(out, "Nothing else differs: source, parameters, environment, data and results are the same.", "dim")


def _is_told(name: str, told: set[str]) -> bool:
    return name in told or name.removesuffix(".svg") in told


def _environment(found: RunDifference, out: Console) -> None:
    if not found.environment:
        return
    heading(out, "environment")
    for change in found.environment[:_PACKAGES]:
        say(out, f"  {change.message}")
    if len(found.environment) > _PACKAGES:
        say(out, f"  and {len(found.environment) - _PACKAGES} more; --json has all of them", "dim")


def _tables(found: RunDifference, out: Console) -> None:
    for item in found.tables:
        heading(out, f"table {item.name}")
        counts = ["none" if count is None else f"{count:,}" for count in item.rows]
        rows = f"{counts[0]} rows" if counts[0] == counts[1] else f"{counts[0]} → {counts[1]} rows"
        say(out, f"  {rows}{f' ({item.why})' if item.why else ''}")
        if not item.columns:
            continue
        made = table("", "", "cells", "before", "after", wide="after", right=("cells",))
        for column in item.columns:
            cells = "" if column.cells is None else f"{column.cells:,}"
            made.add_row(column.name, column.kind, cells, _statistics(column.before), _statistics(column.after))
        show_table(out, made, indent=2)


def _statistics(told: Any) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in told.items() if name != "missing" or value)


def _steps(found: RunDifference, out: Console) -> None:
    heading(out, "steps")
    made = table("", "code", "before", "after")
    for pair in found.steps:
        code = (
            "same" if pair.same_code else "changed" if pair.before and pair.after else "new" if pair.after else "gone"
        )
        made.add_row(pair.name, code, _ran(pair.before), _ran(pair.after))
    show_table(out, made, indent=2)


def _ran(step: StepRun | None) -> str:
    if step is None:
        return ""
    return "cached" if step.status == "cached" else f"{step.status} {duration(step.seconds)}".rstrip()


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(diff)
