"""The verb that proves the promise: verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, counted, duration, heading, print_json, say
from mlops_nb.cli.diagnostics import show
from mlops_nb.cli.notebooks import NotebookPath

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.execution.verifying.verification import Verification

_PHASES = {
    "whole": "running the whole notebook",
    "again": "running it again, to see what differs from itself",
    "chain": "running it as a pipeline, one step after the other",
    "parallel": "running it as a pipeline, in parallel where the lock allows",
    "locate": "looking for the first step and cell that differ",
}
_SHOWN = 10


def verify(
    notebook: NotebookPath,
    tolerance: Annotated[
        float, typer.Option(min=0, help="How far numbers may be apart, relative to the largest of their variable.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Run a notebook whole and as a pipeline, in copies, and say whether both compute the same.

    It compares every variable, every output and every figure. The exit code is 0 when they are equal, 1 when they
    differ or the notebook itself raises, 2 when the pipeline is refused.
    """
    from mlops_nb.lifecycle import verify as verify_notebook

    out = console(error=as_json)
    found = verify_notebook(notebook, tolerance=tolerance, listen=lambda phase: say(out, f"{_PHASES[phase]} …", "dim"))
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found, out)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _show(found: Verification, out: Console) -> None:
    show([item for item in found.diagnostics if item.severity.value != "notice"], out)
    if found.differences:
        heading(out, "different in the pipeline")
        for item in found.differences[:_SHOWN]:
            say(out, f"  {item.message}{' (within the tolerance)' if item.close else ''}")
        _rest(len(found.differences), out)
    if found.unstable:
        heading(out, "differs from itself, and is not held against the pipeline")
        for item in found.unstable[:_SHOWN]:
            say(out, f"  {item.message}")
        _rest(len(found.unstable), out)
    if found.not_compared:
        heading(out, "not compared")
        for name, why in sorted(found.not_compared.items()):
            say(out, f"  `{name}`: {why}")
    out.print()
    style = {0: "green", 1: "bold red", 2: "red"}[found.exit_code]
    told = f"{found.notebook}: {found.verdict.value}"
    if found.compared and not found.exit_code:
        told += f": {', '.join(counted(number, noun[:-1]) for noun, number in found.compared.items())}"
    elif found.reason:
        told += f": {found.reason}"
    say(out, told, style)
    if len(found.seconds) > 1:
        times = ", ".join(f"{name} {duration(value)}" for name, value in found.seconds.items())
        say(out, times, "dim")


def _rest(count: int, out: Console) -> None:
    if count > _SHOWN:
        say(out, f"  and {count - _SHOWN} more; --json has all of them", "dim")


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(verify)
