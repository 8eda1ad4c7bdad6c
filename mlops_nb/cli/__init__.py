"""`mlops-nb VERB`: one file a family of verbs, and no logic: every verb calls a room and shows what it answers."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import typer

from mlops_nb.cli import export, notebooks, record, running
from mlops_nb.cli.console import INTERRUPTED, console
from mlops_nb.cli.diagnostics import show
from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from types import FrameType


def build_app() -> typer.Typer:
    """Return the command line's verbs."""
    app = typer.Typer(
        name="mlops-nb",
        help="Run a tagged notebook as a pipeline: planned, recorded, reproducible. Start with `mlops-nb check`.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    for family in (notebooks, running, record, export):
        family.add_to(app)
    return app


def main() -> None:
    """Run the command line; errors end it with their exit code: 2 for bad usage, 1 for what failed."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    as_json = "--json" in sys.argv[1:]
    try:
        build_app()(args=running.fold_pairs(sys.argv[1:]), prog_name="mlops-nb")
    except MlopsNbError as error:
        _tell(error, as_json=as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console(error=True).print("Interrupted.", style="yellow")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining about it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _tell(error: MlopsNbError, *, as_json: bool) -> None:
    found = getattr(error, "diagnostics", ())
    if as_json:
        told: dict[str, Any] = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        if found:
            told["diagnostics"] = [item.as_dict() for item in found]
        sys.stdout.write(json.dumps(told) + "\n")
    out = console(error=True)
    show(found, out)
    out.print(f"[bold red]Error[/] [dim]({error.code})[/]", end=" ")
    out.print(error.message, markup=False, highlight=False)
    if error.hint:
        out.print(error.hint, style="dim", markup=False, highlight=False)
