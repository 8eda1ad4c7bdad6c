"""What is looked at of a selected item: intervals of its metrics, curves of its predictions, its slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.widgets.board import METRIC
from mlops_nb.widgets.curves import curves_of
from mlops_nb.widgets.intervals import intervals_of
from mlops_nb.widgets.predictions import predictions_table, read_predictions, read_slices, slices_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import MetadataStore, RecordedVerdict
    from mlops_nb.widgets.choosing import Item


def details_of(item: Item, log: MetadataStore, store: ArtifactStore) -> dict[str, Any]:
    """Return the details of an item as JSON: `intervals` by key, `curves`, `slices`, and `note` for what is missing."""
    told: dict[str, Any] = {"intervals": {}, "curves": None, "slices": None, "note": ""}
    table = predictions_table(item.tables)
    predictions = None if table is None else read_predictions(table, store)
    if table is None:
        told["note"] = "publishes no table with the columns actual and predicted"
    elif predictions is None:
        told["note"] = f"the predictions in {table.name} cannot be read"
    else:
        told["curves"] = curves_of(predictions)
        if told["curves"] is None:
            told["note"] = f"there is no curve of what {table.name} holds"
        for name, found in intervals_of(predictions, item.metrics).items():
            told["intervals"][METRIC + name] = [found.low, found.high, found.how]
    told["intervals"] |= _judged(_verdicts(item, log))
    table = slices_table(item.tables)
    if table is not None:
        told["slices"] = read_slices(table, store)
    return told


def _verdicts(item: Item, log: MetadataStore) -> tuple[RecordedVerdict, ...]:
    if item.version is not None:
        return log.verdicts(model=item.version.model, version=item.version.version)
    return log.verdicts(run=item.id)


def _judged(verdicts: Iterable[RecordedVerdict]) -> dict[str, Any]:
    """Return the intervals that judges found, which knew the test data: the latest of each metric."""
    found = {}
    for verdict in verdicts:
        metrics = verdict.content.get("evidence", {}).get("metrics")
        for name, measured in metrics.items() if isinstance(metrics, dict) else ():
            if isinstance(measured, dict) and {"low", "high"} <= {*measured}:
                low, high = measured["low"], measured["high"]
                if isinstance(low, int | float) and isinstance(high, int | float):
                    found[METRIC + str(name)] = [low, high, f"judged by {verdict.judge}"]
    return found
