"""Whether a table's values have changed since the reference: value skew, which asks for a new model and stops nothing.

A feature has drifted when its difference is *more than chance* and *enough to matter*:

==========  =====================================  =====================================================
feature     more than chance                       enough to matter, one of
==========  =====================================  =====================================================
numbers     Kolmogorov-Smirnov                     Wasserstein distance, population stability index
categories  chi-squared                            Jensen-Shannon distance, population stability index
any         two proportions, of missing values     change of their share
==========  =====================================  =====================================================

Whole numbers of at most 20 values are categories. With fewer than 30 rows on either side nothing is tested; with many
thousands everything is more than chance, and the distances decide. The p-values of all features are corrected by
Holm's method, and a classifier that tells reference rows from new ones looks for a change of features *together*. The
two share the false-positive rate half and half, so that it holds for the verdict as a whole, for any number of
features and whatever depends on what.

The columns whose drift matters carry an `importance`; a new model is asked for where those of the drifted ones add up
to 1. By default that is any single one.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.distances import holm
from mlops_nb.validation.feature_drift import FeatureDrift, compared, is_distributed
from mlops_nb.validation.frames import as_frame, counted
from mlops_nb.validation.schema import DriftLimits, TableSchema
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mlops_nb.validation.statistics import TableStatistics

JUDGE = "data-drift"
LEAST_ROWS = 30
_ALMOST = 1 - 1e-9


def judge_values(
    table: Any,
    reference: TableStatistics,
    *,
    schema: TableSchema | None = None,
    rows: Any = None,
    subject: str = "data",
) -> Verdict:
    """Say whether a table's values have changed enough for a new model.

    Parameters
    ----------
    table
        The table.
    reference
        What the table it is compared with is like.
    schema
        Says which columns matter how much, and from where on; every column does, with the usual limits, when None.
    rows
        The table it is compared with, or rows of it. Without them features are compared one by one, and not together.
    subject
        What the verdict calls the table.
    """
    frame = as_frame(table)
    limits = schema.drift if schema is not None else DriftLimits()
    names = [name for name in reference.columns if name in frame.columns]
    weights = {name: _importance(name, schema) for name in names}
    found = [
        compared(name, reference.columns[name], frame[name], limits, weights[name])
        for name in (names if min(len(frame), reference.rows) >= LEAST_ROWS else ())
        if weights[name] > 0 and is_distributed(reference.columns[name], frame[name])
    ]
    level = limits.false_positive_rate / 2
    corrected = holm([feature.p_value for feature in found])
    drifts = [_decided(feature, p, level) for feature, p in zip(found, corrected, strict=True)]
    weight = sum(feature.importance for feature in drifts if feature.drifted)
    asks = weight >= _ALMOST
    findings = [_told(feature, asks=asks) for feature in _weightiest(drifts) if feature.drifted]
    together = _together(frame, rows, [feature.name for feature in drifts], limits)
    if together is not None and together["drifted"]:
        asks = True
        findings.append(_told_together(together))
    if not found:
        findings.append(_nothing_compared(len(frame), reference.rows))
    evidence = {
        "rows": len(frame),
        "reference_rows": reference.rows,
        "limits": asdict(limits),
        "importance_of_drifted": weight,
        "features": [_shown(feature) for feature in _weightiest(drifts)],
        "compared": len(drifts),
        "together": together,
    }
    return Verdict(JUDGE, subject, "retrain" if asks else "pass", tuple(findings), evidence)


def _importance(name: str, schema: TableSchema | None) -> float:
    column = schema.columns.get(name) if schema is not None else None
    return 1.0 if column is None else column.importance


def _decided(feature: FeatureDrift, corrected: float, level: float) -> FeatureDrift:
    return replace(feature, corrected=corrected, drifted=corrected <= level and feature.value >= feature.limit)


def _weightiest(drifts: list[FeatureDrift]) -> list[FeatureDrift]:
    return sorted(drifts, key=lambda one: (not one.drifted, -one.times))


def _shown(feature: FeatureDrift) -> dict[str, Any]:
    told = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(feature).items()}
    return told | {"value": _finite(feature.value)}


def _finite(value: float) -> float | str:
    return value if value != float("inf") else "inf"


def _told(feature: FeatureDrift, *, asks: bool) -> Finding:
    amount = f"{feature.effect} {feature.value:.3g} (limit {feature.limit:g})"
    chance = f"{feature.test}, corrected p {feature.corrected:.2g}"
    message = f"The values of `{feature.name}` have changed: {amount}; {chance}."
    details = {"p_value": feature.p_value, "corrected": feature.corrected, "effect": feature.effect}
    details |= {"value": _finite(feature.value), "limit": feature.limit, "importance": feature.importance}
    if not asks:
        message += f" Its importance, {feature.importance:g}, is not enough to ask for a new model."
    return Finding("DRIFT", feature.name, message, "error" if asks else "warning", details)


def _told_together(together: Mapping[str, Any]) -> Finding:
    most = ", ".join(f"`{name}`" for name in together["features"][:3])
    message = (
        f"The columns together have changed: a classifier tells reference rows from new ones with an AUC of "
        f"{together['auc']:.3f} (limit {together['limit']:g}), p {together['p_value']:.2g}; it goes by {most}."
    )
    return Finding("DRIFT_TOGETHER", "the columns together", message, "error", dict(together))


def _nothing_compared(rows: int, reference: int) -> Finding:
    if min(rows, reference) < LEAST_ROWS:
        told = f"{counted(rows, 'row')} here and {counted(reference, 'row')} in the reference"
        message = f"Too few rows to compare: {told}, and {LEAST_ROWS} are the least on either side."
        return Finding("TOO_FEW_ROWS", "the table", message, "warning")
    return Finding("NOTHING_COMPARED", "the table", "No column has a distribution that could be compared.", "info")


def _together(frame: pd.DataFrame, rows: Any, names: list[str], limits: DriftLimits) -> dict[str, Any] | None:
    """Return what the classifier found; None where there are no reference rows, or too few rows or columns."""
    if rows is None or len(names) < 2:  # noqa: PLR2004 - one column alone is no togetherness
        return None
    from mlops_nb.validation.domain_classifier import tell_apart

    reference = as_frame(rows)
    names = [name for name in names if name in reference.columns]
    found = tell_apart(reference[names], frame[names])
    if found is None:
        return None
    drifted = found.p_value <= limits.false_positive_rate / 2 and found.auc >= limits.auc
    return {**asdict(found), "features": list(found.features), "limit": limits.auc, "drifted": drifted}
