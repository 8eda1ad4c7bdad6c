"""What earlier runs of a pipeline's steps left, and whether it may stand for a step now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactMissing, CorruptArtifact
from mlops_nb.handover import Delta
from mlops_nb.pipeline.keys import differences
from mlops_nb.pipeline.lock import StepEvidence, evidence_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import MetadataStore, RunRecord, StepRun
    from mlops_nb.pipeline.files_left import FilesLeft
    from mlops_nb.steps.step import Step

_DONE = frozenset({"succeeded", "cached"})


class Precedent:
    """What the log and the artifact store know of earlier runs of a pipeline's steps.

    Parameters
    ----------
    log, store
        The stores.
    pipeline, steps
        The pipeline's name and its steps'.
    resumes
        The run that is gone on with. A step that it had finished may be taken over from it and from no other run, and
        before that every byte of what it left is compared with its digest. Where a person was asked in
        it, it is one run that waited: what a step read then, which nobody can fingerprint, it does not read again.
    """

    def __init__(
        self,
        log: MetadataStore,
        store: ArtifactStore,
        pipeline: str,
        steps: Iterable[str],
        resumes: RunRecord | None = None,
    ) -> None:
        names = list(steps)
        self._log = log
        self._store = store
        self._pipeline = pipeline
        self._deltas: dict[str, Delta] = {}
        self._sound: dict[str, bool] = {}
        self._damage: dict[str, str] = {}
        self._resumes = resumes
        of_run = {step.step: step for step in resumes.steps if step.step in names} if resumes is not None else {}
        self._done = {name: step for name, step in of_run.items() if step.status in _DONE}
        self._waited = resumes is not None and resumes.waited
        self._undone = {name: step.status for name, step in of_run.items() if name not in self._done}
        self.last = log.last_step_runs(pipeline, names)
        self.last |= {name: step for name, step in of_run.items() if step.status in _DONE or step.status == "failed"}
        self.seconds = log.typical_seconds(pipeline, names)

    def hit(self, step: Step, key: str) -> StepRun | None:
        """Return the past success that stands for this key, if all it left is still there."""
        if (not step.settings.cache or self.outside(step)) and not (self._waited and step.name in self._done):
            return None
        last = self._done.get(step.name) or self.last.get(step.name)
        if last is not None and last.key == key and last.status in _DONE:
            found: StepRun | None = last
        elif last is None or step.name in self._done:
            return None
        else:
            found = self._log.latest_success(self._pipeline, step.name, key)
        if found is None or not self.intact(found) or self._written_since(found):
            return None
        return found

    def _written_since(self, past: StepRun) -> bool:
        """Say whether a file that a step left in this run is another by its last one; `because` tells which."""
        last = self.last.get(past.step)
        left = last.outcome.get("files", {}) if last is not None else {}
        files = past.outcome.get("files", {})
        path = next((path for path in sorted(files) if left.get(path, files[path]) != files[path]), "")
        if path:
            self._damage[past.step] = f"the file `{path}` that it writes is what a later run left"
        return bool(path)

    def outside(self, step: Step) -> str:
        """Return what the step did last time that nobody can follow, unless its settings trust it all the same."""
        last = self.last.get(step.name)
        done = last.outcome.get("evidence", {}).get("outside", ()) if last is not None else ()
        return done[0] if done and "cache" not in step.settings.raw else ""

    def evidence(self, step: str, source: str) -> StepEvidence | None:
        """Return what the step's last success with this source was seen to do.

        The lock knows it too, but for a run that was killed before it wrote the lock.
        """
        last = self.last.get(step)
        seen = last.outcome.get("evidence") if last is not None and last.version == source else None
        return evidence_from(seen, source) if seen else None

    def as_found(self, step: str, left: FilesLeft) -> FilesLeft:
        """Return what steps left in files, as a step found it that the run had finished which is gone on with.

        What it has changed itself it would find changed now, and change once more.
        """
        done = self._done.get(step)
        if done is None:
            return left
        parts = {**done.key_components.get("asked", {}), **done.key_components.get("files", {})}
        changed = evidence_from(done.outcome.get("evidence", {})).changes_files
        return replace(left, found={path: parts[path] for path in changed if path in parts})

    def intact(self, past: StepRun) -> bool:
        """Say whether all that a past step run left can still be read; `because` tells what cannot."""
        digest = str(past.outcome.get("delta", ""))
        damage = "" if digest and self._is_sound(digest) else "its stored state"
        if not damage:
            try:
                delta = self.delta(past)
            except (ArtifactMissing, CorruptArtifact):
                damage = "its stored state"
            else:
                damage = self._damaged(delta, past.outcome.get("published", {}))
        if damage:
            self._damage[past.step] = f"{damage} is gone or corrupt"
        return not damage

    def _damaged(self, delta: Delta, published: Mapping[str, str]) -> str:
        items = (*delta.changed, *delta.ambient.values())
        lost = next((item for item in items if item.blob and not self._is_sound(item.blob)), None)
        if lost is not None:
            return f"the stored `{'`, `'.join(lost.names)}`"
        gone = next((name for name, digest in published.items() if not self._is_sound(digest)), None)
        return f"what it published as `{gone}`" if gone is not None else ""

    def _is_sound(self, digest: str) -> bool:
        if digest not in self._sound:
            # Marked as used, so that nobody who tidies up removes what the run is about to stand on.
            there = self._store.touch(digest)
            self._sound[digest] = there and (self._resumes is None or self._store.verify(digest))
        return self._sound[digest]

    def delta(self, past: StepRun) -> Delta:
        """Return what a past step run did to the state."""
        digest = str(past.outcome["delta"])
        if digest not in self._deltas:
            # A plan asks several times for each step, and what has a digest never changes.
            self._deltas[digest] = Delta.from_json(self._store.get(digest))
        return self._deltas[digest]

    def because(self, step: Step, parts: Mapping[str, Any]) -> str:
        """Return why a step whose key is known has to run; nothing when no cause is seen."""
        if not step.settings.cache:
            return "its cache is switched off"
        if outside := self.outside(step):
            told = f"it {outside}, and nobody sees what that reads"
            return f"{told}; tag it `cache:enabled` to reuse its result all the same"
        if step.name in self._damage:
            return self._damage[step.name]
        run = self._resumes.run.id if self._resumes is not None else ""
        undone = self._undone.get(step.name)
        if undone is not None:
            return f"it failed in {run}" if undone == "failed" else f"{run} had not finished it"
        last = self.last.get(step.name)
        if last is None:
            return "it never ran"
        if last.status == "failed":
            return "it failed last time"
        changed = " and ".join(differences(last.key_components, parts))
        return f"{changed} since {run} finished it" if changed and run else changed
