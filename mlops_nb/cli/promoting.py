"""The verbs that move the champion: `promote`, on evidence, and `rollback`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say
from mlops_nb.cli.judging import Model, Version
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from mlops_nb.metadata import AliasMove

Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]


def promote(
    model: Model,
    version: Version,
    why: Why,
    to: Annotated[
        str, typer.Option("--to", metavar="ALIAS", help="`champion`, or `challenger`: next in line.")
    ] = "champion",
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Make a version the champion, if its evidence holds; the champion before becomes `previous`."""
    from mlops_nb.project import find_project
    from mlops_nb.registry import Registry

    with find_project(project).log() as log:
        moves = Registry(log).promote(model, version, why, to=to)
    _show(moves, as_json=as_json)


def rollback(model: Model, why: Why, project: Here = Path(), as_json: AsJson = False) -> None:
    """Make the previous champion the champion again, in one step."""
    from mlops_nb.project import find_project
    from mlops_nb.registry import Registry

    with find_project(project).log() as log:
        moves = Registry(log).rollback(model, why)
    _show(moves, as_json=as_json)


def _show(moves: tuple[AliasMove, ...], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(move) for move in moves])
        return
    out = console()
    for move in moves:
        now = f"version {move.version}" if move.version else "nothing"
        before = f", before: version {move.replaced}" if move.replaced else ""
        say(out, f"{move.model}: {move.alias} is {now}{before}")
    stood_on = ", ".join(map(str, moves[0].verdicts))
    say(out, f"by {moves[0].who}: {moves[0].why}" + (f" (verdicts {stood_on})" if stood_on else ""), "dim")


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(promote)
    app.command()(rollback)
