"""A comparison as JSON: what the table, the charts and the page without a kernel are drawn from.

    kind, title, notice
    items      one a row: id, name, status, started, seconds, who, commit, aliases, models
    columns    key, label, group (`about`, `parameter`, `metric`), type; of a metric its direction and its best
    values     key → a value an item, in the order of the items
    same       the parameters that are the same everywhere
    aliases    model → alias → version, as the registry had them

A key is `id`, `status`, …, `p:NAME` or `m:NAME`. Numbers stay numbers; everything else is text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_nb.report import word_value
from mlops_nb.widgets.measures import metrics_of, parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.metadata import Model
    from mlops_nb.widgets.choosing import Chosen, Item
    from mlops_nb.widgets.measures import Direction, Metric

METRIC, PARAMETER = "m:", "p:"
_LONGEST = 200


def board_of(
    chosen: Chosen,
    models: Sequence[Model],
    directions: Mapping[str, Direction | None] | None = None,
) -> dict[str, Any]:
    """Return the JSON of what was chosen.

    Parameters
    ----------
    models
        The models of the registry, for where their aliases point.
    directions
        Which value of a metric is better, where its name does not tell.

    Raises
    ------
    UsageError
        When a direction is none, or of a metric that is not there.
    """
    items = chosen.items
    metrics = metrics_of(items, directions)
    differ, same = parameters_of(items)
    columns, values = _about(chosen)
    for name in differ:
        given = [_told(item.parameters.get(name)) for item in items]
        columns.append({"key": PARAMETER + name, "label": name, "group": "parameter", "type": _type(given)})
        values[PARAMETER + name] = given
    for metric in metrics:
        columns.append(_metric(metric))
        values[METRIC + metric.name] = [_number(item.metrics.get(metric.name)) for item in items]
    return {
        "kind": chosen.kind,
        "title": chosen.title,
        "notice": chosen.notice,
        "items": [_item(item) for item in items],
        "columns": columns,
        "values": values,
        "same": [[name, word_value(value)] for name, value in same.items()],
        "aliases": {model.name: dict(model.aliases) for model in models},
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "key": METRIC + metric.name,
        "label": metric.name,
        "group": "metric",
        "type": "number",
        "direction": metric.direction,
        "given": metric.given,
        "best": sorted(metric.best),
    }


def _item(item: Item) -> dict[str, Any]:
    run, version = item.run, item.version
    if version is not None:
        models = [[version.model, version.version]]
    else:
        models = [] if run is None else [list(made) for made in run.models]
    return {
        "id": item.id,
        "run": version.run if version is not None else item.id,
        "why": "" if run is None else run.run.why,
        "reason": "" if run is None else run.run.reason,
        "models": models,
    }


def _about(chosen: Chosen) -> tuple[list[dict[str, Any]], dict[str, list[Any]]]:
    """Return the columns of what is known of every item beside parameters and metrics; none that says nothing."""
    items = chosen.items
    versions = chosen.kind == "versions"
    known: dict[str, tuple[str, str, list[Any]]] = {
        "id": ("version" if versions else "run", "text", [item.id for item in items]),
        "status": ("status", "text", [_of_run(item, "status") for item in items]),
        "pipeline": ("pipeline", "text", [_of_run(item, "pipeline") for item in items]),
        "started": (
            "made" if versions else "started",
            "time",
            [
                (item.version.created if item.version is not None else item.run.run.started).isoformat()  # type: ignore[union-attr]
                for item in items
            ],
        ),
        "seconds": ("seconds", "number", [_number(_of_run(item, "seconds")) for item in items]),
        "commit": ("commit", "text", [_commit(item) for item in items]),
        "why": ("why", "text", [_told(_of_run(item, "why")) for item in items]),
    }
    always = {"id", "started"}
    columns, values = [], {}
    for key, (label, kind, told) in known.items():
        if key in always or len({each for each in told if each not in {None, ""}}) > (key in {"status", "pipeline"}):
            columns.append({"key": key, "label": label, "group": "about", "type": kind})
            values[key] = told
    return columns, values


def _of_run(item: Item, name: str) -> Any:
    return None if item.run is None else getattr(item.run.run, name)


def _commit(item: Item) -> str:
    git = _of_run(item, "git")
    return "" if git is None else git.commit[:10] + ("+" if git.dirty else "")


def _type(values: Sequence[Any]) -> str:
    return "number" if all(isinstance(value, int | float) or value is None for value in values) else "text"


def _told(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value if value is None or len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        # JavaScript knows no larger whole numbers, and JSON no infinite ones.
        return value if math.isfinite(value) and abs(value) < 2**53 else str(value)
    return word_value(value)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
