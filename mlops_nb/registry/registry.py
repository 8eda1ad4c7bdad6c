"""Models, their immutable versions, and the aliases that say which one is `champion`.

A version is addressed by its content: registering content that a model has already gives back the version it has, and
records the run that came to it again as a reproduction. So registering twice does no harm, a number is never given
twice, and a version never changes. Which version is used is said by aliases, whose every move is kept with who, when
and why. Four of them have a meaning: `candidate`, what the last run made; `challenger` and `champion`, to which a
version comes on evidence alone; `previous`, the champion before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.metadata import Candidate, UnknownRecord
from mlops_nb.registry.evidence import BY_EVIDENCE, CANDIDATE, CHALLENGER, CHAMPION, PREVIOUS, evidence_of
from mlops_nb.registry.proposal import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.metadata import AliasMove, MetadataStore, Model, ModelVersion, Reproduction, RunRecord
    from mlops_nb.registry.evidence import Evidence

LATEST = "latest"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_LIST = "`mlops-nb models` lists the models, their versions and aliases."


class Registry:
    """The models of a metadata store.

    Parameters
    ----------
    store
        An open store; whoever opened it closes it.
    """

    def __init__(self, store: MetadataStore) -> None:
        self._store = store

    def register(self, model: str, candidate: Candidate) -> ModelVersion:
        """Make a candidate the next version of a model, or return the version that has its content.

        Raises
        ------
        UsageError
            When the name cannot be a model's, or metrics, signature or environment are no JSON.
        UnknownRecord
            When the candidate's artifact, sample input, run or step is not in the store.
        """
        _check_name("a model", model)
        return self._store.add_model_version(model, candidate)

    def register_run(self, record: RunRecord) -> tuple[ModelVersion, ...]:
        """Make a version of every model that a run published, with the run's metrics as what is known of it."""
        metrics = {
            scrap.name: scrap.value
            for scrap in record.scraps
            if isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool)
        }
        return tuple(
            self.register(
                scrap.name,
                Candidate(
                    artifact=scrap.value["artifact"],
                    digest=scrap.value.get("content", ""),
                    format=scrap.value.get("format", "skops"),
                    metrics=metrics,
                    signature=scrap.value.get("signature") or {},
                    sample_input=scrap.value.get("sample_input"),
                    run=record.run.id,
                    step=scrap.step,
                    environment=record.environment,
                ),
            )
            for scrap in record.scraps
            if scrap.kind == "model"
        )

    def models(self) -> tuple[Model, ...]:
        """Return all models, by name, with where their aliases point."""
        return self._store.models()

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Return the versions of a model, newest first.

        Raises
        ------
        UnknownRecord
            When there is no such model, with the nearest.
        """
        found = self._store.model_versions(model)
        if not found:
            near = did_you_mean(model, (known.name for known in self.models()))
            message = f"There is no model `{model}`.{near}"
            raise UnknownRecord(message, hint=_LIST)
        return found

    def get(self, model: str, which: str = LATEST) -> ModelVersion:
        """Return one version of a model.

        Parameters
        ----------
        which
            A version's number, an alias, or `latest` for the highest number.

        Raises
        ------
        UnknownRecord
            When there is no such model, version or alias, with the nearest.
        """
        versions = self.versions(model)
        if which == LATEST:
            return versions[0]
        for version in versions:
            if which == str(version.version) or which in version.aliases:
                return version
        if which.isdecimal():
            message = f"Model `{model}` has no version {which}; its newest is {versions[0].version}."
            raise UnknownRecord(message, hint=_LIST)
        near = did_you_mean(which, [*self._store.aliases(model), LATEST])
        message = f"Model `{model}` has no alias `{which}`.{near}"
        raise UnknownRecord(message, hint=_LIST)

    def trusted(self, version: ModelVersion) -> tuple[str, ...]:
        """Return the types that the settings of a version's output named as trusted, in the run that made it."""
        return tuple(self.origin(version).get("trusted", ()))

    def set_alias(self, model: str, alias: str, version: int, why: str) -> AliasMove:
        """Point an alias to a version, in one atomic step, and return the recorded move.

        Raises
        ------
        UsageError
            When the name cannot be an alias's: `latest` and numbers have a meaning of their own.
        UnknownRecord
            When there is no such model or version.
        """
        return self.move_aliases(model, {alias: version}, why)[0]

    def drop_alias(self, model: str, alias: str, why: str) -> AliasMove:
        """Point an alias to nothing; its history stays.

        Raises
        ------
        UnknownRecord
            When the model has no such alias, with the nearest.
        """
        self.get(model, alias)
        return self.move_aliases(model, {alias: None}, why)[0]

    def move_aliases(
        self,
        model: str,
        moves: Mapping[str, int | None],
        why: str,
        *,
        verdicts: Iterable[int] = (),
        expected: Mapping[str, int | None] | None = None,
    ) -> tuple[AliasMove, ...]:
        """Move several aliases at once: nobody ever sees one moved and another not yet.

        Parameters
        ----------
        verdicts
            The ids of the recorded verdicts that the move stands on.
        expected
            Where aliases must still point for the move to happen.

        Raises
        ------
        UsageError
            When a name cannot be an alias's, or is one that moves on evidence (`promote`, `rollback`).
        UnknownRecord
            When there is no such model or version; then none has moved.
        AliasMoved
            When an alias points elsewhere than expected; then none has moved.
        """
        for alias, version in moves.items():
            _check_name("an alias", alias)
            if alias in BY_EVIDENCE and not (version is None and alias == CHALLENGER):
                message = f"Alias `{alias}` moves on evidence alone."
                hint = f"mlops-nb promote {model} VERSION --why REASON, or mlops-nb rollback {model} --why REASON"
                raise UsageError(message, hint=hint)
        self.versions(model)
        return self._store.move_aliases(model, moves, why, verdicts=verdicts, expected=expected)

    def origin(self, version: ModelVersion, run: str | None = None) -> Mapping[str, Any]:
        """Return what a run published of a version: trusted types, evaluation data; empty when it came from no run.

        Parameters
        ----------
        run
            A run that came to the version; the first that did when `None`.
        """
        made = run or version.run
        if made is None:
            return {}
        published = [scrap for scrap in self._store.run(made).scraps if scrap.kind == "model"]
        return next((scrap.value for scrap in published if scrap.name == version.model), {})

    def evidence(self, version: ModelVersion) -> Evidence:
        """Return what the judges decided of a version, and what keeps it from being promoted."""
        recorded = self._store.verdicts(model=version.model, version=version.version)
        return evidence_of(version, recorded, self._store.aliases(version.model))

    def promote(self, model: str, which: str, why: str, *, to: str = CHAMPION) -> tuple[AliasMove, ...]:
        """Point `champion`, or `challenger`, to a version whose evidence holds, and `previous` to the champion before.

        All moves are one atomic step, keep the ids of the verdicts they stand on, and happen only when the champion is
        still the one that the version was held against.

        Raises
        ------
        UsageError
            When there is no reason, or the alias points there already.
        UnknownRecord
            When there is no such version.
        NotProven
            When the evidence is missing, failed, stale, or of another content.
        AliasMoved
            When somebody moved the alias meanwhile; then none has moved.
        """
        if to not in {CHAMPION, CHALLENGER}:
            message = f"A version is promoted to {CHAMPION} or {CHALLENGER}, and not to `{to}`."
            raise UsageError(message, hint="Any other alias: Registry.set_alias.")
        _require_reason(why)
        return self.carry_out(self.propose(model, which, to), why)

    def rollback(self, model: str, why: str) -> tuple[AliasMove, ...]:
        """Make the previous champion the champion again, in one atomic step; of two at once, one happens.

        `previous` then points to nothing, so that nobody rolls back to what was just left.

        Raises
        ------
        UsageError
            When there is no reason, or no previous champion.
        UnknownRecord
            When there is no such model.
        AliasMoved
            When somebody moved the alias meanwhile; then none has moved.
        """
        _require_reason(why)
        return self.carry_out(self.propose_rollback(model), why)

    def propose(self, model: str, which: str, to: str = CHAMPION) -> Proposal:
        """Return what pointing an alias to a version would change, if it may: what `carry_out` then does.

        Raises
        ------
        UsageError
            When the alias points there already, or its name cannot be one.
        UnknownRecord
            When there is no such version.
        NotProven
            When the alias moves on evidence, and that is missing, failed, stale, or of another content.
        """
        _check_name("an alias", to)
        if to == PREVIOUS:
            message = f"Alias `{PREVIOUS}` says which version was the champion before, and moves with it."
            raise UsageError(message, hint=f"mlops-nb promote {model} VERSION --why REASON")
        version = self.get(model, which)
        standing = self._store.aliases(model)
        if standing.get(to) == version.version:
            message = f"Version {version.version} of `{model}` is the {to} already."
            raise UsageError(message, hint=f"`mlops-nb models {model}` shows where the aliases point.")
        moves: dict[str, int | None] = {to: version.version}
        if to not in BY_EVIDENCE:
            return Proposal(model, moves, {to: standing.get(to)})
        evidence = self.evidence(version)
        evidence.require()
        if to == CHAMPION and CHAMPION in standing:
            moves[PREVIOUS] = standing[CHAMPION]
        left = {CANDIDATE, CHALLENGER} - {to}
        moves |= {alias: None for alias in sorted(left) if standing.get(alias) == version.version}
        seen = {alias: standing.get(alias) for alias in (CHAMPION, CHALLENGER, *moves)}
        return Proposal(model, moves, seen, tuple(verdict.id for verdict in evidence.verdicts))

    def propose_rollback(self, model: str) -> Proposal:
        """Return what making the previous champion the champion again would change.

        Raises
        ------
        UsageError
            When there is no previous champion.
        UnknownRecord
            When there is no such model.
        """
        self.versions(model)
        standing = self._store.aliases(model)
        if PREVIOUS not in standing:
            last = next(iter(self.alias_history(model, CHAMPION)), None)
            since = f" `{CHAMPION}` came to version {last.version} by {last.who}: {last.why}." if last else ""
            message = f"Model `{model}` has no previous champion to go back to.{since}"
            raise UsageError(message, hint=f"mlops-nb promote {model} VERSION --why REASON")
        moves = {CHAMPION: standing[PREVIOUS], PREVIOUS: None}
        return Proposal(model, moves, {alias: standing.get(alias) for alias in moves})

    def carry_out(self, proposal: Proposal, why: str) -> tuple[AliasMove, ...]:
        """Do what was proposed, in one atomic step, while the aliases point where they did.

        Raises
        ------
        UsageError
            When there is no reason.
        AliasMoved
            When somebody moved one of them meanwhile; then none has moved.
        """
        _require_reason(why)
        return self._store.move_aliases(
            proposal.model, proposal.moves, why.strip(), verdicts=proposal.verdicts, expected=proposal.standing
        )

    def mark_candidate(self, version: ModelVersion, why: str) -> None:
        """Point `candidate` to the version that the last run made, unless it is the champion."""
        standing = self._store.aliases(version.model)
        if version.version not in {standing.get(CANDIDATE), standing.get(CHAMPION)}:
            self._store.move_aliases(version.model, {CANDIDATE: version.version}, why)

    def alias_history(self, model: str, alias: str | None = None) -> tuple[AliasMove, ...]:
        """Return how the aliases of a model (or one of them) moved, newest first."""
        return self._store.alias_moves(model, alias)

    def reproductions(self, model: str, version: int) -> tuple[Reproduction, ...]:
        """Return the later runs that came to the very content of a version, oldest first."""
        return self._store.reproductions(model, version)


def _check_name(kind: str, name: str) -> None:
    if name == LATEST or not _NAME.fullmatch(name):
        message = f"`{name}` cannot name {kind}."
        raise UsageError(
            message,
            hint="Letters, digits, `_`, `.` and `-`, at most 100, starting with a letter; "
            f"`{LATEST}` and numbers name versions.",
        )


def _require_reason(why: str) -> None:
    if not why.strip():
        message = "A promotion or a rollback needs a reason."
        raise UsageError(message, hint='Say it: --why "it does better on last week"')
