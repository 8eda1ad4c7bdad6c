"""What is worth knowing of a model and decides nothing: calibration, and what it makes of worse data than it had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_nb.validation.metrics import CannotMeasure, find_metric
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from mlops_nb.validation.gate import Gate
    from mlops_nb.validation.metrics import Answers, Metric

BINS = 10
_ROWS = 1_000
_NOISE = 0.1
_HARMS = ("missing", "shuffled", "perturbed")


def judge_behaviour(  # noqa: PLR0913, PLR0917 - what is judged, by what
    subject: str,
    gate: Gate,
    table: pd.DataFrame,
    answers: Answers,
    answer: Callable[[pd.DataFrame, np.ndarray], Answers],
    evidence: Mapping[str, Any],
) -> Verdict:
    """Look at a model's calibration and robustness; the verdict always passes, its findings are information.

    Parameters
    ----------
    subject
        `MODEL VERSION`.
    gate
        Its leading metric says how much is lost.
    table
        The columns that the model takes, a row each answer.
    answers
        The model's answers for the table.
    answer
        Asks the model: rows and the truth of them → answers.
    evidence
        What else the verdict is to keep.
    """
    calibrated = calibration(answers)
    findings = [_calibrated(calibrated)] if calibrated is not None else []
    lost: list[dict[str, Any]] = []
    metric = find_metric(gate.metrics[0].name)
    if metric is not None:
        findings += _robustness(metric, table.head(_ROWS), answers.rows(np.arange(len(answers))[:_ROWS]), answer, lost)
    told = {**evidence, "calibration": calibrated, "robustness": lost}
    return Verdict("model-behaviour", subject, "pass", tuple(findings), told)


def calibration(answers: Answers) -> dict[str, Any] | None:
    """Return what was said against what was true, in groups of equal size from the lowest answer to the highest.

    For two classes the probability against the share that was so; for numbers the prediction against the truth. None
    for more classes and for classes without probabilities.
    """
    if answers.probability is not None and len(answers.classes) == 2:  # noqa: PLR2004 - a yes and a no
        said, true, kind = answers.score, answers.positive, "probability"
    elif not answers.classes and np.issubdtype(np.asarray(answers.predicted).dtype, np.number):
        said, true, kind = np.asarray(answers.predicted, float), np.asarray(answers.actual, float), "value"
    else:
        return None
    groups = [rows for rows in np.array_split(np.argsort(said, kind="stable"), BINS) if len(rows)]
    bins = [{"said": float(said[rows].mean()), "true": float(true[rows].mean()), "rows": len(rows)} for rows in groups]
    error = float(sum(len(rows) * abs(said[rows].mean() - true[rows].mean()) for rows in groups) / max(len(said), 1))
    return {"kind": kind, "bins": bins, "error": error}


def _calibrated(told: Mapping[str, Any]) -> Finding:
    what = "probabilities are off by" if told["kind"] == "probability" else "predictions are off by"
    message = f"Over tenths of the rows, {what} {told['error']:.4g} on average."
    return Finding("CALIBRATION", "calibration", message, "info", {"error": told["error"]})


def _robustness(
    metric: Metric,
    table: pd.DataFrame,
    answers: Answers,
    answer: Callable[[pd.DataFrame, np.ndarray], Answers],
    lost: list[dict[str, Any]],
) -> Iterator[Finding]:
    try:
        before = metric.value(answers)
    except (CannotMeasure, ValueError, TypeError):
        return
    failing: dict[str, tuple[str, ...]] = {}
    for name in table.columns:
        for harm in _HARMS:
            harmed = _harmed(table, name, harm)
            if harmed is None:
                continue
            try:
                after = metric.value(answer(harmed, answers.actual))
            except Exception as error:  # noqa: BLE001 - the estimator may raise anything, and that is what is asked
                failing[str(name)] = (*failing.get(str(name), ()), harm)
                lost.append({"column": str(name), "harm": harm, "fails": f"{type(error).__name__}: {error}"[:200]})
                continue
            worse = -float(metric.improvement(after, before))
            lost.append({"column": str(name), "harm": harm, "value": after, "worse": worse})
    for name, harms in failing.items():
        message = f"It answers nothing where `{name}` is {' or '.join(harms)}: it raises an error."
        yield Finding("FAILS_ON_HARM", name, message, "info", {"harms": list(harms)})
    worst = max((item for item in lost if "worse" in item), key=lambda item: item["worse"], default=None)
    if worst is not None and worst["worse"] > 0:
        message = (
            f"Most is lost where `{worst['column']}` is {worst['harm']}: `{metric.name}` goes from {before:.4g} to "
            f"{worst['value']:.4g}."
        )
        yield Finding("MOST_SENSITIVE", worst["column"], message, "info", dict(worst))


def _harmed(table: pd.DataFrame, name: Any, harm: str) -> pd.DataFrame | None:
    """Return the table with one column gone, in another order, or a tenth of its spread aside."""
    import pandas as pd

    column = table[name]
    stream = np.random.default_rng(0)
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if harm == "shuffled":
        return table.assign(**{name: column.to_numpy()[stream.permutation(len(column))]})
    if harm == "perturbed":
        if not number:
            return None
        aside = stream.normal(scale=_NOISE * float(column.std() or 0.0), size=len(column))
        return table.assign(**{name: column.astype("float64") + aside})
    gone = np.nan if number else None
    return table.assign(**{name: pd.Series(gone, index=table.index, dtype="float64" if number else column.dtype)})
