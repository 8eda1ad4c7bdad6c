"""Verbs about data: schema, validate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import AsJson, console, counted, heading, print_json, say
from mlops_nb.cli.notebooks import NotebookPath

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.lifecycle.schemas import SchemaState

_STYLE = {"approved": "green", "changed": "bold red", "proposed": "yellow", "none": "dim"}


def schema(
    notebook: NotebookPath,
    output: Annotated[str | None, typer.Argument(metavar="OUTPUT", help="One output, or one schema.")] = None,
    from_run: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN", help="Propose a schema from the table that this run made; `last`."),
    ] = None,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="With --from: infer it from that table alone."),
    ] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="With --from: compare new tables with that one from then on.")
    ] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Approve what is proposed or edited.")] = False,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="Why it is approved; goes into the file.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show by which schemas a notebook's datasets are judged; propose a change, and approve it."""
    from mlops_nb.lifecycle import read
    from mlops_nb.lifecycle.schemas import approve_schema, find_schema, propose_schema, schema_states

    _check(from_run, why, anew=anew, reference=reference, approve=approve)
    pipeline = read(notebook)
    out = console(error=as_json)
    if from_run is None and not approve:
        states = schema_states(pipeline) if output is None else (find_schema(pipeline, output),)
        if as_json:
            print_json([_as_json(state) for state in states])
            return
        if not states:
            say(out, 'No output has a schema. Give one of type `dataset` the setting `"schema": true`.')
        for state in states:
            _show(state, out, whole=output is not None)
        return
    state = find_schema(pipeline, output)
    if from_run is not None:
        state = propose_schema(pipeline, state, from_run, anew=anew, reference=reference)
        if not approve:
            _show(state, out, whole=False)
    if approve:
        approved = approve_schema(pipeline, state, why)
        say(out, f"{state.name}: version {approved.version} is approved, in {_shown(state.files.approved)}", "green")
        state = find_schema(pipeline, state.name)
    if as_json:
        print_json(_as_json(state))


def _check(from_run: str | None, why: str, *, anew: bool, reference: bool, approve: bool) -> None:
    """Refuse options that say how something is to be done which is not asked for."""
    from mlops_nb.errors import UsageError

    if (anew or reference) and from_run is None:
        message = "--anew and --reference say how a proposal is made, and none is asked for."
        raise UsageError(message, hint="Name the run whose table it is made from: --from RUN")
    if why and not approve:
        message = "--why is the reason of an approval, and none is asked for."
        raise UsageError(message, hint="Add --approve.")


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _show(state: SchemaState, out: Console, *, whole: bool) -> None:
    judges = ", ".join(f"{output} of {step}" for step, output in state.outputs)
    told = {
        "approved": f"version {state.approved.version} is approved" if state.approved else "",
        "changed": state.unapproved,
        "proposed": "proposed, and not approved yet",
        "none": "none yet; a run proposes one",
    }[state.state]
    say(out, f"{state.name}: {told}", _STYLE[state.state])
    say(out, f"judges {judges}", "dim")
    if state.approved is not None:
        for approval in state.approved.approvals:
            say(out, f"  version {approval.version}  {approval.at}  {approval.by}  {approval.why}")
    if state.proposed is not None and state.approved is not None:
        changes = state.changes
        heading(out, f"{_shown(state.files.proposed)} would change {counted(len(changes), 'thing')}")
        for change in changes:
            say(out, f"  {change}")
    path = state.files.approved if state.approved is not None else state.files.proposed
    if whole and path.is_file():
        heading(out, _shown(path))
        say(out, path.read_text(encoding="utf-8").rstrip())
    if state.state in {"changed", "proposed"} or state.proposed is not None:
        out.print()
        say(
            out,
            f"Review {_shown(state.files.proposed if state.proposed is not None else path)}, then: "
            f'mlops-nb schema NOTEBOOK {state.name} --approve --why "…"',
            "dim",
        )


def _as_json(state: SchemaState) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": state.name,
        "outputs": [{"step": step, "output": output} for step, output in state.outputs],
        "state": state.state,
        "told": state.unapproved,
        "file": str(state.files.approved),
        "schema": None if state.approved is None else asdict(state.approved),
        "version": 0 if state.approved is None else state.approved.version,
        "proposed": None if state.proposed is None else asdict(state.proposed),
        "changes": list(state.changes),
    }


def validate(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A table: .parquet, .csv or .csv.gz.")],
    schema_file: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE", help="The schema: pipelines/NAME/schemas/OUTPUT.yaml.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="FILE", help="What to compare with: a table, or a statistics.json."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a table in a file by a schema, and by how its values have changed since a reference."""
    from mlops_nb.validation import read_schema, read_table, validate_data

    demanded = read_schema(schema_file) if schema_file is not None else None
    frame = read_table(data, demanded)
    compared: Any = reference
    if reference is not None and reference.suffix != ".json":
        compared = read_table(reference, demanded)
    verdict = validate_data(frame, schema_file, compared, name=data.name)
    if as_json:
        print_json(verdict.to_json())
    else:
        say(console(), repr(verdict))
    if verdict.decision == "stop":
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(schema)
    app.command()(validate)
