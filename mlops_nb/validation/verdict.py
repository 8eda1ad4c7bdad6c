"""A judge's answer, as a value: what it decided, of what, because of which findings, on which evidence.

A judge is a pure function from values to a `Verdict`. It never stops a run, writes or notifies: a *gate* does, which is
where a verdict meets a run (`execution`), a registry (`lifecycle`) or a test (`delivery`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Decision = Literal["pass", "retrain", "stop", "refuse"]
Severity = Literal["error", "warning", "info"]

# The graver wins when several verdicts are one decision: data that may not be used, a model that may not be used, data
# that asks for a new model, nothing.
GRAVITY: tuple[Decision, ...] = ("pass", "retrain", "refuse", "stop")
# The judge who is a person: of a step, of which the person decides whether the run may go on.
PERSON = "person"


@dataclass(frozen=True)
class Finding:
    """One thing that a judge saw.

    Parameters
    ----------
    code
        Stable, in capitals: `NEW_COLUMN`, `WORSE_THAN_CHAMPION`. `docs/verdicts.md` lists them.
    subject
        The column, metric or slice it is about.
    message
        A whole sentence: the fact, with its numbers and units.
    severity
        `error` decides, `warning` is told, `info` is kept.
    details
        JSON: counts, sample rows, the value and the bound it was held against.
    """

    code: str
    subject: str
    message: str
    severity: Severity = "error"
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; `from_json` gives it back."""
        return {
            "code": self.code,
            "subject": self.subject,
            "message": self.message,
            "severity": self.severity,
            "details": dict(self.details),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return the finding that `to_json` wrote."""
        return cls(told["code"], told["subject"], told["message"], told["severity"], told["details"])


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a judge decided of a subject.

    Parameters
    ----------
    judge
        Which judge: `data-schema`, `data-drift`, `model-metrics`, `model-slices`, `leak`, ….
    subject
        What was judged: the name of an output, `MODEL VERSION`, ….
    decision
        `pass`; `retrain`: nothing is wrong, and a new model is asked for; `refuse`: this model may not be used; `stop`:
        this data may not be used.
    findings
        Why, the gravest first.
    evidence
        JSON: what was measured, on what: hashes of the data and of the schema, sizes, thresholds, intervals.
    """

    judge: str
    subject: str
    decision: Decision
    findings: tuple[Finding, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; `from_json` gives it back."""
        return {
            "judge": self.judge,
            "subject": self.subject,
            "decision": self.decision,
            "findings": [finding.to_json() for finding in self.findings],
            "evidence": dict(self.evidence),
        }

    def __repr__(self) -> str:
        from mlops_nb.validation.telling import verdict_text

        return verdict_text(self)

    def _repr_html_(self) -> str:
        # IPython asks for it.
        from mlops_nb.validation.telling import verdict_html

        return verdict_html(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return the verdict that `to_json` wrote."""
        findings = tuple(Finding.from_json(finding) for finding in told["findings"])
        return cls(told["judge"], told["subject"], told["decision"], findings, told["evidence"])


def gravest(verdicts: Iterable[Verdict]) -> Decision:
    """Return the decision of several verdicts together; `pass` where there is none."""
    return max((verdict.decision for verdict in verdicts), key=GRAVITY.index, default="pass")
