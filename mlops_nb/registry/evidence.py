"""What stands for a version, and what against it: the verdicts of that very content, as they are now.

A judging gives one verdict a judge, with `evidence`: `judging` (an id they share), `judges` (all that the gate asks
for), `model_digest` (the content judged), `data` (hash of the evaluation data), `gate` (what was demanded), `against`
(version and content of the model in use then, or null). A promotion needs a verdict of every judge, all of one judging
(a later look at the deployment alone may replace that one), none refusing, of the version's own content, against the
model that is in use now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.metadata import ModelVersion, RecordedVerdict

CANDIDATE, CHALLENGER, CHAMPION, PREVIOUS = "candidate", "challenger", "champion", "previous"
# Nobody moves them by hand. `candidate` is not among them: it says which version came last, and nothing of its worth.
BY_EVIDENCE = frozenset({CHALLENGER, CHAMPION, PREVIOUS})
METRICS, DEPLOYMENT = "model-metrics", "deployment"


class NotProven(MlopsNbError):  # noqa: N818 - the name of the fact
    """A version cannot be promoted: its evidence is missing, failed, stale, or of another content."""

    code = "not-proven"


@dataclass(frozen=True)
class Evidence:
    """The verdicts that count for a version, and why it may not be promoted: a sentence each, none when it may."""

    version: ModelVersion
    verdicts: tuple[RecordedVerdict, ...]
    problems: tuple[str, ...]

    @property
    def gate(self) -> Mapping[str, Any]:
        """What was demanded when it was last judged; empty when it never was."""
        gate: Mapping[str, Any] = self._metrics.get("gate", {})
        return gate

    @property
    def run(self) -> str | None:
        """The run whose evaluation data it was judged on."""
        return next((verdict.run for verdict in self.verdicts if verdict.judge == METRICS), None)

    @property
    def _metrics(self) -> Mapping[str, Any]:
        return next((told_of(verdict) for verdict in self.verdicts if verdict.judge == METRICS), {})

    def require(self) -> None:
        """Refuse a version whose evidence does not hold.

        Raises
        ------
        NotProven
            With all that stands against it.
        """
        if self.problems:
            version = self.version
            told = "\n".join(self.problems)
            message = f"Version {version.version} of `{version.model}` cannot be promoted:\n{told}"
            hint = f"Judge it anew: mlops-nb judge {version.model} {version.version}"
            raise NotProven(message, hint=hint if self.verdicts else _DECLARE)


_DECLARE = "Give the model's output an `evaluate` setting and run the notebook."


def evidence_of(version: ModelVersion, recorded: Iterable[RecordedVerdict], standing: Mapping[str, int]) -> Evidence:
    """Return the evidence of a version.

    Parameters
    ----------
    version
        The version.
    recorded
        All verdicts on it, oldest first.
    standing
        Where the model's aliases point now.
    """
    latest: dict[str, RecordedVerdict] = {}
    strange = 0
    for verdict in recorded:
        told = told_of(verdict)
        if "judging" not in told:
            # A score on other data, or a judge that no gate asks for.
            continue
        if told.get("model_digest") != version.digest:
            strange += 1
            continue
        latest[verdict.judge] = verdict
    of_gate = told_of(latest[METRICS]) if METRICS in latest else {}
    counted = {
        judge: verdict
        for judge, verdict in latest.items()
        if judge == DEPLOYMENT or told_of(verdict)["judging"] == of_gate.get("judging")
    }
    problems = list(_problems(counted, of_gate, standing, version, strange))
    return Evidence(version, tuple(sorted(counted.values(), key=lambda verdict: verdict.id)), tuple(problems))


def told_of(verdict: RecordedVerdict) -> Mapping[str, Any]:
    """Return the evidence that a recorded verdict keeps."""
    found: Mapping[str, Any] = verdict.content.get("evidence", {})
    return found


def _problems(
    counted: Mapping[str, RecordedVerdict],
    of_gate: Mapping[str, Any],
    standing: Mapping[str, int],
    version: ModelVersion,
    strange: int,
) -> Iterable[str]:
    if not of_gate:
        other = f" {strange} verdicts are of another content." if strange else ""
        yield f"missing: it was never judged.{other}"
        return
    for judge in of_gate.get("judges", ()):
        if judge not in counted:
            yield f"missing: there is no verdict `{judge}`."
    compare = of_gate.get("compare", CHAMPION)
    for judge, verdict in counted.items():
        if verdict.decision in {"refuse", "stop"}:
            errors = [item["message"] for item in verdict.content.get("findings", ()) if item["severity"] == "error"]
            yield f"failed: `{judge}`: {' '.join(errors[:3])}"
        against = told_of(verdict).get("against")
        then = None if against is None else against["version"]
        now = standing.get(compare)
        if "against" in told_of(verdict) and now not in {then, version.version}:
            was, stands = (f"version {number}" if number else "none" for number in (then, now))
            yield f"stale: `{judge}` was given when the {compare} was {was}, and it is {stands} now."
