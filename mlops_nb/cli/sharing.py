"""Verbs that carry a run from machine to machine: pack, unpack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say, size
from mlops_nb.cli.record import Here, read_run


def pack(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it starts; `last` for the newest.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file.", show_default="RUN.crate.zip")
    ] = None,
    state: Annotated[bool, typer.Option("--state", help="With the values that steps handed to each other.")] = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a run into one file: notebook, modules, data, record, executed notebooks, what it published.

    The file is a Workflow Run RO-Crate, which other tools read. Packing a run twice gives equal bytes.
    """
    from mlops_nb.lifecycle import pack as write_crate
    from mlops_nb.project import find_project

    place = find_project(project)
    record = read_run(place, run)
    file = write_crate(record, place, output, state=state)
    if as_json:
        print_json({"run": record.run.id, "file": str(file), "bytes": file.stat().st_size})
        return
    out = console()
    say(out, f"run {record.run.id} is in {file} ({size(file.stat().st_size)})")
    say(out, f"Elsewhere: mlops-nb unpack {file.name}, then mlops-nb reproduce {record.run.id}", "dim")


def unpack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `mlops-nb pack` wrote.")],
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Take a packed run into this project's record, to show, compare or reproduce it here."""
    from mlops_nb.lifecycle import unpack as read_crate
    from mlops_nb.project import find_project

    record, is_new = read_crate(file, find_project(project))
    if as_json:
        print_json({"run": record.run.id, "new": is_new})
        return
    out = console()
    say(out, f"run {record.run.id} of {record.run.pipeline} {'is here now' if is_new else 'was here already'}")
    say(out, f"Look at it: mlops-nb show {record.run.id} · mlops-nb reproduce {record.run.id}", "dim")


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(pack)
    app.command()(unpack)
