"""Verbs about a notebook as it is written: check, suggest, compile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, counted, print_json, say
from mlops_nb.cli.diagnostics import show

if TYPE_CHECKING:
    from rich.console import Console

NotebookPath = Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="The notebook's .ipynb file.")]
_USAGE = 2


def check(notebook: NotebookPath, as_json: AsJson = False) -> None:
    """Say what is wrong with a notebook's tags, settings and dataflow, and how to mend it."""
    from mlops_nb.lifecycle import read
    from mlops_nb.notebook import has_errors

    graph = read(notebook).graph
    if as_json:
        print_json(
            {
                "notebook": str(notebook),
                "ok": not has_errors(graph.diagnostics),
                "steps": [step.name for step in graph.steps],
                "diagnostics": [found.as_dict() for found in graph.diagnostics],
            }
        )
    else:
        out = console()
        show(graph.diagnostics, out)
        wrong = has_errors(graph.diagnostics)
        count = f"{counted(len(graph.steps), 'step')}, {counted(len(graph.diagnostics), 'finding')}"
        verdict = "cannot run" if wrong else "can run"
        say(out, f"{notebook} {verdict}: {count}", "red" if wrong else "green")
    if has_errors(graph.diagnostics):
        raise typer.Exit(_USAGE)


def suggest(
    notebook: NotebookPath,
    write: Annotated[bool, typer.Option("--write", help="Write the tags into the notebook.")] = False,
    as_json: AsJson = False,
) -> None:
    """Propose tags from the notebook's headings and dataflow, as a diff; nothing changes without `--write`."""
    from mlops_nb.notebook import read_notebook, write_notebook
    from mlops_nb.steps.suggest import suggest as propose

    loaded = read_notebook(notebook)
    suggestion = propose(loaded)
    out = console()
    if as_json:
        print_json({"notebook": str(notebook), "written": write and bool(suggestion.changes), **suggestion.as_dict()})
    else:
        _show_diff(suggestion.as_diff(), out)
    if write and suggestion.changes:
        write_notebook(suggestion.apply(loaded), notebook)
        if not as_json:
            say(out, f"Written to {notebook}. Next: mlops-nb check {notebook}")
    elif not as_json and suggestion.changes:
        say(out, f"Nothing was written. To apply: mlops-nb suggest {notebook} --write", "dim")


def _show_diff(text: str, out: Console) -> None:
    from rich.syntax import Syntax

    if not text:
        say(out, "Nothing to propose.")
    elif out.is_terminal:
        out.print(Syntax(text, "diff", background_color="default", word_wrap=True))
    else:
        # As it is, so that `patch` and a pager can read it.
        print(text.rstrip())


def compile_(notebook: NotebookPath, as_json: AsJson = False) -> None:
    """Write the pipeline as a plain Ploomber project, which `ploomber build` runs without mlops_nb."""
    from mlops_nb.lifecycle import compile_pipeline, read

    pipeline = read(notebook)
    compiled = compile_pipeline(pipeline)
    if as_json:
        files = {name: [str(path) for path in getattr(compiled, name)] for name in ("written", "unchanged", "removed")}
        print_json({"folder": str(pipeline.folder), **files})
        return
    out = console()
    show(pipeline.graph.diagnostics, out)
    counts = (f"{len(getattr(compiled, word))} {word}" for word in ("written", "unchanged", "removed"))
    say(out, f"{pipeline.folder}: {', '.join(counts)}")
    say(out, f"Next: mlops-nb run {notebook}, or `ploomber build` in that folder.", "dim")


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(check)
    app.command()(suggest)
    app.command("compile")(compile_)
