"""A judge of transforms: what they make of a category they have never seen, and of a value that is missing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.finite import first_not_finite
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNSEEN = "never seen before"
# A code, what it is in words, the column, and the value that is put into it.
_Case = tuple[str, str, str, Any]


def judge_handling(  # noqa: PLR0913 - as `checks.handles`
    transform: Any,
    sample: Any,
    *,
    unseen: Sequence[str] = (),
    missing: Sequence[str] = (),
    may_give_nan: bool = False,
    subject: str = "",
) -> Verdict:
    """Put an unseen category, or a missing value, into one column at a time, and judge what the transform gives.

    It must not raise, must give a row for each row and the same columns as for the sample, and no NaN where the
    sample gave none.

    Parameters
    ----------
    transform
        A fitted transformer or model, or a function of a frame.
    sample
        Rows that it takes: a pandas frame.
    unseen, missing
        The columns.
    may_give_nan
        Whether a missing value may stay missing.
    """
    call = next((getattr(transform, name) for name in ("transform", "predict") if hasattr(transform, name)), transform)
    name = subject or getattr(transform, "__name__", type(transform).__name__)
    asked: list[_Case] = [("UNSEEN_CATEGORY", "a category it has never seen", column, UNSEEN) for column in unseen]
    asked += [("MISSING_VALUE", "a missing value", column, None) for column in missing]
    findings = [found for case in asked if (found := _judged(call, sample, case, may_give_nan=may_give_nan))]
    evidence = {"unseen": list(unseen), "missing": list(missing), "rows": len(sample)}
    return Verdict("handles", name, "refuse" if findings else "pass", tuple(findings), evidence)


def _judged(call: Callable[[Any], Any], sample: Any, case: _Case, *, may_give_nan: bool) -> Finding | None:
    code, what, column, value = case
    if column not in sample.columns:
        message = f"The sample has no column `{column}`; its columns are {', '.join(map(str, sample.columns))}."
        return Finding("NO_SUCH_COLUMN", column, message)
    rows = _with(sample, column, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = call(sample)
        try:
            after = call(rows)
        except Exception as error:  # noqa: BLE001 - whatever a transform raises is the finding
            message = f"With {what} in `{column}` it raises {type(error).__name__}: {error}"
            return Finding(f"{code}_RAISES", column, f"{message.rstrip('.')}.")
    if _shape(after) != _shape(before) or _columns(after) != _columns(before):
        message = f"With {what} in `{column}` it gives shape {_shape(after)}, and {_shape(before)} without."
        return Finding(f"{code}_CHANGES_SHAPE", column, message)
    found = first_not_finite(after)
    if found is not None and not may_give_nan and first_not_finite(before) is None:
        message = f"With {what} in `{column}` it gives {found.value} ({found.where})."
        return Finding(f"{code}_GIVES_NAN", column, message)
    return None


def _with(sample: Any, column: str, value: Any) -> Any:
    """Return the sample with a value in the first row of a column, which keeps its type where that can hold it."""
    import pandas as pd

    rows = sample.copy()
    kind = rows[column].dtype
    if isinstance(kind, pd.CategoricalDtype) and value is not None:
        rows[column] = rows[column].cat.add_categories([value])
    elif pd.api.types.is_numeric_dtype(kind):
        rows[column] = rows[column].astype("float64" if value is None else object)
    rows.iloc[0, rows.columns.get_loc(column)] = value
    return rows


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else (len(value),)


def _columns(value: Any) -> list[str]:
    return [str(name) for name in value.columns] if hasattr(value, "columns") else []
