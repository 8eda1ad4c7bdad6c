"""Verdicts as a page shows them: what was decided, the findings with their rows, and how the values lie now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.validation import Verdict, draw_drift

if TYPE_CHECKING:
    from mlops_nb.metadata import RecordedVerdict
    from mlops_nb.validation import Finding

# In the colours of the statuses that a page knows.
_COLOUR = {"pass": "succeeded", "retrain": "running", "refuse": "failed", "stop": "failed"}


@dataclass(frozen=True)
class ShownVerdict:
    """A verdict on a page; `picture` is SVG that `draw_drift` made, which escapes its texts."""

    verdict: Verdict
    colour: str
    step: str
    run: str
    picture: str = ""

    @property
    def findings(self) -> tuple[tuple[Finding, tuple[str, ...]], ...]:
        """The findings, each with its first rows as text."""
        return tuple((finding, _rows(finding)) for finding in self.verdict.findings)


def shown_verdict(recorded: RecordedVerdict) -> ShownVerdict:
    """Return a verdict of the record as a page shows it."""
    verdict = Verdict.from_json(recorded.content)
    features = verdict.evidence.get("features")
    drawn = [one for one in features if isinstance(one, dict)] if isinstance(features, list) else []
    picture = draw_drift(drawn) if verdict.judge == "data-drift" else ""
    return ShownVerdict(verdict, _COLOUR[verdict.decision], recorded.step or "", recorded.run or "", picture)


def _rows(finding: Finding) -> tuple[str, ...]:
    rows: Any = finding.details.get("rows", ())
    if not isinstance(rows, list):
        return ()
    return tuple(
        f"row {row['row']}: {', '.join(f'{name} = {value}' for name, value in row.get('values', {}).items())}"
        for row in rows
        if isinstance(row, dict) and "row" in row
    )
