"""`mlops-nb VERB`: one file a family of verbs, and no logic: every verb calls a room and shows what it answers.

However a command ends, with `--json` its last line on standard output is JSON: what was asked for, or
`{"error": {"code", "message", "hint"}}`. The exit code is 0 for success, 2 for bad usage or a notebook with errors,
1 for what failed, 3 for a run that waits for a person, 130 for what was interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mlops_nb.cli import (
    compare,
    deciding,
    diff,
    export,
    judging,
    keeping,
    lineage,
    models,
    notebooks,
    packaging,
    predict,
    promoting,
    record,
    reopen,
    report,
    reproduce,
    resuming,
    running,
    schema,
    search,
    serving,
    sharing,
    testing,
    verify,
)
from mlops_nb.cli.console import INTERRUPTED, console, print_json, say
from mlops_nb.cli.diagnostics import show
from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.execution.interrupts import take_interrupts


class Interrupted(MlopsNbError):  # noqa: N818 - the name of the fact
    """The person, or the system, ended the command."""

    code = "interrupted"
    exit_code = INTERRUPTED


class _Verbs(TyperGroup):
    """The verbs; typer alone would end an interrupted one without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Call the verb."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            message = "Interrupted."
            raise Interrupted(message) from None


def _version(asked: bool) -> None:
    if asked:
        from mlops_nb import __version__

        sys.stdout.write(f"mlops-nb {__version__}\n")
        raise typer.Exit


def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Take what is asked of no verb."""


def build_app() -> typer.Typer:
    """Return the command line's verbs."""
    app = typer.Typer(
        name="mlops-nb",
        cls=_Verbs,
        help="Run a tagged notebook as a pipeline: planned, recorded, reproducible. Start with `mlops-nb check`.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        callback=_common,
    )
    for family in (
        notebooks,
        running,
        resuming,
        deciding,
        reproduce,
        verify,
        testing,
        search,
        record,
        reopen,
        compare,
        diff,
        lineage,
        report,
        models,
        judging,
        promoting,
        predict,
        serving,
        export,
        packaging,
        schema,
        sharing,
        keeping,
    ):
        family.add_to(app)
    return app


def main() -> None:
    """Run the command line and exit."""
    take_interrupts()
    try:
        code = _call(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _call(arguments: list[str]) -> int:
    """Call a verb and return the exit code; every error that a person can mend is told."""
    try:
        code = build_app()(
            args=running.fold_pairs(arguments) or ["--help"], prog_name="mlops-nb", standalone_mode=False
        )
    except MlopsNbError as error:
        told = error
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:
            raise
        told = _of_the_system(error)
    except Exception as error:
        # Typer's own errors; where they are defined depends on its version.
        if not hasattr(error, "format_message"):
            raise
        told = _of_the_command_line(error, arguments)
    else:
        return code if isinstance(code, int) else 0
    _tell(told, as_json="--json" in arguments)
    return told.exit_code


def _of_the_system(error: OSError) -> MlopsNbError:
    message = f"{error.filename}: {error.strerror}."
    return MlopsNbError(message, hint="Check the rights of the file and its folder, and the space on the disk.")


def _of_the_command_line(error: Any, arguments: list[str]) -> MlopsNbError:
    verb = next((word for word in arguments if not word.startswith("-")), "")
    known = {command.name or getattr(command.callback, "__name__", "") for command in build_app().registered_commands}
    return UsageError(error.format_message(), hint=f"See {' '.join(['mlops-nb', *({verb} & known), '--help'])}")


def _tell(error: MlopsNbError, *, as_json: bool) -> None:
    found = getattr(error, "diagnostics", ())
    if as_json:
        told: dict[str, Any] = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        if found:
            told["diagnostics"] = [item.as_dict() for item in found]
        print_json(told)
    out = console(error=True)
    show(found, out)
    say(out, f"Error: {error.message}", "bold red")
    if error.hint:
        say(out, error.hint)
