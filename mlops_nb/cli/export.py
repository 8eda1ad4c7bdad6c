"""Verbs that turn steps into importable modules and take edits back: export."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, counted, print_json, say
from mlops_nb.cli.notebooks import NotebookPath

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from mlops_nb.lifecycle import Pipeline
    from mlops_nb.pipeline.modules import Change


def export(
    notebook: NotebookPath,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say what was edited since the export, on either side.")
    ] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Carry edits of the modules into the notebook, then export again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the steps as importable modules, which need no mlops_nb; `--check` and `--take-back` keep both alike."""
    from mlops_nb.errors import UsageError
    from mlops_nb.lifecycle import read

    if check and take_back:
        message = "`--check` writes nothing and `--take-back` writes the notebook: give one of them."
        raise UsageError(message)
    pipeline = read(notebook)
    if check:
        _check(pipeline, as_json=as_json)
    elif take_back:
        _take_back(pipeline, as_json=as_json)
    else:
        _export(pipeline, as_json=as_json)


def _export(pipeline: Pipeline, *, as_json: bool) -> None:
    from mlops_nb.lifecycle import export as write
    from mlops_nb.lifecycle import modules_folder

    folder = modules_folder(pipeline)
    before = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    made = write(pipeline)
    written = [name for name in made.files if before.get(name) != (folder / name).read_bytes()]
    removed = [name for name in before if not (folder / name).exists()]
    if as_json:
        files = {"written": written, "unchanged": [n for n in made.files if n not in written], "removed": removed}
        print_json({"folder": str(folder), **files, "problems": [asdict(problem) for problem in made.problems]})
        return
    out = console()
    for problem in made.problems:
        say(out, f"{problem.step}: {'cannot be called' if problem.refused else 'runs as a script'}", "yellow")
        say(out, f"  {problem.message}")
    counts = f"{len(written)} written, {len(made.files) - len(written)} unchanged, {len(removed)} removed"
    say(out, f"{_near(folder)}: {counts}")
    say(out, f"Next: mlops-nb export {pipeline.graph.notebook.path} --check", "dim")


def _check(pipeline: Pipeline, *, as_json: bool) -> None:
    from mlops_nb.lifecycle import compare_modules, modules_folder

    changes = compare_modules(pipeline)
    notebook, folder = pipeline.graph.notebook.path, modules_folder(pipeline)
    if as_json:
        print_json({"notebook": str(notebook), "folder": str(folder), "agree": not changes, "changes": _json(changes)})
    else:
        out = console()
        _show(changes, out)
        verdict = f"{notebook} and {_near(folder)} {'differ' if changes else 'agree'}"
        verdict += f": {counted(len(changes), 'edit')} since the export" if changes else ""
        say(out, verdict, "red" if changes else "green")
        if changes:
            say(out, _next(changes, notebook, folder), "dim")
    if changes:
        raise typer.Exit(1)


def _next(changes: Iterable[Change], notebook: Path, folder: Path) -> str:
    sides = {change.side: change for change in changes if change.cell is not None or change.kind == "frame"}
    if "both" in sides:
        return "Both sides edited one cell: undo one of the two edits."
    if "module" in sides and sides["module"].cell is None:
        return f"Undo the edit that belongs to no cell, or remove {_near(folder)} and export again."
    return f"Next: mlops-nb export {notebook}{' --take-back' if 'module' in sides else ''}"


def _take_back(pipeline: Pipeline, *, as_json: bool) -> None:
    from mlops_nb.lifecycle import modules_folder, take_back

    changes = take_back(pipeline)
    notebook, folder = pipeline.graph.notebook.path, modules_folder(pipeline)
    if as_json:
        print_json({"notebook": str(notebook), "folder": str(folder), "taken": _json(changes)})
        return
    out = console()
    _show(changes, out)
    count = counted(len(changes), "edit") if changes else "nothing"
    say(out, f"{count} taken back into {notebook}; {_near(folder)} agrees with it", "green")


def _show(changes: Iterable[Change], out: Console) -> None:
    for change in changes:
        say(out, f"{change.kind} ({change.side}): {change.message}", "yellow")


def _json(changes: Iterable[Change]) -> list[dict[str, str | None]]:
    return [asdict(change) for change in changes]


def _near(path: Path) -> str:
    """Return a path as seen from here, when it lies below."""
    here = path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(export)
