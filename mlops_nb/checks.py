"""Ready checks of training and transforms, for test cells and unit tests: each returns a verdict, or fails with it.

```python
# tags: test
import mlops_nb.checks as checks

checks.converges(Ridge(), X, y)
checks.no_nan(data=X, weights=model, predictions=model.predict(X))
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.validation.finite import USUAL_KINDS, judge_edges, judge_finite
from mlops_nb.validation.learning import FALLS_BY, judge_convergence, judge_losses, judge_overfit
from mlops_nb.validation.transforms import judge_handling

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mlops_nb.validation import Verdict


class CheckFailed(AssertionError):  # noqa: N818 - the name of the fact
    """A check did not pass; `verdict` says why."""

    def __init__(self, verdict: Verdict) -> None:
        wrong = [finding for finding in verdict.findings if finding.severity == "error"]
        super().__init__("\n".join(f"{finding.code}: {finding.message}" for finding in wrong))
        self.verdict = verdict


def converges(  # noqa: PLR0913 - as the judge
    fit: Any,
    X: Any = None,
    y: Any = None,
    *,
    falls_by: float = FALLS_BY,
    iterations: int | None = None,
    held_out: float = 0.25,
    seed: int = 0,
) -> Verdict:
    """Check that a training's loss falls, and that it learns more than a constant.

    Parameters
    ----------
    fit
        The losses themselves, one an iteration; or, with `X` and `y`, an estimator or a function `fit(X, y)` that
        returns a model, its losses, or both. An estimator is cloned: the one given stays as it is.
    X, y
        Rows and targets.
    falls_by
        By how much the loss must fall, as a part of its first value.
    iterations
        Passes over the rows, for an estimator with `partial_fit`; its own `max_iter` when `None`, 200 at most.
    held_out
        The part of the rows that is not trained on, and must be predicted better than by the best constant; 0 to leave
        that out.
    seed
        Of the choice of these rows.

    Raises
    ------
    CheckFailed
        With `LOSS_DOES_NOT_FALL`, `LOSS_RISES_AGAIN`, `LOSS_NOT_FINITE`, `TOO_FEW_LOSSES` or `LEARNS_NOTHING`.
    """
    if X is None:
        return _demanded(judge_losses(fit, falls_by=falls_by))
    return _demanded(
        judge_convergence(fit, X, y, falls_by=falls_by, iterations=iterations, held_out=held_out, seed=seed)
    )


def overfits_a_few(  # noqa: PLR0913 - as the judge
    fit: Any, X: Any, y: Any, *, rows: int = 8, reaches: float = 0.95, iterations: int = 1_000
) -> Verdict:
    """Check that a model trained on a few rows alone knows them by heart.

    Parameters
    ----------
    fit, X, y
        As for `converges`.
    rows
        How many rows; a linear model knows no more than it has columns.
    reaches
        Accuracy, or R² of a regression, on these very rows.
    iterations
        Passes over the rows, for an estimator with `partial_fit`.

    Raises
    ------
    CheckFailed
        With `CANNOT_OVERFIT` or `NO_MODEL`.
    """
    return _demanded(judge_overfit(fit, X, y, rows=rows, reaches=reaches, iterations=iterations))


def no_nan(*, may_miss: Collection[str] = (), **places: Any) -> Verdict:
    """Check that no value is NaN, missing or infinite, and name the first place where one is.

    Parameters
    ----------
    may_miss
        Columns of frames in which values may be missing.
    places
        By name, in the order in which they come to be: numbers, arrays, frames, fitted estimators (their weights).

    Raises
    ------
    CheckFailed
        With `NOT_FINITE`.
    """
    return _demanded(judge_finite(places, may_miss=may_miss))


def no_nan_at_edges(process: Any, sample: Any, *, kinds: Sequence[str] = USUAL_KINDS) -> Verdict:
    """Check that rows of zeros, of huge and of tiny numbers give no NaN or infinity, and name the first step that does.

    Parameters
    ----------
    process
        A fitted estimator or pipeline, a function, or (name, function) pairs that follow each other.
    sample
        Rows that it takes.
    kinds
        Of `zeros`, `huge`, `tiny`, `negative`, `missing`.

    Raises
    ------
    CheckFailed
        With `NOT_FINITE_AT_EDGE` or `RAISES_AT_EDGE`.
    """
    return _demanded(judge_edges(process, sample, kinds=kinds))


def handles(
    transform: Any,
    sample: Any,
    *,
    unseen: Sequence[str] = (),
    missing: Sequence[str] = (),
    may_give_nan: bool = False,
) -> Verdict:
    """Check that a transform takes an unseen category and a missing value: no error, the same columns, no NaN.

    Parameters
    ----------
    transform
        A fitted transformer or model, or a function of a frame.
    sample
        A frame that it takes.
    unseen, missing
        The columns in which there is one, one column at a time.
    may_give_nan
        Whether a missing value may stay missing.

    Raises
    ------
    CheckFailed
        With `UNSEEN_CATEGORY_RAISES`, `…_CHANGES_SHAPE`, `…_GIVES_NAN`, the same for `MISSING_VALUE`, or
        `NO_SUCH_COLUMN`.
    """
    return _demanded(judge_handling(transform, sample, unseen=unseen, missing=missing, may_give_nan=may_give_nan))


def _demanded(verdict: Verdict) -> Verdict:
    if verdict.decision != "pass":
        raise CheckFailed(verdict)
    return verdict
