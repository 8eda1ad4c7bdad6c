"""Where the verdicts on a step's datasets meet the run: recorded, told, and `stop` fails the step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.events import RunEvent
from mlops_nb.metadata import Artifact
from mlops_nb.notebook import write_text
from mlops_nb.pipeline.schema_files import SchemaFiles
from mlops_nb.validation import Finding, Reference, Verdict, body_of, parse_schema, schema_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.notebook import Gate
    from mlops_nb.scraps import Scrap
    from mlops_nb.steps import Step

JUDGE = "data-schema"
_JSON = "application/json"
_SHOWN = 3


class DataRefused(MlopsNbError):  # noqa: N818 - the name of the fact
    """A dataset is not what its schema says; the message names column and rule."""

    code = "data-refused"


def unapproved(step: Step, around: Surroundings) -> str:
    """Return why a step may not run because of its datasets' schemas; empty where it may. The verdict is recorded.

    A schema that was changed and not approved judges nothing, and neither does one that is missing where it is
    required.
    """
    folder = around.context.schemas
    told = []
    for output in step.settings.outputs if folder is not None else ():
        if output.gate is None or folder is None:
            continue
        files = SchemaFiles(folder, output.gate.name)
        schema = files.read()
        if schema is not None:
            code, why = "UNAPPROVED_SCHEMA", files.unapproved(schema)
        else:
            why = f"Nobody has approved a schema `{output.gate.name}` yet." if output.gate.required else ""
            code = "NO_SCHEMA"
        if why:
            hint = f"{why} Review it, then: {_approve(around, output.gate)}"
            verdict = Verdict(JUDGE, output.name, "stop", (Finding(code, "the table", why),))
            around.log.add_verdict(verdict.to_json(), run=around.run, step=step.name)
            told.append(hint)
    return "\n".join(told)


def judged(step: Step, scraps: Iterable[Scrap], around: Surroundings) -> dict[str, Artifact]:
    """Take in the verdicts that a step's kernel glued: record each, tell what asks for a new model, stop the step.

    Returns
    -------
    The artifacts that the verdicts rest on: what each table is like, and a proposed schema.

    Raises
    ------
    DataRefused
        When a verdict is `stop`; all of them are recorded before.
    """
    scraps = tuple(scraps)
    tables = {scrap.output: str(scrap.value) for scrap in scraps if scrap.kind == "dataset"}
    gates = {output.name: output.gate for output in step.settings.outputs if output.gate is not None}
    verdicts = []
    artifacts: dict[str, Artifact] = {}
    for scrap in scraps:
        gate = gates.get(str(scrap.output))
        if scrap.kind != "verdict" or gate is None:
            continue
        verdict = Verdict.from_json(scrap.value)
        if scrap.output in tables:
            verdict = replace(verdict, evidence={**verdict.evidence, "data": tables[scrap.output]})
        around.log.add_verdict(verdict.to_json(), run=around.run, step=step.name)
        verdicts.append(verdict)
        artifacts |= _rests_on(verdict, around)
        _tell(step, verdict, gate, around)
    stops = [verdict for verdict in verdicts if verdict.decision == "stop"]
    if stops:
        raise DataRefused("\n".join(_refusal(verdict).removesuffix(".") for verdict in stops))
    return artifacts


def _rests_on(verdict: Verdict, around: Surroundings) -> dict[str, Artifact]:
    found = {}
    for kind, media_type in (("statistics", _JSON), ("proposed", "application/yaml")):
        digest = verdict.evidence.get(kind)
        if digest:
            uri = f"{around.store.url}/{digest[:2]}/{digest[2:]}"
            size = len(around.store.get(digest))
            name = "schema" if kind == "proposed" else kind
            found[f"{verdict.subject}.{name}"] = Artifact(digest, name, uri, size, media_type)
    return found


def _tell(step: Step, verdict: Verdict, gate: Gate, around: Surroundings) -> None:
    text = ""
    if verdict.decision == "retrain":
        first = verdict.findings[0].message.partition(":")[0]
        more = len(verdict.findings) - 1
        text = f"`{verdict.subject}`: {first}" + (f", and {more} more" if more else "") + "; a new model is asked for"
    elif verdict.evidence.get("proposed"):
        written = _write_proposal(verdict, gate, around)
        if written:
            text = f"`{verdict.subject}` has no approved schema; one is proposed in {written}. Review it, then: "
            text += _approve(around, gate)
    if text:
        around.listen(RunEvent("notice", around.run, step.name, text=text))


def _approve(around: Surroundings, gate: Gate) -> str:
    notebook = around.plan.graph.notebook.path.name
    return f'mlops-nb schema {notebook} {gate.name} --approve --why "…"'


def _write_proposal(verdict: Verdict, gate: Gate, around: Surroundings) -> str:
    """Write the proposed schema beside the approved ones; one that is there already is somebody's, and stays."""
    folder = around.context.schemas
    if folder is None:
        return ""
    files = SchemaFiles(folder, gate.name)
    if files.proposed.exists() or files.approved.exists():
        return "" if files.approved.exists() else files.proposed.name
    text = around.store.get(verdict.evidence["proposed"]).decode()
    write_proposal(files, text, around.store.get(verdict.evidence["statistics"]).decode(), verdict.evidence, around.run)
    root = around.context.root
    return files.proposed.relative_to(root).as_posix() if files.proposed.is_relative_to(root) else str(files.proposed)


def write_proposal(files: SchemaFiles, text: str, statistics: str, evidence: Mapping[str, Any], run: str) -> None:
    """Write a proposed schema and the statistics that go with it, the schema last: it is what says that all is there.

    Parameters
    ----------
    files
        Where.
    text
        The schema's text.
    statistics
        The document of statistics of the table that it was inferred from.
    evidence
        Of the verdict on that table: the digests `statistics` and `data`, and its `rows`.
    run
        The run that made the table.
    """
    reference = Reference(evidence["statistics"], int(evidence["rows"]), str(evidence.get("data", "")), run)
    schema = replace(parse_schema(text, files.proposed.name), reference=reference)
    write_text(files.proposed_statistics, statistics)
    write_text(files.proposed, schema_text(schema, body=body_of(text)))


def _refusal(verdict: Verdict) -> str:
    """Return a refusal in a sentence: the first findings, and how many more."""
    told = " ".join(f"[{finding.code}] {finding.message}" for finding in verdict.findings[:_SHOWN])
    more = len(verdict.findings) - _SHOWN
    return f"`{verdict.subject}` is not what its schema says: {told}" + (f" And {more} more." if more > 0 else "")
