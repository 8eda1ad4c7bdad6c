"""What runs refer to in the artifact store, followed through the documents there that name further content.

A step's delta names the values it left, a snapshot the files it kept, a state the values of all steps before. Whatever
looks like a digest in such a document counts as referred to: what is kept by mistake costs space, what is removed by
mistake costs a result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mlops_nb.artifacts import Holdings
    from mlops_nb.metadata import MetadataStore
    from mlops_nb.metadata.upkeep import RunOutline, StepResult

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True)
class Known:
    """All that the record says for tidying: every run, what their steps and they left, the models."""

    runs: tuple[RunOutline, ...]
    results: tuple[StepResult, ...]
    of_runs: tuple[tuple[str, str, str, str], ...]
    models: frozenset[str]

    @staticmethod
    def read(log: MetadataStore) -> Known:
        """Read it from the record."""
        models = {digest for model in log.kept_models() for digest in model.artifacts.values()}
        return Known(log.outlines(), log.step_results(), log.run_artifacts(), frozenset(models))

    def roots(self, kept: Callable[[str], bool]) -> set[str]:
        """Return what the record names for the kept runs, for every model, and for what later runs could take over."""
        found = set(self.models)
        for result in self.results:
            if result.newest or kept(result.run):
                found |= set(_DIGEST.findall(result.outcome))
                found |= {digest for _, digest in result.artifacts.values()}
        return found | {digest for run, _, _, digest in self.of_runs if kept(run)}

    def folders(self, kept: Callable[[str], bool]) -> set[str]:
        """Return the ids of the runs whose folders the kept ones need: their own, and those that they took from."""
        known = {run.id for run in self.runs}
        found = {run for run in known if kept(run)}
        for result in self.results:
            if result.notebook and (result.newest or kept(result.run)):
                found |= known.intersection(re.split(r"[/\\]", result.notebook))
        return found


class Reach:
    """The content of a store, and what of it names what else."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._named: dict[str, frozenset[str]] = {}
        self.held = frozenset(holdings.digests())

    def closure(self, digests: Iterable[str]) -> set[str]:
        """Return these and all that they lead to, whether the store holds it or not."""
        found: set[str] = set()
        waiting = list(digests)
        while waiting:
            digest = waiting.pop()
            if digest not in found:
                found.add(digest)
                waiting += self.named_by(digest)
        return found

    def named_by(self, digest: str) -> frozenset[str]:
        """Return what a document names; nothing for other content."""
        if digest not in self.held:
            return frozenset()
        if digest not in self._named:
            # A text that has nothing of ours to name may hold digests of anything else.
            self._named[digest] = frozenset(_DIGEST.findall(self._holdings.document(digest))) & self.held
        return self._named[digest]

    def in_notebooks(self, folder: Path) -> set[str]:
        """Return what the notebooks of a run's folder name: the state each step was given, what it had published."""
        found: set[str] = set()
        for path in folder.rglob("*.ipynb"):
            found |= set(_DIGEST.findall(path.read_text(encoding="utf-8", errors="replace")))
        return found & self.held
