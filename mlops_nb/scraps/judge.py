"""What a dataset's gate does in a step's kernel: judge the table, and keep what it is like beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactMissing, load_table
from mlops_nb.errors import UsageError
from mlops_nb.validation import (
    Finding,
    TableStatistics,
    Verdict,
    infer_schema,
    judge_schema,
    judge_values,
    parse_schema,
    schema_text,
    table_statistics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.notebook import Output
    from mlops_nb.validation import TableSchema

JUDGE, DRIFT = "data-schema", "data-drift"


def judge_table(
    output: Output, value: Any, gate: Mapping[str, str], store: ArtifactStore
) -> Iterator[tuple[str, Verdict]]:
    """Yield the verdicts on a dataset, each with the name of its scrap.

    What the table is like goes to the store; each verdict's evidence names it. Without an approved schema, one is
    proposed, and goes there too.

    Parameters
    ----------
    output
        The declared output.
    value
        The table.
    gate
        Digests of what it is judged by: `schema`, and of the reference `statistics` and `data`; empty where there is
        none.
    store
        The artifact store.
    """
    try:
        found = table_statistics(value)
    except UsageError as error:
        finding = Finding("WRONG_TYPE", "the table", error.message)
        yield f"{output.name}.schema", Verdict(JUDGE, output.name, "stop", (finding,))
        return
    kept = {"statistics": store.put(found.to_json().encode())[0]}
    if not gate.get("schema"):
        yield f"{output.name}.schema", _proposed(output, value, found, kept, store)
        return
    schema = parse_schema(store.get(gate["schema"]).decode(), f"the schema of `{output.name}`")
    verdict = judge_schema(value, schema, subject=output.name)
    yield f"{output.name}.schema", _with_evidence(verdict, kept)
    if verdict.decision == "pass" and output.gate is not None and output.gate.drift:
        yield f"{output.name}.drift", _with_evidence(_compared(output, value, gate, schema, store), kept)


def _compared(
    output: Output, value: Any, gate: Mapping[str, str], schema: TableSchema, store: ArtifactStore
) -> Verdict:
    if not gate.get("statistics"):
        message = "There is no reference, and so nothing to compare its values with."
        return Verdict(DRIFT, output.name, "pass", (Finding("NO_REFERENCE", "the table", message, "warning"),))
    reference = TableStatistics.from_json(store.get(gate["statistics"]).decode())
    try:
        rows = load_table(store.get(gate["data"])) if gate.get("data") else None
    except ArtifactMissing:
        # A fresh checkout has the statistics, which are in git, and not the rows.
        rows = None
    verdict = judge_values(value, reference, schema=schema, rows=rows, subject=output.name)
    told = {"schema": {"version": schema.version, "content": schema.content}, "reference": dict(gate)}
    return _with_evidence(verdict, told)


def _proposed(
    output: Output, value: Any, found: TableStatistics, kept: Mapping[str, str], store: ArtifactStore
) -> Verdict:
    name = output.gate.name if output.gate is not None else output.name
    text = schema_text(infer_schema(value, name), found)
    evidence = {**kept, "rows": found.rows, "proposed": store.put(text.encode())[0]}
    finding = Finding("NO_SCHEMA", "the table", "Nobody has approved a schema for it yet.", "warning")
    return Verdict(JUDGE, output.name, "pass", (finding,), evidence)


def _with_evidence(verdict: Verdict, more: Mapping[str, Any]) -> Verdict:
    return replace(verdict, evidence={**verdict.evidence, **more})
