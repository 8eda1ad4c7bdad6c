"""Models: versions that never change, numbered without a gap or a double, and aliases that move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.contents import environment_hash
from mlops_nb.metadata.database import Database, insert_new, now
from mlops_nb.metadata.errors import AliasMoved, UnknownRecord
from mlops_nb.metadata.finding import require_run, require_step
from mlops_nb.metadata.json_values import plain
from mlops_nb.metadata.model_records import AliasMove, Model, ModelVersion, Reproduction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, Row

    from mlops_nb.metadata.model_records import Candidate


class ModelLog(Database):
    """The part of a store that keeps model versions and aliases."""

    def add_model_version(self, model: str, candidate: Candidate) -> ModelVersion:
        """Record a version of a model, or return the one that has this content already.

        A later run that comes to the same content is recorded as a `Reproduction` of that version, once.

        Raises
        ------
        UnknownRecord
            When the candidate's artifact, sample input, run or step is not in the store.
        UsageError
            When metrics, signature or environment are no JSON.
        """
        at, who = now(), str(self.who)
        digest = candidate.digest or candidate.artifact
        metrics = plain(candidate.metrics, f"the metrics of model `{model}`")
        signature = plain(candidate.signature, f"the signature of model `{model}`")
        with self._write() as connection:
            _require_origin(connection, candidate)
            connection.execute(insert_new(connection, t.model), {"name": model, "created": at})
            _lock(connection, model)
            same = (t.model_version.c.model == model, t.model_version.c.digest == digest)
            existing = connection.execute(select(t.model_version).where(*same)).one_or_none()
            fact: dict[str, Any] = {"run": candidate.run, "step": candidate.step, "metrics": metrics}
            if existing is not None:
                if not _known_origin(connection, existing, candidate):
                    again = {"model": model, "version": existing.version, "at": at, "who": who, **fact}
                    connection.execute(insert(t.model_reproduction), again)
                return _versions(connection, model, existing.version)[0]
            newest = select(func.coalesce(func.max(t.model_version.c.version), 0)).where(
                t.model_version.c.model == model
            )
            version = connection.execute(newest).scalar_one() + 1
            row = {
                "model": model,
                "version": version,
                "digest": digest,
                "artifact": candidate.artifact,
                "format": candidate.format,
                "signature": signature,
                "sample_input": candidate.sample_input,
                "environment": environment_hash(connection, candidate.environment),
                "created": at,
                "who": who,
                **fact,
            }
            connection.execute(insert(t.model_version), row)
            return _versions(connection, model, version)[0]

    def models(self) -> tuple[Model, ...]:
        """Return all models, by name."""
        count = func.count(t.model_version.c.version)
        query = (
            select(t.model.c.name, count, t.model.c.created)
            .join(t.model_version, t.model_version.c.model == t.model.c.name)
            .group_by(t.model.c.name, t.model.c.created)
            .order_by(t.model.c.name)
        )
        with self._read() as connection:
            aliases = _aliases(connection)
            found = connection.execute(query)
            return tuple(Model(name, versions, aliases.get(name, {}), at) for name, versions, at in found)

    def model_versions(self, model: str, version: int | None = None) -> tuple[ModelVersion, ...]:
        """Return the versions of a model, newest first, or the one of that number; none if there is none."""
        with self._read() as connection:
            return _versions(connection, model, version)

    def aliases(self, model: str) -> dict[str, int]:
        """Return where the aliases of a model point now."""
        with self._read() as connection:
            return _aliases(connection, model).get(model, {})

    def move_aliases(
        self,
        model: str,
        moves: Mapping[str, int | None],
        why: str,
        *,
        verdicts: Iterable[int] = (),
        expected: Mapping[str, int | None] | None = None,
    ) -> tuple[AliasMove, ...]:
        """Point aliases of a model to versions, or (None) to nothing: all of them at once, or none of them.

        Parameters
        ----------
        verdicts
            The ids of the verdicts that the move stands on.
        expected
            Where aliases must point for the move to happen, as whoever decided on it saw them: of two people who move
            at once, the second is told.

        Raises
        ------
        UnknownRecord
            When a version does not exist.
        AliasMoved
            When an alias points elsewhere than expected; nothing has moved then.
        """
        at, who = now(), str(self.who)
        with self._write() as connection:
            _lock(connection, model)
            current = _aliases(connection, model).get(model, {})
            for alias, version in (expected or {}).items():
                if current.get(alias) != version:
                    raise _moved(model, alias, version, current.get(alias))
            known = set(connection.scalars(select(t.model_version.c.version).where(t.model_version.c.model == model)))
            for alias, version in moves.items():
                if version is not None and version not in known:
                    message = f"Alias `{alias}` cannot move: model `{model}` has no version {version}."
                    raise UnknownRecord(message, hint="`mlops-nb models` lists the models and their versions.")
            stood_on = tuple(verdicts)
            made = tuple(
                AliasMove(model, alias, version, current.get(alias), at, who, why, stood_on)
                for alias, version in moves.items()
            )
            if made:
                rows = [{**vars(move), "verdicts": list(move.verdicts)} for move in made]
                connection.execute(insert(t.alias_move), rows)
            return made

    def alias_moves(self, model: str, alias: str | None = None) -> tuple[AliasMove, ...]:
        """Return how the aliases of a model (or one of them) moved, newest first."""
        query = select(t.alias_move).where(t.alias_move.c.model == model).order_by(t.alias_move.c.id.desc())
        if alias is not None:
            query = query.where(t.alias_move.c.alias == alias)
        with self._read() as connection:
            return tuple(
                AliasMove(r.model, r.alias, r.version, r.replaced, r.at, r.who, r.why, tuple(r.verdicts or ()))
                for r in connection.execute(query)
            )

    def reproductions(self, model: str, version: int) -> tuple[Reproduction, ...]:
        """Return the later runs that came to the content of a version, oldest first."""
        r = t.model_reproduction.c
        query = select(r.model, r.version, r.run, r.step, r.metrics, r.at, r.who)
        query = query.where(r.model == model, r.version == version).order_by(r.id)
        with self._read() as connection:
            return tuple(Reproduction(*row) for row in connection.execute(query))


def _moved(model: str, alias: str, expected: int | None, now_at: int | None) -> AliasMoved:
    was, stands = (f"version {version}" if version else "nothing" for version in (expected, now_at))
    message = f"Alias `{alias}` of model `{model}` points to {stands} now, and no longer to {was}."
    return AliasMoved(message, hint=f"Somebody moved it meanwhile: `mlops-nb models {model}` shows who, and why.")


def _lock(connection: Connection, model: str) -> None:
    # In PostgreSQL the row makes writers of one model take turns; SQLite's write transaction has done so already.
    connection.execute(select(t.model.c.name).where(t.model.c.name == model).with_for_update()).all()


def _require_origin(connection: Connection, candidate: Candidate) -> None:
    for what, digest in (("artifact", candidate.artifact), ("sample input", candidate.sample_input)):
        known = select(t.artifact.c.hash).where(t.artifact.c.hash == digest)
        if digest is not None and connection.execute(known).one_or_none() is None:
            message = f"The model's {what} `{digest}` is not in the metadata store."
            raise UnknownRecord(message, hint="Record it first, as an output of the step that made it.")
    if candidate.run is not None and candidate.step is not None:
        require_step(connection, candidate.run, candidate.step)
    elif candidate.run is not None:
        require_run(connection, candidate.run)


def _known_origin(connection: Connection, existing: Row[*tuple[Any, ...]], candidate: Candidate) -> bool:
    origin = (candidate.run, candidate.step)
    r = t.model_reproduction.c
    again = select(r.run, r.step).where(r.model == existing.model, r.version == existing.version)
    return origin in {(existing.run, existing.step), *(tuple(row) for row in connection.execute(again))}


def _versions(connection: Connection, model: str, version: int | None = None) -> tuple[ModelVersion, ...]:
    v = t.model_version.c
    query = select(t.model_version, t.environment.c.content).join(t.environment, v.environment == t.environment.c.hash)
    query = query.where(v.model == model).order_by(v.version.desc())
    if version is not None:
        query = query.where(v.version == version)
    aliases = _aliases(connection, model).get(model, {})
    return tuple(
        ModelVersion(
            model=row.model,
            version=row.version,
            digest=row.digest,
            artifact=row.artifact,
            format=row.format,
            metrics=row.metrics,
            signature=row.signature,
            environment=row.content,
            sample_input=row.sample_input,
            run=row.run,
            step=row.step,
            created=row.created,
            who=row.who,
            aliases=tuple(sorted(alias for alias, points_to in aliases.items() if points_to == row.version)),
        )
        for row in connection.execute(query)
    )


def _aliases(connection: Connection, model: str | None = None) -> dict[str, dict[str, int]]:
    """Return model → alias → version: where the latest move of each alias went."""
    move = t.alias_move.c
    latest = select(func.max(move.id)).group_by(move.model, move.alias)
    if model is not None:
        latest = latest.where(move.model == model)
    query = select(move.model, move.alias, move.version).where(move.id.in_(latest), move.version.is_not(None))
    found: dict[str, dict[str, int]] = {}
    for of, alias, version in connection.execute(query.order_by(move.alias)):
        found.setdefault(of, {})[alias] = version
    return found
