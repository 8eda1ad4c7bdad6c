"""How verdicts are shown: the decision of each judge, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.cli.console import heading, say, show_table, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from mlops_nb.lifecycle import Judged
    from mlops_nb.metadata import RecordedVerdict
    from mlops_nb.validation import Verdict

_SIGN = {"pass": "✔", "retrain": "↻", "refuse": "✘", "stop": "■"}
_STYLE = {"pass": "green", "retrain": "yellow", "refuse": "bold red", "stop": "bold red"}
_MARK = {"error": "✘", "warning": "!", "info": "·"}
_SLICES = 12
_FEW = 3


def show_verdicts(verdicts: Iterable[Verdict], out: Console, *, details: bool = True) -> None:
    """Show each verdict with its findings; information only when asked for."""
    from rich.text import Text

    for verdict in verdicts:
        style = _STYLE[verdict.decision]
        out.print(Text.assemble((f"{_SIGN[verdict.decision]} {verdict.judge}", style), f"  {verdict.decision}"))
        for finding in verdict.findings:
            if details or finding.severity != "info":
                say(out, f"    {_MARK[finding.severity]} {finding.code}: {finding.message}")


def show_recorded(verdicts: Sequence[RecordedVerdict], run: str, out: Console, *, whole: bool = False) -> None:
    """Show what judges decided in a run: a line each, and what they found; whole with the rows that are wrong."""
    from mlops_nb.validation import Verdict, verdict_text

    if not verdicts:
        return
    heading(out, "verdicts")
    for recorded in verdicts:
        lines = verdict_text(Verdict.from_json(recorded.content)).splitlines()
        taken = "" if recorded.run in {run, None} else f", given in run {recorded.run}"
        say(out, f"  {lines[0]}{taken}", _STYLE.get(recorded.decision, ""))
        below = lines[1:] if whole else [line for line in lines[1:] if not line.startswith("      ")]
        for line in below if whole else below[:_FEW]:
            say(out, f"  {line}")
        if not whole and len(below) > _FEW:
            say(out, f"    … and {len(below) - _FEW} more")


def show_judged(judged: Sequence[Judged], out: Console) -> None:
    """Show in a line for each what judges said of the models of a run; what was refused, with the reason."""
    if not judged:
        return
    heading(out, "verdicts")
    for one in judged:
        version, decision = one.version, one.decision
        told = f"  {_SIGN[decision]} {version.model} version {version.version}: {decision}"
        told += ", now the champion" if one.promoted else ""
        told += "" if one.new else ", as judged before"
        say(out, told, _STYLE[decision])
        for verdict in one.verdicts:
            for finding in verdict.findings:
                if finding.severity == "error":
                    say(out, f"    {finding.code}: {finding.message}")


def show_measured(evidence: Mapping[str, Any], out: Console) -> None:
    """Show the metrics that a verdict measured, and the groups of rows, with their intervals."""
    metrics: Mapping[str, Any] = evidence.get("metrics", {})
    if metrics:
        heading(out, f"metrics on {evidence.get('rows', 0)} rows")
        made = table("", "", "", "")
        for name, told in metrics.items():
            training = told.get("training")
            learned = "" if training is None else f"{training:.6g} on the training rows"
            made.add_row(name, f"{told['value']:.6g}", _within(told), learned)
        show_table(out, made, indent=2)
    slices: Sequence[Mapping[str, Any]] = evidence.get("slices", ())
    if slices:
        higher = evidence.get("direction") == "higher"
        known = [item for item in slices if item["value"] is not None]
        worst = sorted(known, key=lambda item: item["value"], reverse=not higher)
        heading(out, f"{evidence['metric']} by groups, the worst first")
        made = table("", "", "", "", right=())
        for item in worst[:_SLICES]:
            made.add_row(item["slice"], f"{item['rows']} rows", f"{item['value']:.6g}", _within(item))
        show_table(out, made, indent=2)


def _within(told: Mapping[str, Any]) -> str:
    return f"{told['low']:.6g} to {told['high']:.6g}" if "low" in told else ""


def judged_as_json(one: Judged) -> dict[str, Any]:
    """Return the JSON form of a version's verdicts."""
    version = one.version
    return {
        "model": version.model,
        "version": version.version,
        "decision": one.decision,
        "new": one.new,
        "promoted": one.promoted,
        "verdicts": [verdict.to_json() for verdict in one.verdicts],
    }
