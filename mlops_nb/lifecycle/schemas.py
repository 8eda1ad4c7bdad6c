"""The schemas of a pipeline's datasets: what there is, what is proposed, and how a proposal is approved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactMissing, load_table
from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.notebook import write_text
from mlops_nb.pipeline import SCHEMAS, SchemaFiles
from mlops_nb.pipeline.schema_files import digest_of, text_of
from mlops_nb.validation import (
    Approval,
    Reference,
    TableSchema,
    TableStatistics,
    as_frame,
    body_of,
    changes,
    infer_schema,
    schema_text,
    table_statistics,
    widen,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.lifecycle.planning import Pipeline
    from mlops_nb.metadata import MetadataStore


class CannotApprove(UsageError):  # noqa: N818 - the name of the fact
    """There is nothing to approve, or no reason is given."""

    code = "cannot-approve"


@dataclass(frozen=True)
class SchemaState:
    """One schema of a pipeline.

    Parameters
    ----------
    name, outputs
        Its name, and the outputs that it judges as (step, output) pairs.
    files
        Where it lies.
    approved
        What stands in the file of the approved one; None where there is none.
    unapproved
        What of that nobody has approved, as a sentence; empty where all is.
    proposed
        The proposal, None where there is none.
    """

    name: str
    outputs: tuple[tuple[str, str], ...]
    files: SchemaFiles
    approved: TableSchema | None
    unapproved: str
    proposed: TableSchema | None

    @property
    def state(self) -> str:
        """`approved`, `changed` since, `proposed` for the first time, or `none`."""
        if self.approved is not None:
            return "changed" if self.unapproved else "approved"
        return "none" if self.proposed is None else "proposed"

    @property
    def changes(self) -> tuple[str, ...]:
        """What the proposal would change, a line a difference."""
        if self.proposed is None:
            return ()
        return changes(self.approved or TableSchema(self.name, {}), self.proposed)


def schema_states(pipeline: Pipeline) -> tuple[SchemaState, ...]:
    """Return the schemas by which a pipeline's datasets are judged."""
    outputs: dict[str, list[tuple[str, str]]] = {}
    for step in pipeline.graph.steps:
        for output in step.settings.outputs:
            if output.gate is not None:
                outputs.setdefault(output.gate.name, []).append((step.name, output.name))
    return tuple(_state(pipeline, name, tuple(judged)) for name, judged in outputs.items())


def _state(pipeline: Pipeline, name: str, outputs: tuple[tuple[str, str], ...]) -> SchemaState:
    files = SchemaFiles(pipeline.folder / SCHEMAS, name)
    approved = files.read()
    return SchemaState(
        name,
        outputs,
        files,
        approved,
        files.unapproved(approved) if approved is not None else "",
        files.read_proposed(),
    )


def find_schema(pipeline: Pipeline, name: str | None = None) -> SchemaState:
    """Return the schema of that name, or of the output of that name; the only one when None.

    Raises
    ------
    UsageError
        When there is no such schema, or several and none is named.
    """
    states = schema_states(pipeline)
    path = pipeline.graph.notebook.path
    if not states:
        message = f"No output of {path} has a schema."
        raise UsageError(message, hint='Give an output of type `dataset` the setting `"schema": true`.')
    if name is None:
        if len(states) > 1:
            message = f"{path} has {len(states)} schemas."
            raise UsageError(message, hint=f"Name one: {', '.join(state.name for state in states)}.")
        return states[0]
    for state in states:
        if name == state.name or name in {output for _, output in state.outputs}:
            return state
    known = [state.name for state in states]
    message = f"{path} has no schema `{name}`.{did_you_mean(name, known)}"
    raise UsageError(message, hint=f"There are {', '.join(known)}.")


def propose_schema(
    pipeline: Pipeline, state: SchemaState, run: str, *, anew: bool = False, reference: bool = False
) -> SchemaState:
    """Write a proposal from a table that a run made: the approved schema widened as far as the table needs it.

    Parameters
    ----------
    pipeline
        The pipeline.
    state
        The schema.
    run
        The run, by its id or how that starts; `last` for the newest.
    anew
        Infer it from the table alone, and keep of the approved one what a person wrote: rules, keys, notes,
        importances and limits.
    reference
        Let new tables be compared with this one from then on. The first proposal always does.

    Raises
    ------
    UsageError
        When the run made no such table, or its content is gone.
    """
    with pipeline.project.log() as log:
        record = log.run_asked_for(run)
        digest = _table_of(log, record.run.id, record, [output for _, output in state.outputs])
    if not digest:
        message = f"Run {record.run.id} made no `{state.name}`."
        raise UsageError(message, hint=f"`mlops-nb show {record.run.id}` lists what it made.")
    try:
        table = load_table(pipeline.project.artifact_store().get(digest))
    except ArtifactMissing as error:
        message = f"The table `{state.name}` of run {record.run.id} is gone from the artifact store."
        raise UsageError(message, hint="Run the notebook again.") from error
    frame = as_frame(table)
    found = table_statistics(frame)
    document = found.to_json()
    if state.approved is None:
        schema = infer_schema(frame, state.name)
    else:
        schema = _anew(state.approved, frame) if anew else widen(state.approved, frame)
    files = state.files
    if state.approved is None or reference or state.approved.reference is None:
        write_text(files.proposed_statistics, document)
        schema = replace(
            schema, reference=Reference(digest_of(files.proposed_statistics), found.rows, digest, record.run.id)
        )
    else:
        files.proposed_statistics.unlink(missing_ok=True)
    write_text(files.proposed, schema_text(replace(schema, approvals=()), found))
    return _state(pipeline, state.name, state.outputs)


def _anew(approved: TableSchema, frame: Any) -> TableSchema:
    inferred = infer_schema(frame, approved.output)
    columns = {
        name: replace(column, importance=approved.columns[name].importance, note=approved.columns[name].note)
        if name in approved.columns
        else column
        for name, column in inferred.columns.items()
    }
    return replace(approved, columns=columns, rows=min(approved.rows, len(frame)))


def _table_of(log: MetadataStore, run: str, record: Any, outputs: list[str]) -> str:
    """Return the digest of the table that a run published, or was stopped for."""
    for verdict in reversed(log.verdicts_shown(run)):
        digest = verdict.content.get("evidence", {}).get("data")
        if verdict.subject in outputs and digest:
            return str(digest)
    for link in record.artifacts:
        if link.direction == "output" and link.name in outputs and link.artifact.kind == "dataset":
            return str(link.artifact.hash)
    return ""


def approve_schema(pipeline: Pipeline, state: SchemaState, why: str) -> TableSchema:
    """Make a proposal, or what somebody has changed in the approved file, the approved version.

    Who, when and why go into the file's head, below those of the versions before.

    Parameters
    ----------
    pipeline
        The pipeline.
    state
        The schema.
    why
        The reason; a change that nobody can give one for is not approved.

    Returns
    -------
    The schema as it is approved.

    Raises
    ------
    CannotApprove
        When there is no reason, or nothing to approve.
    """
    if not why.strip():
        message = f"The schema `{state.name}` is not approved without a reason."
        raise CannotApprove(message, hint='Give it: --why "the city has a new cab company"')
    files = state.files
    schema = state.proposed if state.proposed is not None else state.approved
    if schema is None:
        message = f"There is no schema `{state.name}` yet."
        raise CannotApprove(message, hint="Run the notebook, and one is proposed.")
    if state.proposed is None and not state.unapproved:
        message = f"The schema `{state.name}` is approved as it is, in version {schema.version}."
        raise CannotApprove(message, hint=f"Change {files.approved.name}, or propose a change: --from RUN")
    proposed = files.proposed if state.proposed is not None else files.approved
    body = body_of(text_of(proposed) or "")
    statistics = text_of(files.proposed_statistics) if state.proposed is not None else None
    if schema.reference is not None:
        schema = replace(schema, reference=_true_reference(schema.reference, statistics, files))
    with pipeline.project.log() as log:
        who = log.who
    before = state.approved.approvals if state.approved is not None else ()
    approval = Approval(
        version=(before[-1].version if before else 0) + 1,
        content=replace(schema, output=state.name).content,
        by=f"{who.user}@{who.host}",
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        why=" ".join(why.split()),
    )
    schema = replace(schema, output=state.name, approvals=(*before, approval))
    if statistics is not None:
        write_text(files.statistics, statistics)
    write_text(files.approved, schema_text(schema, body=body))
    files.proposed.unlink(missing_ok=True)
    files.proposed_statistics.unlink(missing_ok=True)
    return schema


def _true_reference(reference: Reference, statistics: str | None, files: SchemaFiles) -> Reference:
    """Return the reference as its file is: what is approved is what lies there."""
    path: Path = files.statistics if statistics is None else files.proposed_statistics
    text = text_of(path)
    if text is None:
        return reference
    TableStatistics.from_json(text)
    return replace(reference, statistics=digest_of(path))
