"""The verb that makes a package of steps: package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say
from mlops_nb.cli.notebooks import NotebookPath


def package(
    notebook: NotebookPath,
    steps: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STEP]...", help="Its steps; all that can stand alone when none is named."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The package's name.")] = "",
    version: Annotated[str, typer.Option("--version", help="The package's version.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the wheel goes.")] = Path(
        "dist"
    ),
    as_json: AsJson = False,
) -> None:
    """Write steps as a wheel, which pip installs elsewhere and `mlops_nb.step` calls there.

    Packaging the same steps twice gives equal bytes.
    """
    from mlops_nb.errors import UsageError
    from mlops_nb.lifecycle import package as write
    from mlops_nb.lifecycle import read

    if not name or not version:
        message = "A package needs a name and a version."
        raise UsageError(message, hint=f"mlops-nb package {notebook} --name rides-steps --version 1.0.0")
    pipeline = read(notebook)
    made = write(pipeline, steps or (), name=name, version=version, output=output)
    if as_json:
        told = {"file": str(made.file), "name": name, "version": made.package.normal_version}
        held = [{**step.as_dict(), "pieces": len(step.pieces)} for step in made.package.steps]
        print_json({**told, "requires": list(made.package.requires), "steps": held, "left_out": dict(made.left_out)})
        return
    out = console()
    for left, why in made.left_out.items():
        say(out, f"{left}: not in the package", "yellow")
        say(out, f"  {why}")
    for step in made.package.steps:
        takes = [*map(str, step.inputs), *(f"{item.name}: {item.type}" for item in step.parameters)]
        say(out, f"{step.name}({', '.join(takes)}) → {', '.join(map(str, step.outputs)) or 'nothing'}")
    say(out, f"{made.file} requires {', '.join(made.package.requires)}")
    say(out, f'Elsewhere: pip install {made.file}, then mlops_nb.step("{name}", "{made.package.steps[0].name}")', "dim")


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(package)
