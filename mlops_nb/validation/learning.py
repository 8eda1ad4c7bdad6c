"""Judges of training: does the loss fall, is anything learned, can the model at least learn a few rows by heart.

A training that is broken seldom fails: it ends with a model that is no better than a constant. Three questions find
most of what breaks one, a learning rate that is zero or far too large, labels that belong to other rows, a target that
is lost on the way (A. Karpathy, "A Recipe for Training Neural Networks", 2019, has them among his first checks).
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.losses import constant_losses, rows_of, score, take, training
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

# By how much the loss must fall, as a part of its first value: more than rounding, less than any training that works.
FALLS_BY = 0.01
# One-sided, at 5 %.
_Z = 1.645
_MOST_ROWS = 5_000


def judge_losses(losses: Sequence[float], *, falls_by: float = FALLS_BY, subject: str = "training") -> Verdict:
    """Judge a series of losses, one an iteration: finite, lower at its end than at its start, and not rising again.

    Parameters
    ----------
    losses
        The training loss after each iteration, smaller is better.
    falls_by
        By how much the mean of its last tenth must be below its first value, as a part of that value's size.
    subject
        What was trained.
    """
    values = [float(loss) for loss in losses]
    evidence = {"losses": _thinned(values), "iterations": len(values), "falls_by": falls_by}
    broken = next((number for number, value in enumerate(values, 1) if not math.isfinite(value)), None)
    if len(values) < 2:  # noqa: PLR2004 - a fall has two ends
        message = f"{len(values)} losses were given, and a fall needs two at least."
        return _refused(subject, "TOO_FEW_LOSSES", message, evidence)
    if broken is not None:
        message = f"The loss is {values[broken - 1]} in iteration {broken} of {len(values)}."
        return _refused(subject, "LOSS_NOT_FINITE", message, evidence)
    first, best = values[0], min(values)
    tail = values[-max(1, len(values) // 10) :]
    end = sum(tail) / len(tail)
    fall = (first - end) / abs(first) if first else first - end
    evidence |= {"first": first, "end": end, "fall": fall}
    told = f"from {first:.6g} to {end:.6g} in {len(values)} iterations"
    if end - best > 0.5 * (first - best) and first > best:
        message = f"The loss goes {told}, after it was down to {best:.6g}: it gives back more than half of its fall."
        return _refused(subject, "LOSS_RISES_AGAIN", message, evidence)
    if not fall >= falls_by:
        fell = f"falls by {fall:.2%}" if fall >= 0 else "rises"
        message = f"The loss goes {told}: it {fell}, and must fall by {falls_by:.2%} at least."
        return _refused(subject, "LOSS_DOES_NOT_FALL", message, evidence)
    return Verdict("training-converges", subject, "pass", (), evidence)


def judge_convergence(  # noqa: PLR0913 - what a training is judged by
    fit: Any,
    X: Any,
    y: Any,
    *,
    falls_by: float = FALLS_BY,
    iterations: int | None = None,
    held_out: float = 0.25,
    seed: int = 0,
    subject: str = "training",
) -> Verdict:
    """Train on a part of the rows, and judge the losses, and whether the rest is predicted better than by a constant.

    Parameters
    ----------
    fit
        An estimator, which is cloned, or a function `fit(X, y)` that returns a model, its losses, or both as a pair.
    X, y
        Rows and their targets, shapes (n, …) and (n,).
    iterations
        Passes over the rows for an estimator that is trained step by step (`partial_fit`); its own `max_iter` when
        `None`, 200 at most.
    held_out
        The part of the rows that is not trained on.
    seed
        Of the choice of these rows.
    """
    import numpy as np

    count = len(y)
    order = np.random.default_rng(seed).permutation(count)[:_MOST_ROWS]
    split = max(1, round(len(order) * held_out)) if held_out else 0
    test, train = np.sort(order[:split]), np.sort(order[split:])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, losses = training(fit, take(X, train), take(y, train), iterations)
        fell = judge_losses(losses, falls_by=falls_by, subject=subject)
        if fell.decision != "pass" or model is None or not split:
            return fell
        constant = constant_losses(take(y, train), take(y, test), model)
        reached = rows_of(model, take(X, test), take(y, test))
    gain = constant - reached
    margin = _Z * float(np.std(gain, ddof=1)) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
    evidence = {
        **fell.evidence,
        "held_out_rows": len(gain),
        "held_out_loss": float(np.mean(reached)),
        "constant_loss": float(np.mean(constant)),
        "margin": margin,
    }
    if not float(np.mean(gain)) > margin:
        message = (
            f"On {len(gain)} rows that it was not trained on, the loss is {np.mean(reached):.6g}, and that of the best "
            f"constant is {np.mean(constant):.6g}: nothing was learned beyond chance (margin {margin:.3g}). "
            "Do the labels belong to these rows?"
        )
        return _refused(subject, "LEARNS_NOTHING", message, evidence)
    return Verdict("training-converges", subject, "pass", (), evidence)


def judge_overfit(  # noqa: PLR0913 - what it is judged by
    fit: Any,
    X: Any,
    y: Any,
    *,
    rows: int = 8,
    reaches: float = 0.95,
    iterations: int = 1_000,
    subject: str = "training",
) -> Verdict:
    """Train on a few rows alone, and judge whether the model knows them by heart afterwards.

    Parameters
    ----------
    fit, X, y
        As for `judge_convergence`.
    rows
        How many; of a classification as many of each class as there are.
    reaches
        The score on these very rows that counts as knowing them: accuracy of a classifier, R² of a regression.
    iterations
        Passes over the rows for an estimator that is trained step by step.
    """
    import numpy as np

    chosen = _few(X, y, rows)
    few_x, few_y = take(X, chosen), take(y, chosen)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, _ = training(fit, few_x, few_y, iterations)
        if model is None:
            message = "The function `fit` returned losses and no model: what it knows of the rows cannot be asked."
            return _refused(subject, "NO_MODEL", message, {}, judge="training-overfits")
        name, reached = score(model, few_x, few_y)
    evidence = {"rows": [int(row) for row in chosen], name: reached, "reaches": reaches}
    if not reached >= reaches:
        message = (
            f"Trained on {len(chosen)} rows alone, the model reaches {name} {reached:.4g} on these very rows, "
            f"and {reaches:g} would be knowing them."
        )
        return _refused(subject, "CANNOT_OVERFIT", message, evidence, judge="training-overfits")
    return Verdict("training-overfits", subject, "pass", (), evidence)


def _few(X: Any, y: Any, rows: int) -> list[int]:
    """Return positions of rows that differ, of each class in turn where the target has few values."""
    import numpy as np

    target = np.asarray(y)
    labels = target.tolist()
    seen: set[str] = set()
    by_class: dict[Any, list[int]] = {}
    few_values = target.dtype.kind not in "fc"
    for position in range(len(target)):
        # Rows that look alike and have other targets cannot be known by heart.
        look = str(np.asarray(take(X, [position])).tolist())
        if look not in seen:
            seen.add(look)
            by_class.setdefault(labels[position] if few_values else None, []).append(position)
        if sum(map(len, by_class.values())) >= 50 * rows:
            break
    chosen: list[int] = []
    waiting = list(by_class.values())
    while waiting and len(chosen) < rows:
        waiting = [group for group in waiting if group]
        chosen += [group.pop(0) for group in waiting[: rows - len(chosen)]]
    return sorted(chosen)


def _refused(
    subject: str, code: str, message: str, evidence: dict[str, Any], judge: str = "training-converges"
) -> Verdict:
    return Verdict(judge, subject, "refuse", (Finding(code, subject, message, details=evidence),), evidence)


def _thinned(values: list[float], most: int = 100) -> list[float | str]:
    step = max(1, math.ceil(len(values) / most))
    # JSON has no NaN.
    return [value if math.isfinite(value) else str(value) for value in values[::step]]
