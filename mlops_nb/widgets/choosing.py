"""What is compared: runs or model versions, chosen by name, by pipeline and condition, or by model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.registry import LATEST, Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_nb.metadata import MetadataStore, ModelVersion, PublishedTable, RunFacts

Kind = Literal["runs", "versions"]
LAST = "last"


@dataclass(frozen=True)
class Item:
    """A run or a model version with what it is compared by.

    `id` is the run's, or `MODEL@NUMBER`; `run` is None where the record does not know which run made a version.
    """

    id: str
    metrics: Mapping[str, float] = field(hash=False)
    run: RunFacts | None = None
    version: ModelVersion | None = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the run was given."""
        return {} if self.run is None else self.run.parameters

    @property
    def tables(self) -> tuple[PublishedTable, ...]:
        """The datasets that the run published."""
        return () if self.run is None else self.run.tables


@dataclass(frozen=True)
class Chosen:
    """The items in the order in which they are shown, what they are, and a notice where there are more."""

    kind: Kind
    items: tuple[Item, ...]
    title: str
    notice: str = ""


@dataclass(frozen=True)
class Choice:
    """What a person asks to compare; see `mlops_nb.compare`."""

    names: tuple[str, ...] = ()
    pipeline: str | None = None
    where: str = ""
    model: str | None = None
    limit: int = 1000


def choose(log: MetadataStore, choice: Choice) -> Chosen:
    """Return what is asked for.

    Raises
    ------
    UsageError
        When the question contradicts itself, or nothing answers it.
    UnknownRecord
        When there is no such run, model or version, with the nearest.
    """
    by_search = choice.pipeline is not None or bool(choice.where)
    ways = [bool(choice.names), by_search, choice.model is not None]
    if sum(ways) > 1:
        message = "Runs are chosen by name, or by pipeline and condition, or the versions of a model: by one of them."
        raise UsageError(message, hint="Leave the others out: compare(model='NAME'), compare(pipeline='NAME').")
    if choice.model is not None:
        return _versions_of(log, choice.model, choice.limit)
    if choice.names:
        return _named(log, choice.names)
    return _found(log, choice)


def _found(log: MetadataStore, choice: Choice) -> Chosen:
    pipeline = choice.pipeline
    known = log.pipelines()
    if pipeline is None and not choice.where:
        newest = log.runs(1)
        pipeline = newest[0].pipeline if newest else None
    elif pipeline is not None and pipeline not in known:
        message = f"No run is of a pipeline `{pipeline}`.{did_you_mean(pipeline, known)}"
        raise UsageError(message, hint="`mlops-nb runs` lists the runs.")
    found = log.find_runs(choice.where, pipeline=pipeline, limit=choice.limit + 1)
    if not found:
        message = "There are no runs to compare." if not choice.where else f"No run meets `{choice.where}`."
        raise UsageError(message, hint="`mlops-nb runs` lists the runs.")
    runs = [each.run.id for each in found[: choice.limit]]
    more = len(found) > choice.limit
    notice = f"There are more: these are the newest {choice.limit}." if more else ""
    told = f" of {pipeline}" if pipeline is not None else ""
    title = f"{_counted(len(runs), 'run')}{told}" + (f" where {choice.where}" if choice.where else "")
    return Chosen("runs", _runs(log, runs), title, notice)


def _named(log: MetadataStore, names: Sequence[str]) -> Chosen:
    of_models = [name for name in names if "@" in name]
    if of_models and len(of_models) < len(names):
        run = next(name for name in names if "@" not in name)
        message = f"`{run}` names a run and `{of_models[0]}` a model version: one kind is compared at a time."
        raise UsageError(message, hint="Name only runs, or only versions as MODEL@NUMBER or MODEL@ALIAS.")
    if not of_models:
        newest = log.runs(1)
        ids = [newest[0].id if name == LAST and newest else log.run(name).run.id for name in names]
        runs = _runs(log, ids)
        return Chosen("runs", runs, _counted(len(runs), "run"))
    found = []
    for name in of_models:
        model, _, which = name.rpartition("@")
        found.append(Registry(log).get(model, which or LATEST))
    items = _versions(log, found)
    return Chosen("versions", items, _counted(len(items), "model version"))


def _versions_of(log: MetadataStore, model: str, limit: int) -> Chosen:
    versions = Registry(log).versions(model)
    notice = f"There are more: these are the newest {limit}." if len(versions) > limit else ""
    items = _versions(log, versions[:limit])
    return Chosen("versions", items, f"{_counted(len(items), 'version')} of {model}", notice)


def _runs(log: MetadataStore, ids: Iterable[str]) -> tuple[Item, ...]:
    return tuple(Item(run, facts.metrics, facts) for run, facts in log.facts_of(ids).items())


def _versions(log: MetadataStore, versions: Iterable[ModelVersion]) -> tuple[Item, ...]:
    distinct = {(version.model, version.version): version for version in versions}
    runs = log.facts_of(version.run for version in distinct.values() if version.run is not None)
    return tuple(
        Item(
            f"{version.model}@{version.version}",
            {name: float(value) for name, value in version.metrics.items() if _is_number(value)},
            runs.get(version.run or ""),
            version,
        )
        for version in distinct.values()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
