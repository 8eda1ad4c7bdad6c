"""A verdict as people read it: as text, and as HTML below a cell. Every value is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.drift_picture import draw_drift
from mlops_nb.validation.verdict import PERSON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.validation.verdict import Finding, Verdict

SIGN = {"pass": "✔", "retrain": "↻", "refuse": "✘", "stop": "✘"}
MEANS = {
    "pass": "nothing is wrong",
    "retrain": "the values have changed; a new model is asked for",
    "refuse": "this model may not be used",
    "stop": "this data may not be used",
}
_OF_A_PERSON = {"pass": "the run may go on", "stop": "the run may not go on"}
_COLOUR = {"pass": "#2f855a", "retrain": "#b7791f", "refuse": "#c53030", "stop": "#c53030"}
_MOST = 20


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as lines: the decision, and a line a finding with its first rows below."""
    lines = [f"{SIGN[verdict.decision]} {verdict.subject}: {verdict.decision}, {_means(verdict)} ({verdict.judge})"]
    for finding in verdict.findings[:_MOST]:
        lines.append(f"  {finding.code}: {finding.message}")
        lines += [f"      row {row['row']}: {_values(row)}" for row in _rows(finding)]
    if len(verdict.findings) > _MOST:
        lines.append(f"  … and {len(verdict.findings) - _MOST} more")
    return "\n".join(lines)


def _means(verdict: Verdict) -> str:
    return (_OF_A_PERSON if verdict.judge == PERSON else MEANS)[verdict.decision]


def _rows(finding: Finding) -> list[Mapping[str, Any]]:
    rows = finding.details.get("rows", ())
    return [row for row in rows if isinstance(row, dict) and "row" in row] if isinstance(rows, list) else []


def _values(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in row.get("values", {}).items())


def verdict_html(verdict: Verdict) -> str:
    """Return a verdict as HTML without scripts, to be shown below a cell."""
    colour = _COLOUR[verdict.decision]
    parts = [
        '<div class="mn-verdict" style="font-family: system-ui, sans-serif; max-width: 60em">',
        f'<div style="border-left: 4px solid {colour}; padding: 0.3em 0.8em">',
        f'<b style="color: {colour}">{SIGN[verdict.decision]} {escape(verdict.decision)}</b> ',
        f"<b>{escape(verdict.subject)}</b>: {escape(_means(verdict))} ",
        f'<span style="opacity: 0.7">({escape(verdict.judge)})</span></div>',
    ]
    if verdict.findings:
        parts.append('<table style="margin: 0.5em 0"><thead><tr><th>finding</th><th style="text-align: left">what')
        parts.append('</th><th style="text-align: left">rows</th></tr></thead><tbody>')
        parts += [_row_html(finding) for finding in verdict.findings[:_MOST]]
        parts.append("</tbody></table>")
    if len(verdict.findings) > _MOST:
        parts.append(f"<p>… and {len(verdict.findings) - _MOST} more</p>")
    features = verdict.evidence.get("features")
    if isinstance(features, list | tuple):
        parts.append(draw_drift([one for one in features if isinstance(one, dict) and "effect" in one]))
    return "".join([*parts, "</div>"])


def _row_html(finding: Finding) -> str:
    rows = [f"<div><code>{escape(str(row['row']))}</code> {escape(_values(row))}</div>" for row in _rows(finding)]
    return (
        f"<tr><td><code>{escape(finding.code)}</code></td>"
        f'<td style="text-align: left; white-space: normal">{escape(finding.message)}</td>'
        f'<td style="text-align: left">{"".join(rows)}</td></tr>'
    )
