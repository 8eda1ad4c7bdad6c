"""The verb that opens a step of a past run: open."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import AsJson, console, counted, heading, print_json, say, show_pairs, size
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from mlops_nb.execution.reopening.live import Reached
    from mlops_nb.execution.reopening.reopen import Reopened
    from mlops_nb.pipeline.mending import Mend


def open_step(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    step: Annotated[
        str | None,
        typer.Argument(metavar="STEP", help="One step of it; by default the one that waits or failed."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The notebook's folder.", show_default="below .mlops_nb")
    ] = None,
    no_lab: Annotated[bool, typer.Option("--no-lab", help="Only write the notebook, and say where it is.")] = False,
    run_cells: Annotated[
        bool, typer.Option("--run", help="With --no-lab: run the cells up to the one that failed.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what was mended, against the source notebook now.")
    ] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Write what was mended into the source notebook.")
    ] = False,
    theirs: Annotated[
        bool, typer.Option("--theirs", help="With --take-back: where both were edited, take the opened notebook's.")
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Write the notebook anew; its mends are lost.")] = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Open a step of a past run as a live notebook, with its exact inputs, at the cell that failed."""
    from mlops_nb.errors import UsageError
    from mlops_nb.execution.reopening.live import run_up_to_failure
    from mlops_nb.execution.reopening.reopen import reopen

    if diff and take_back:
        message = "`--diff` writes nothing and `--take-back` writes the notebook: give one of them."
        raise UsageError(message)
    if diff:
        _diff(run, step, project, as_json=as_json)
        return
    if take_back:
        _take_back(run, step, project, theirs=theirs, as_json=as_json)
        return
    made = reopen(run, step, project=project, to=to, anew=anew)
    if not (no_lab or as_json):
        _lab(made, project)
        return
    reached = run_up_to_failure(made) if run_cells else None
    if as_json:
        told = {key: value for key, value in vars(made).items() if key != "document"}
        print_json({**told, "reached": None if reached is None else asdict(reached)})
        return
    out = console()
    _show(made, out)
    if reached is not None:
        _show_reached(made, reached, out)
    heading(out, "notebook")
    say(out, f"  {made.notebook}")
    say(out, f'Open it: jupyter lab "{made.notebook}"', "dim")


def _lab(made: Reopened, project: Path) -> None:
    import webbrowser

    from mlops_nb.execution.reopening.lab import jupyter_lab
    from mlops_nb.project import find_project

    out = console()
    _show(made, out)
    place = find_project(project)
    say(out, "JupyterLab starts …", "dim")
    with jupyter_lab(made, place.root, place.home / "open" / "jupyterlab.log") as lab:
        _show_reached(made, lab.reached, out)
        heading(out, "JupyterLab")
        say(out, f"  {lab.url}")
        say(out, "Ctrl+C here ends it.", "dim")
        # Ctrl+C is how a person ends it, and no failure.
        with suppress(KeyboardInterrupt):
            webbrowser.open(lab.url)
            lab.process.wait()


def _show(made: Reopened, out: Console) -> None:
    say(out, f"{made.step} of run {made.run}: {made.status}{f', {made.failure}' if made.failure else ''}", "bold")
    for notice in made.notices:
        say(out, notice, "yellow")
    if made.kept:
        say(out, "The notebook is the one that is there, with its mends; --anew writes it anew.", "yellow")
    if made.inputs:
        heading(out, "inputs")
        show_pairs(out, [(name, told["what"], size(told["bytes"])) for name, told in made.inputs.items()])
    _show_missing(made.missing.items(), out)


def _show_missing(missing: Iterable[tuple[str, str]], out: Console) -> None:
    rows = [(name, why) for name, why in missing]
    if rows:
        heading(out, "cannot be loaded")
        show_pairs(out, rows)


def _show_reached(made: Reopened, reached: Reached, out: Console) -> None:
    ran = f"{counted(len(reached.loaded), 'variable')} loaded, {counted(len(reached.cells), 'cell')} run"
    if reached.error:
        say(out, f"{ran}; then {reached.error}", "bold red")
    else:
        say(out, f"{ran}{': the next one is the one that failed' if made.failed_cell else ''}", "green")


def _diff(run: str, step: str | None, project: Path, *, as_json: bool) -> None:
    from mlops_nb.execution.reopening.reopen import opened_mends

    opened, found = opened_mends(run, step, project=project)
    if as_json:
        print_json({"notebook": opened.notebook, "source": opened.source, "mends": _json(found)})
        return
    out = console()
    for mend in found:
        say(out, f"{mend.kind} ({mend.side}): {mend.message}", "bold red" if mend.side == "both" else "yellow")
        if mend.side != "source":
            _show_diff(mend.diff, out)
    told = counted(sum(mend.side != "source" for mend in found), "mend")
    say(out, f"{told} in {opened.notebook}, against {opened.source}")


def _show_diff(text: str, out: Console) -> None:
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in text.splitlines():
        say(out, line, styles.get(line[:1], ""))
    out.print()


def _take_back(run: str, step: str | None, project: Path, *, theirs: bool, as_json: bool) -> None:
    from mlops_nb.execution.reopening.reopen import take_back_mends

    opened, taken = take_back_mends(run, step, project=project, theirs=theirs)
    if as_json:
        print_json({"notebook": opened.notebook, "source": opened.source, "taken": _json(taken)})
        return
    out = console()
    for mend in taken:
        say(out, f"{mend.kind}: {mend.message}", "yellow")
    say(out, f"{counted(len(taken), 'mend') if taken else 'nothing'} taken back into {opened.source}", "green")
    if taken:
        say(out, f"Next: mlops-nb run {opened.source}", "dim")


def _json(found: Iterable[Mend]) -> list[dict[str, Any]]:
    return [asdict(mend) for mend in found]


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("open")(open_step)
