"""What differs between two runs: parameters, metrics, code, data, outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata.records import Run, RunRecord


@dataclass(frozen=True)
class Change:
    """One thing in both runs; None where a run does not have it. `difference` is after less before, for numbers."""

    name: str
    before: Any
    after: Any

    @property
    def difference(self) -> float | None:
        """Return how much larger the later value is, where both are numbers."""
        return self.after - self.before if _is_number(self.before) and _is_number(self.after) else None


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side: all metrics, and of the rest what differs.

    `steps` are versions of code, `data` content hashes of what steps read from files, `outputs` of what they published
    and wrote.
    """

    before: Run
    after: Run
    metrics: tuple[Change, ...]
    parameters: tuple[Change, ...]
    steps: tuple[Change, ...]
    data: tuple[Change, ...]
    outputs: tuple[Change, ...]


def compare(before: RunRecord, after: RunRecord) -> Comparison:
    """Return two runs side by side.

    Parameters
    ----------
    before, after
        The records, the earlier or older one first.
    """
    facts = facts_of(before), facts_of(after)

    def changes(kind: str, *, same: bool = False) -> tuple[Change, ...]:
        one, other = facts[0][kind], facts[1][kind]
        found = (Change(name, one.get(name), other.get(name)) for name in dict.fromkeys((*one, *other)))
        return tuple(change for change in found if same or change.before != change.after)

    return Comparison(
        before.run,
        after.run,
        metrics=changes("metrics", same=True),
        parameters=changes("parameters"),
        steps=changes("steps"),
        data=changes("data"),
        outputs=changes("outputs"),
    )


def facts_of(record: RunRecord) -> dict[str, Mapping[str, Any]]:
    """Return what runs are compared by, each by name: `metrics`, `parameters`, `steps`, `data`, `outputs`."""
    return {
        "metrics": _metrics(record),
        "parameters": {item.name: item.value for item in record.parameters if item.step is None},
        "steps": {item.step: item.version for item in record.steps},
        "data": _contents(record, "input"),
        "outputs": _contents(record, "output"),
    }


def _contents(record: RunRecord, direction: str) -> Mapping[str, str]:
    # What belongs to the whole run and no step, as its snapshot, is no data.
    links = [link for link in record.artifacts if link.step is not None]
    # Nor is a file that the step wrote itself.
    made = {(link.step, link.artifact.hash) for link in links if link.direction == "output"}
    wanted = (link for link in links if link.direction == direction)
    return {
        link.name: link.artifact.hash
        for link in wanted
        if direction == "output" or (link.step, link.artifact.hash) not in made
    }


def _metrics(record: RunRecord) -> Mapping[str, float]:
    return {scrap.name: scrap.value for scrap in record.scraps if _is_number(scrap.value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
