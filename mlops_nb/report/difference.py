"""All that differs between two runs: source, parameters, environment, data, results, figures, and what ran.

`metadata.compare` answers shortly from the record alone; this looks into what the runs kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.metadata import Change, compare
from mlops_nb.report.figures import FigureChange, figure_change
from mlops_nb.report.sources import SourceChange, cell_changes, file_changes, source_of
from mlops_nb.report.tables import TableChange, table_change
from mlops_nb.snapshot import EnvironmentChange, environment_changes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import Artifact, RunRecord, StepRun

_TABLE, _FIGURE = "dataset", "figure"


@dataclass(frozen=True)
class StepPair:
    """A step in two runs, None where one does not have it; `same_code` says that both ran one version of it."""

    name: str
    before: StepRun | None
    after: StepRun | None

    @property
    def same_code(self) -> bool:
        """Whether both runs have the step in one version."""
        return self.before is not None and self.after is not None and self.before.version == self.after.version


@dataclass(frozen=True)
class RunDifference:
    """Two runs side by side: what differs of each kind, all metrics, all steps.

    `scraps` are results that are no metric, `outputs` and `data` content hashes, `notices` what could not be compared.
    """

    before: RunRecord
    after: RunRecord
    cells: tuple[SourceChange, ...]
    files: tuple[SourceChange, ...]
    parameters: tuple[Change, ...]
    environment: tuple[EnvironmentChange, ...]
    data: tuple[Change, ...]
    metrics: tuple[Change, ...]
    scraps: tuple[Change, ...]
    outputs: tuple[Change, ...]
    tables: tuple[TableChange, ...]
    figures: tuple[FigureChange, ...]
    steps: tuple[StepPair, ...]
    notices: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs but times."""
        kinds = (self.cells, self.files, self.parameters, self.environment, self.data, self.scraps, self.outputs)
        return not any(kinds) and not [change for change in self.metrics if change.before != change.after]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "before": self.before.run.id,
            "after": self.after.run.id,
            **{name: [asdict(item) for item in getattr(self, name)] for name in ("cells", "files", "environment")},
            **{
                name: [{**asdict(item), "difference": item.difference} for item in getattr(self, name)]
                for name in ("parameters", "data", "metrics", "scraps", "outputs")
            },
            "tables": [asdict(item) for item in self.tables],
            "figures": [
                {
                    "name": item.name,
                    "step": item.step,
                    "told": item.told,
                    "share": item.share,
                    "before": item.before and item.before.hash,
                    "after": item.after and item.after.hash,
                }
                for item in self.figures
            ],
            "steps": [
                {
                    "name": pair.name,
                    "same_code": pair.same_code,
                    "before": pair.before and pair.before.status,
                    "after": pair.after and pair.after.status,
                }
                for pair in self.steps
            ],
            "notices": list(self.notices),
        }


def diff_runs(
    before: RunRecord, after: RunRecord, store: ArtifactStore, runs: Path, *, step: str | None = None
) -> RunDifference:
    """Return all that differs between two runs.

    Parameters
    ----------
    before, after
        Their records.
    store
        Where their artifacts and snapshots are.
    runs
        The folder of executed notebooks, for runs without a snapshot.
    step
        Only what concerns this step.

    Raises
    ------
    UsageError
        When neither run has the step.
    """
    if step is not None:
        _require_step(before, after, step)
        one, other = _only(before, step), _only(after, step)
    else:
        one, other = before, after
    short = compare(one, other)
    sources = source_of(before, store, runs), source_of(after, store, runs)
    made = _outputs(one), _outputs(other)
    changed = [name for name in dict.fromkeys((*made[0], *made[1])) if _hash(made[0], name) != _hash(made[1], name)]
    of_kind = {name: (made[1].get(name) or made[0][name]) for name in changed}
    return RunDifference(
        before,
        after,
        cells=cell_changes(*sources, step or ""),
        files=() if step else file_changes(*sources),
        parameters=short.parameters if step is None else _step_parameters(before, after, step),
        environment=environment_changes(before.environment, after.environment),
        data=short.data,
        metrics=short.metrics,
        scraps=_scraps(one, other),
        outputs=short.outputs,
        tables=tuple(
            table_change(name, of, *_pair(made, name), store)
            for name, (of, artifact) in of_kind.items()
            if artifact.kind == _TABLE
        ),
        figures=tuple(
            figure_change(name, of, *_pair(made, name), store)
            for name, (of, artifact) in of_kind.items()
            # The second form of a figure is the same figure.
            if artifact.kind == _FIGURE and name.removesuffix(".svg") not in {*of_kind} - {name}
        ),
        steps=_steps(one, other),
        notices=tuple(
            f"{what} of run {record.run.id} {verb} not kept, and not compared."
            for record, source in zip((before, after), sources, strict=True)
            for what, verb, kept in (("The notebook", "is", source.notebook), ("The modules", "are", source.files))
            if kept is None
        ),
    )


def _require_step(before: RunRecord, after: RunRecord, step: str) -> None:
    names = list(dict.fromkeys(item.step for record in (after, before) for item in record.steps))
    if step not in names:
        message = f"Neither run has a step `{step}`.{did_you_mean(step, names)}"
        raise UsageError(message, hint=f"Their steps are {', '.join(names)}.")


def _only(record: RunRecord, step: str) -> RunRecord:
    return replace(
        record,
        steps=tuple(item for item in record.steps if item.step == step),
        scraps=tuple(item for item in record.scraps if item.step == step),
        artifacts=tuple(link for link in record.artifacts if link.step == step),
    )


def _step_parameters(before: RunRecord, after: RunRecord, step: str) -> tuple[Change, ...]:
    one, other = ({item.name: item.value for item in each.parameters if item.step == step} for each in (before, after))
    changes = (Change(name, one.get(name), other.get(name)) for name in dict.fromkeys((*one, *other)))
    return tuple(change for change in changes if change.before != change.after)


def _scraps(before: RunRecord, after: RunRecord) -> tuple[Change, ...]:
    """Return the results that differ and are neither a metric nor an artifact."""
    one, other = ({item.name: item.value for item in record.scraps} for record in (before, after))
    changes = (Change(name, one.get(name), other.get(name)) for name in dict.fromkeys((*one, *other)))
    return tuple(
        change for change in changes if repr(change.before) != repr(change.after) and not _is_told_elsewhere(change)
    )


def _is_told_elsewhere(change: Change) -> bool:
    values = [value for value in (change.before, change.after) if value is not None]
    return all(
        (isinstance(value, int | float) and not isinstance(value, bool))
        or (isinstance(value, dict) and "artifact" in value)
        for value in values
    )


def _outputs(record: RunRecord) -> dict[str, tuple[str, Artifact]]:
    return {link.name: (link.step or "", link.artifact) for link in record.artifacts if link.direction == "output"}


def _hash(made: Mapping[str, tuple[str, Artifact]], name: str) -> str | None:
    return made[name][1].hash if name in made else None


def _pair(
    made: tuple[Mapping[str, tuple[str, Artifact]], Mapping[str, tuple[str, Artifact]]], name: str
) -> tuple[Artifact | None, Artifact | None]:
    one, other = (side.get(name) for side in made)
    return (one[1] if one else None, other[1] if other else None)


def _steps(before: RunRecord, after: RunRecord) -> tuple[StepPair, ...]:
    one, other = ({item.step: item for item in record.steps} for record in (before, after))
    return tuple(StepPair(name, one.get(name), other.get(name)) for name in dict.fromkeys((*other, *one)))
