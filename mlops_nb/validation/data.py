"""Data judged whole: against its schema, and against a reference; for a cell, a file, or a gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.validation.frames import as_frame
from mlops_nb.validation.schema import TableSchema
from mlops_nb.validation.schema_skew import judge_schema
from mlops_nb.validation.schema_text import SchemaError, parse_schema
from mlops_nb.validation.statistics import TableStatistics, table_statistics
from mlops_nb.validation.value_skew import judge_values
from mlops_nb.validation.verdict import Verdict, gravest

if TYPE_CHECKING:
    from collections.abc import Iterable

JUDGE = "data"


def validate_data(data: Any, schema: Any = None, reference: Any = None, *, name: str = "data") -> Verdict:
    """Judge a table: by its schema, by how its values have changed since a reference, or by both.

    The verdict is `stop` where the table is not what the schema says, `retrain` where its values have changed enough
    for a new model, else `pass`. Shown below a cell, it is a table of findings and pictures of what has changed. Data
    that is to be stopped is not compared with the reference.

    Parameters
    ----------
    data
        The table: a pandas frame or series, a NumPy array, or an Arrow table.
    schema
        A schema's file, or a `TableSchema` as `infer_schema` gives it. A schema that nobody has approved judges too.
    reference
        The table to compare with, or what it is like: `TableStatistics`, or a file of them. Where a schema's file has
        one beside it (`OUTPUT.statistics.json`), that is taken when None.
    name
        What the verdict calls the table.

    Raises
    ------
    UsageError
        When there is neither schema nor reference, one of them cannot be read, or `data` is no table.
    """
    frame = as_frame(data)
    demanded = read_schema(schema) if schema is not None else None
    if reference is None and isinstance(schema, str | Path):
        beside = statistics_beside(Path(schema))
        reference = beside if beside.is_file() else None
    if demanded is None and reference is None:
        message = "There is nothing to judge the table by."
        raise UsageError(message, hint="Give a schema, `infer_schema(table)`, or a reference, an earlier table.")
    verdicts = []
    if demanded is not None:
        verdicts.append(judge_schema(frame, demanded, subject=name))
    if reference is not None and gravest(verdicts) == "pass":
        statistics, rows = read_reference(reference)
        verdicts.append(judge_values(frame, statistics, schema=demanded, rows=rows, subject=name))
    return joined(verdicts, name)


def joined(verdicts: Iterable[Verdict], subject: str) -> Verdict:
    """Return several verdicts of one table as one."""
    verdicts = list(verdicts)
    if len(verdicts) == 1:
        return verdicts[0]
    findings = tuple(finding for verdict in verdicts for finding in verdict.findings)
    evidence = {key: value for verdict in verdicts for key, value in verdict.evidence.items()}
    return Verdict(JUDGE, subject, gravest(verdicts), findings, evidence)


def read_schema(schema: Any) -> TableSchema:
    """Return a schema: itself, or that of a file.

    Raises
    ------
    SchemaError
        When the file cannot be read, or says something that cannot be.
    """
    if isinstance(schema, TableSchema):
        return schema
    if not isinstance(schema, str | Path):
        message = f"A `{type(schema).__name__}` is no schema."
        raise SchemaError(message, hint="Give a schema's file, or what `infer_schema(table)` returns.")
    return parse_schema(_text(Path(schema), "schema"), str(schema))


def read_reference(reference: Any) -> tuple[TableStatistics, Any]:
    """Return what a reference is like, and its rows where it has any."""
    if isinstance(reference, TableStatistics):
        return reference, None
    if isinstance(reference, str | Path):
        return TableStatistics.from_json(_text(Path(reference), "statistics")), None
    frame = as_frame(reference)
    return table_statistics(frame), frame


def statistics_beside(schema: Path) -> Path:
    """Return where the statistics of a schema's reference lie: `rides.statistics.json` beside `rides.yaml`."""
    return schema.with_name(f"{schema.name.removesuffix('.yaml')}.statistics.json")


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or str(error)
        message = f"The {what} {path} cannot be read: {told}."
        raise SchemaError(message, hint="Name a file that is there: pipelines/NAME/schemas/OUTPUT.yaml") from error
