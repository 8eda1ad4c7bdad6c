"""Pure judges of data and models: from values to verdicts, with no I/O but for files that a person names.

They run inside a step's kernel as well as outside, so this room imports nothing of the server, and libraries lazily:
what judges models is imported from its own file.

verdict      a judge's answer                                 gate        what is demanded of a model
metrics      metrics by name, under many weightings           resampling  paired bootstrap intervals
performance  bounds; a candidate against the champion         slices      groups of rows
leak         evaluation rows among training rows              contract    what a model takes and gives
behaviour    calibration and robustness, for information
"""

from mlops_nb.validation.data import joined, read_reference, read_schema, statistics_beside, validate_data
from mlops_nb.validation.drift_picture import draw_drift
from mlops_nb.validation.frames import as_frame
from mlops_nb.validation.infer import infer_schema, widen
from mlops_nb.validation.rules import RuleError, parse_rule
from mlops_nb.validation.schema import (
    Approval,
    ColumnSchema,
    DriftLimits,
    Reference,
    Rule,
    TableSchema,
)
from mlops_nb.validation.schema_skew import judge_schema
from mlops_nb.validation.schema_text import SchemaError, body_of, changes, parse_schema, schema_text
from mlops_nb.validation.statistics import ColumnStatistics, StatisticsError, TableStatistics, table_statistics
from mlops_nb.validation.table_files import read_table
from mlops_nb.validation.telling import verdict_html, verdict_text
from mlops_nb.validation.value_skew import judge_values
from mlops_nb.validation.verdict import GRAVITY, PERSON, Decision, Finding, Severity, Verdict, gravest

__all__ = [
    "GRAVITY",
    "PERSON",
    "Approval",
    "ColumnSchema",
    "ColumnStatistics",
    "Decision",
    "DriftLimits",
    "Finding",
    "Reference",
    "Rule",
    "RuleError",
    "SchemaError",
    "Severity",
    "StatisticsError",
    "TableSchema",
    "TableStatistics",
    "Verdict",
    "as_frame",
    "body_of",
    "changes",
    "draw_drift",
    "gravest",
    "infer_schema",
    "joined",
    "judge_schema",
    "judge_values",
    "parse_rule",
    "parse_schema",
    "read_reference",
    "read_schema",
    "read_table",
    "schema_text",
    "statistics_beside",
    "table_statistics",
    "validate_data",
    "verdict_html",
    "verdict_text",
    "widen",
]
