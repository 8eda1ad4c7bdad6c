"""Whether a model can be used where it is to be used: packages, memory, and what requests are made for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.contract import signature_findings
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """What there is where the model is to run, and what is asked of it there.

    Parameters
    ----------
    recorded
        The packages of the run that made the model, by name.
    memory_mb
        Most memory (MiB, resident) that loading and predicting may take; no bound when `None`.
    live
        The signature that requests are made for; None when no version is in use.
    may_change
        The signature may be another.
    """

    recorded: Mapping[str, str] = field(default_factory=dict, hash=False)
    memory_mb: int | None = None
    live: Mapping[str, Any] | None = field(default=None, hash=False)
    may_change: bool = False


def judge_deployment(  # noqa: PLR0913, PLR0917 - what was tried, what is asked
    subject: str,
    signature: Mapping[str, Any],
    probe: Mapping[str, Any] | None,
    held_bytes: int,
    target: Target,
    evidence: Mapping[str, Any],
) -> Verdict:
    """Decide whether a model can be deployed.

    Parameters
    ----------
    subject
        `MODEL VERSION`.
    signature
        The model's signature.
    probe
        What loading and predicting in a fresh process came to; None when that was ended for its memory.
    held_bytes
        What the process held when it was ended for its memory; 0 when it was not.
    target
        What there is, and what is asked.
    evidence
        What else the verdict is to keep.
    """
    findings: list[Finding] = []
    peak = held_bytes or (probe or {}).get("peak_bytes", 0)
    if target.memory_mb is not None and (held_bytes or peak > target.memory_mb * _MIB):
        message = (
            f"Loading it and predicting takes {peak / _MIB:.0f} MiB"
            f"{' and more' if held_bytes else ''}, and {target.memory_mb} MiB are allowed."
        )
        details = {"peak_bytes": peak, "memory_mb": target.memory_mb}
        findings.append(Finding("MEMORY_EXCEEDED", "memory", message, details=details))
    for name in (probe or {}).get("missing", ()):
        version = target.recorded.get(name.replace("_", "-"), "")
        message = f"It needs the package `{name}`{f' {version}' if version else ''}, which is not there."
        findings.append(Finding("PACKAGE_MISSING", name, message, details={"recorded": version}))
    if probe is not None and probe.get("error"):
        stage = probe.get("stage", "load")
        code = "CANNOT_LOAD" if stage == "load" else "CANNOT_PREDICT"
        what = "be loaded" if stage == "load" else "predict its sample input"
        findings.append(Finding(code, stage, f"It cannot {what} in a fresh process: {probe['error']}"))
    if not signature:
        message = "It has no signature: nothing says what requests must hold."
        findings.append(Finding("NO_SIGNATURE", "signature", message))
    elif target.live:
        findings += signature_findings(target.live, signature, may_change=target.may_change)
    findings += _other_versions((probe or {}).get("packages", {}), target.recorded)
    ordered = sorted(findings, key=lambda finding: ("error", "warning", "info").index(finding.severity))
    told = {"peak_bytes": peak, "memory_mb": target.memory_mb, "python": (probe or {}).get("python", "")}
    decision = "refuse" if any(finding.severity == "error" for finding in findings) else "pass"
    return Verdict("deployment", subject, decision, tuple(ordered), {**evidence, **told})  # type: ignore[arg-type]


def _other_versions(here: Mapping[str, str], recorded: Mapping[str, str]) -> list[Finding]:
    return [
        Finding(
            "PACKAGE_DIFFERS",
            name,
            f"It was made with {name} {recorded[name]}, and {version} is here.",
            "warning",
            {"recorded": recorded[name], "here": version},
        )
        for name, version in sorted(here.items())
        if name in recorded and recorded[name] != version
    ]
