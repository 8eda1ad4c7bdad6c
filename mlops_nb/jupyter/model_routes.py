"""Routes about models: versions with their evidence, and aliases moved or moved back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_nb.jupyter.handler import Handler
from mlops_nb.jupyter.run_view import verdict_view
from mlops_nb.metadata import AliasMoved
from mlops_nb.registry import CHAMPION, Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata import Model, ModelVersion
    from mlops_nb.registry import Proposal


class ModelsRoute(Handler):
    """All models."""

    route = "/models"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the models of the project."""
        self.answer({"models": await self.ask(self._models, self.query()["path"])})

    def _models(self, path: str | None) -> list[dict[str, Any]]:
        project = self.served.project(path)
        if not project.has_log:
            return []
        with project.log() as log:
            registry = Registry(log)
            return [_model(model, registry.versions(model.name)) for model in registry.models()]


class ModelRoute(Handler):
    """A model."""

    route = "/models/{model}"

    @web.authenticated
    @authorized
    async def get(self, model: str) -> None:
        """Answer with its versions, newest first, with what judges said of each, and the moves of its aliases."""
        self.answer(await self.ask(self._detail, model, self.query()["path"]))

    def _detail(self, name: str, path: str | None) -> dict[str, Any]:
        with self.served.log(self.served.project(path)) as log:
            registry = Registry(log)
            versions = registry.versions(name)
            model = next(item for item in registry.models() if item.name == name)
            judged = log.verdicts(model=name)
            again = {item.version: registry.reproductions(name, item.version) for item in versions}
            moves = registry.alias_history(name)
        shown = ("version", "digest", "format", "metrics", "signature", "run", "step", "who")
        return {
            "model": _model(model, versions),
            "versions": [
                {
                    **{field: getattr(item, field) for field in shown},
                    "created": item.created.isoformat(),
                    "aliases": list(item.aliases),
                    "verdicts": [verdict_view(verdict) for verdict in judged if verdict.version == item.version],
                    "reproductions": [other.run for other in again[item.version] if other.run is not None],
                }
                for item in versions
            ],
            "moves": [{**asdict(move), "at": move.at.isoformat()} for move in moves],
        }


class AliasesRoute(Handler):
    """An alias, moved."""

    route = "/models/{model}/aliases"

    @web.authenticated
    @authorized
    async def post(self, model: str) -> None:
        """Move it, or say what moving it would change."""
        self.answer(await self.ask(self._move, model, self.query()["path"], self.body("AliasRequest")))

    def _move(self, model: str, path: str | None, asked: dict[str, Any]) -> dict[str, Any]:
        alias, version = asked["alias"], asked["version"]
        with self.served.log(self.served.project(path)) as log:
            registry = Registry(log)
            if version is not None:
                return _carried_out(registry, registry.propose(model, str(version), alias), alias, asked)
            now = registry.get(model, alias).version
            _check_seen(model, alias, now, asked)
            if not asked.get("dry_run", False):
                registry.drop_alias(model, alias, asked["why"])
            changes = [{"alias": alias, "from": now, "to": None}]
            return {"model": model, "dry_run": asked.get("dry_run", False), "changes": changes}


class RollbackRoute(Handler):
    """An alias, moved back."""

    route = "/models/{model}/rollback"

    @web.authenticated
    @authorized
    async def post(self, model: str) -> None:
        """Make the champion before the champion again, or say which version that is."""
        self.answer(await self.ask(self._back, model, self.query()["path"], self.body("RollbackRequest")))

    def _back(self, model: str, path: str | None, asked: dict[str, Any]) -> dict[str, Any]:
        with self.served.log(self.served.project(path)) as log:
            registry = Registry(log)
            return _carried_out(registry, registry.propose_rollback(model), CHAMPION, asked)


def _carried_out(registry: Registry, proposal: Proposal, alias: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    _check_seen(proposal.model, alias, proposal.standing.get(alias), asked)
    dry_run = asked.get("dry_run", False)
    if not dry_run:
        registry.carry_out(proposal, asked["why"])
    changes = [{"alias": name, "from": before, "to": after} for name, before, after in proposal.changes]
    return {"model": proposal.model, "dry_run": dry_run, "changes": changes}


def _check_seen(model: str, alias: str, now: int | None, asked: Mapping[str, Any]) -> None:
    if "expected" in asked and asked["expected"] != now:
        message = f"`{alias}` of model `{model}` points to {now or 'no version'} by now."
        raise AliasMoved(message, hint="Look at the model again.")


def _model(model: Model, versions: tuple[ModelVersion, ...]) -> dict[str, Any]:
    return {
        "name": model.name,
        "created": model.created.isoformat(),
        "versions": model.versions,
        "latest": versions[0].version,
        "aliases": dict(model.aliases),
    }
