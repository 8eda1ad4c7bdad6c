"""What a table must look like, as a value: its columns, the rules across them, and who approved it.

A schema says what *may not* be (`schema_skew` stops a run), and how much the values may change before a new model is
asked for (`DriftLimits`, read by `value_skew`). It is kept as a file that people review (`schema_text`), in versions;
its `content` is the hash of what it demands, so that a change nobody approved is seen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

ColumnType = Literal["boolean", "integer", "number", "text", "datetime", "duration", "any"]
TYPES: tuple[ColumnType, ...] = ("boolean", "integer", "number", "text", "datetime", "duration", "any")
NUMERIC = frozenset({"integer", "number"})


@dataclass(frozen=True)
class ColumnSchema:
    """What one column must look like.

    Parameters
    ----------
    type
        Its logical type; a `number` may be an integer.
    required
        Whether the table must have it.
    presence
        The least share of rows with a value, 0 to 1. NaN is no value.
    infinite
        Of numbers: whether they may be infinite.
    domain
        The values that it may have; any when None.
    unseen
        The share of rows, 0 to 1, whose value may be outside the domain.
    min, max
        The range of its numbers, both ends included.
    unique
        No two rows have the same value.
    importance
        What its drift weighs, 0 to 1: a new model is asked for where the importances of the columns that drifted add
        up to 1. 0 for a column whose drift does not matter.
    note
        For people.
    """

    type: ColumnType
    required: bool = True
    presence: float = 1.0
    infinite: bool = False
    domain: tuple[Any, ...] | None = None
    unseen: float = 0.0
    min: float | None = None
    max: float | None = None
    unique: bool = False
    importance: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Rule:
    """A condition across columns that every row must meet; `when` says which rows it is about, all when empty."""

    name: str
    check: str
    when: str = ""


@dataclass(frozen=True)
class DriftLimits:
    """From where on values count as changed.

    Parameters
    ----------
    false_positive_rate
        How often data of the same distribution may ask for a new model all the same, 0 to 1.
    wasserstein
        Of numbers: the least distance that matters, in standard deviations of the reference.
    jensen_shannon
        Of categories: the least Jensen-Shannon distance (base 2) that matters, 0 to 1.
    psi
        The least population stability index that matters, of either kind.
    missing
        The least change of the share of missing values that matters, 0 to 1.
    auc
        The least area under the ROC curve, 0.5 to 1, of a classifier that tells reference rows from new ones.
    """

    false_positive_rate: float = 0.01
    wasserstein: float = 0.1
    jensen_shannon: float = 0.1
    psi: float = 0.2
    missing: float = 0.05
    auc: float = 0.6


@dataclass(frozen=True)
class Reference:
    """The table that new ones are compared with: digests of its statistics and of itself, and where it came from."""

    statistics: str
    rows: int
    data: str = ""
    run: str = ""


@dataclass(frozen=True)
class Approval:
    """Who approved a version, when (UTC, ISO 8601) and why, and the content that was approved."""

    version: int
    content: str
    by: str
    at: str
    why: str


@dataclass(frozen=True)
class TableSchema:
    """What a table must look like.

    Parameters
    ----------
    output
        The output it is about.
    columns
        By name, in the table's order.
    rows
        The least number of rows.
    other_columns
        `stop` where a column that is not named here may not be, `allow` otherwise.
    keys
        Lists of columns whose values together are unique.
    rules
        Conditions across columns.
    drift
        From where on values count as changed.
    reference
        What they are compared with.
    approvals
        Every approval, the newest last; a schema without one is a proposal.
    """

    output: str
    columns: dict[str, ColumnSchema] = field(hash=False)
    rows: int = 1
    other_columns: Literal["stop", "allow"] = "stop"
    keys: tuple[tuple[str, ...], ...] = ()
    rules: tuple[Rule, ...] = ()
    drift: DriftLimits = DriftLimits()
    reference: Reference | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def version(self) -> int:
        """The number of the version that was approved last; 0 for a proposal."""
        return self.approvals[-1].version if self.approvals else 0

    @property
    def content(self) -> str:
        """The hash of all that it demands: SHA-256 of its canonical JSON, whatever its comments say."""
        demanded = {key: _settled(value) for key, value in asdict(self).items() if key != "approvals"}
        text = json.dumps(demanded, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def approved(self) -> bool:
        """Whether it is, to the letter, what was approved last."""
        return bool(self.approvals) and self.approvals[-1].content == self.content


def _settled(value: Any) -> Any:
    """Return a value in one spelling: 1.0 is 1, for a person may write either."""
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
