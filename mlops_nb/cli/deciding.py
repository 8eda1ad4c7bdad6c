"""The verb that decides about a step that a run waits at: decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say
from mlops_nb.cli.record import Here
from mlops_nb.cli.resuming import go_on
from mlops_nb.cli.running import checked_isolation

if TYPE_CHECKING:
    from mlops_nb.execution.deciding import Word


def decide(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    decision: Annotated[str, typer.Argument(metavar="continue|stop", help="Whether the run goes on.")],
    step: Annotated[
        str | None, typer.Argument(metavar="STEP", help="The step; the one that the run waits at by default.")
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for the record. Required.")] = "",
    overrule: Annotated[bool, typer.Option("--overrule", help="Decide otherwise than was decided.")] = False,
    only_record: Annotated[
        bool, typer.Option("--only-record", help="Run nothing now: `resume` goes on, here or elsewhere.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Steps that may run at once; as in that run.")] = None,
    isolation: Annotated[
        str | None, typer.Option(metavar="fork|cold", help="Forked or new kernels; as in that run.")
    ] = None,
    notebook: Annotated[Path | None, typer.Option(help="Where its notebook is now, when it was moved.")] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Decide whether a paused run goes on: `continue` runs what is left, `stop` ends it. Both are recorded."""
    from mlops_nb.lifecycle import find_resumption, record_decision
    from mlops_nb.project import find_project

    place = find_project(project)
    isolation = checked_isolation(isolation)
    # What is no decision is refused there.
    decided = record_decision(run, cast("Word", decision), place, why=why, step=step, overrule=overrule)
    out = console(error=as_json)
    word = "continue" if decided.decision == "continue" else "stop"
    say(out, f"Recorded: {word} run {decided.run} at `{decided.step}`, {decided.by}: {decided.why}", "bold")
    if decided.decision == "continue" and not only_record:
        past = find_resumption(decided.run, place, notebook)
        go_on(past, out, workers=workers, isolation=isolation, as_json=as_json, decided=decided)
        return
    if decided.decision == "continue":
        say(out, f"To go on: mlops-nb resume {decided.run}", "dim")
    else:
        again = f'mlops-nb decide {decided.run} continue --overrule --why "…"'
        say(out, f"The run is over. To decide otherwise: {again}", "dim")
    if as_json:
        print_json({"decided": decided.as_dict()})


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(decide)
