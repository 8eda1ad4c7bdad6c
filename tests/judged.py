"""What a judging of a model version leaves in the record, as `lifecycle.judging` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.validation import Finding, Verdict

if TYPE_CHECKING:
    from mlops_nb.metadata import MetadataStore

JUDGES = ("leak", "deployment", "model-metrics", "model-comparison")
GATE: dict[str, Any] = {"metrics": {"mae": {}}}


def judged(  # noqa: PLR0913 - what a judging may be
    store: MetadataStore,
    version: int,
    *,
    model: str = "tips",
    against: int | None = None,
    refusing: str = "",
    without: str = "",
    digest: str = "",
    judging: str = "j",
) -> list[int]:
    """Record that a version passed every judge, or what else is asked for; return the ids of the verdicts."""
    digests = {known.version: known.digest for known in store.model_versions(model)}
    ids = []
    for judge in JUDGES:
        if judge == without:
            continue
        evidence: dict[str, Any] = {"judging": judging, "model_digest": digest or digests[version], "data": "d"}
        if judge.startswith("model-"):
            evidence |= {"gate": GATE, "judges": list(JUDGES), "compare": "champion"}
        if judge in {"model-comparison", "deployment"}:
            evidence["against"] = None if against is None else {"version": against, "digest": digests[against]}
        found = (Finding("WORSE_THAN_CHAMPION", "mae", "mae rose by 0.2."),) if judge == refusing else ()
        verdict = Verdict(judge, f"{model} {version}", "refuse" if found else "pass", found, evidence)
        ids.append(store.add_verdict(verdict.to_json(), model=model, version=version))
    return ids
