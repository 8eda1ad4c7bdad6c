"""The verb that runs a past run again: reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, counted, duration, heading, print_json, say
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.execution.reproducing.reproduction import Reproduction

_PHASES = {
    "restore": "putting the run's notebook, modules and data into an empty folder",
    "again": "running it again",
    "alone": "running it once more, one step after the other, to see why it differs",
}
_SHOWN = 10
_ENVIRONMENTS = ("current", "rebuild")


def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="How far numbers may be apart, relative to the largest of their variable.  [1e-12]"),
    ] = None,
    env: Annotated[
        str, typer.Option(metavar="current|rebuild", help="This environment, or one with the run's packages.")
    ] = "current",
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Run a past run again from its snapshot, and say whether it comes out the same.

    Notebook, modules, parameters, data, seeds, workers and threads are those of the run; nothing of the project is
    touched. The exit code is 0 when it came out again, 1 when something differs, 2 when it cannot be run again.
    """
    from mlops_nb.execution.reproducing.environments import call_in
    from mlops_nb.lifecycle import find_reproducible, rebuild_environment
    from mlops_nb.lifecycle import reproduce as run_again
    from mlops_nb.project import find_project

    out = console(error=as_json)
    place = find_project(project)
    past = find_reproducible(run, place)
    if _is_rebuild(env):
        python = rebuild_environment(past, place, lambda text: say(out, f"{text} …", "dim"))
        options = [
            *(["--tolerance", repr(tolerance)] if tolerance is not None else []),
            *(["--json"] if as_json else []),
        ]
        raise typer.Exit(call_in(python, ["reproduce", past.record.run.id, "--project", str(place.root), *options]))
    found = run_again(past, tolerance=tolerance, listen=lambda phase: say(out, f"{_PHASES[phase]} …", "dim"))
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found, out)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _is_rebuild(env: str) -> bool:
    from mlops_nb.errors import UsageError, did_you_mean

    if env not in _ENVIRONMENTS:
        message = f"--env {env} is not known.{did_you_mean(env, _ENVIRONMENTS)}"
        raise UsageError(message, hint=f"Write one of {', '.join(_ENVIRONMENTS)}.")
    return env == "rebuild"


def _show(found: Reproduction, out: Console) -> None:
    from mlops_nb.execution.reproducing.reproduction import sentence

    apart = [f"{sentence(item)}{' (within the tolerance)' if item.close else ''}" for item in found.differences]
    _list("came out otherwise", apart, out)
    _list("differs in every run, and is not held against this one", [sentence(item) for item in found.unstable], out)
    _list("not compared", [f"`{name}`: {why}" for name, why in sorted(found.not_compared.items())], out)
    _list("the environment has changed since", [change.message for change in found.environment], out)
    causes = [f"{cause.kind}: {cause.text}" + ("" if cause.certain else " (likely)") for cause in found.causes]
    _list("why", causes, out)
    out.print()
    told = f"run {found.run}: {found.verdict.value}"
    if not found.exit_code:
        counts = [counted(number, noun[:-1]) for noun, number in found.compared.items()]
        told += f": {', '.join(counts)}; numbers within {found.tolerance:g} of their variable's largest"
    say(out, told, "bold red" if found.exit_code else "green")
    say(out, ", ".join(f"{name} {duration(value)}" for name, value in found.seconds.items()), "dim")


def _list(title: str, lines: list[str], out: Console) -> None:
    if lines:
        heading(out, title)
    for line in lines[:_SHOWN]:
        say(out, f"  {line}")
    if lines[_SHOWN:]:
        say(out, f"  and {len(lines) - _SHOWN} more; --json has all of them", "dim")


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(reproduce)
