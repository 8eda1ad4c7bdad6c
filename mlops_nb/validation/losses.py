"""The losses of a training, however the estimator shows them: pass by pass, stage by stage, or before and after.

The loss of a row is the squared error of a regression, and the negative logarithm of the probability of the right class
of a classification (0 or 1 where the model gives no probabilities).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_LEAST = 1e-15
_MOST_PASSES = 200


def take(table: Any, rows: Any) -> Any:
    """Return the rows at these positions of a frame, a series, an array or a list."""
    import numpy as np

    if hasattr(table, "iloc"):
        return table.iloc[rows]
    return np.asarray(table)[rows]


def training(fit: Any, X: Any, y: Any, iterations: int | None) -> tuple[Any, list[float]]:
    """Train, and return the model (None when `fit` gave losses alone) and the losses on the rows of the training.

    Parameters
    ----------
    fit
        An estimator, which is cloned, or a function of `X` and `y` that returns a model, losses, or both.
    X, y
        Rows and targets.
    iterations
        Passes for an estimator with `partial_fit`; its own `max_iter` when `None`, 200 at most.
    """
    if hasattr(fit, "fit"):
        return _estimator_losses(fit, X, y, iterations)
    made = fit(X, y)
    if isinstance(made, tuple) and len(made) == 2 and hasattr(made[0], "predict"):  # noqa: PLR2004 - a pair
        return made[0], [float(loss) for loss in made[1]]
    if hasattr(made, "predict"):
        return made, _shown_losses(made, X, y)
    return None, [float(loss) for loss in made]


def _estimator_losses(estimator: Any, X: Any, y: Any, iterations: int | None) -> tuple[Any, list[float]]:
    from sklearn.base import clone

    model = clone(estimator)
    steps = getattr(model, "steps", None)
    last = steps[-1][1] if steps else model
    if hasattr(last, "partial_fit") and not hasattr(last, "transform"):
        inner = model[:-1].fit_transform(X, y) if steps and len(steps) > 1 else X
        losses = _pass_by_pass(last, inner, y, iterations or min(getattr(last, "max_iter", _MOST_PASSES), _MOST_PASSES))
        return model, losses
    model.fit(X, y)
    if steps and len(steps) > 1:
        return model, _shown_losses(model[-1], model[:-1].transform(X), y)
    return model, _shown_losses(model, X, y)


def _pass_by_pass(model: Any, X: Any, y: Any, iterations: int) -> list[float]:
    import numpy as np

    more = {"classes": np.unique(np.asarray(y))} if _classifies(model) else {}
    losses: list[float] = []
    for _ in range(iterations):
        model.partial_fit(X, y, **more)
        if not losses:
            # One pass over many rows may be all that it needs: the fall begins at the best constant.
            losses.append(_mean(constant_losses(y, y, model)))
        losses.append(_mean(rows_of(model, X, y)))
        if not np.isfinite(losses[-1]):
            break
    return losses


def _shown_losses(model: Any, X: Any, y: Any) -> list[float]:
    """Return what a fitted model shows of its training, and else the loss of the best constant and its own."""
    if hasattr(model, "loss_curve_"):
        return [float(loss) for loss in model.loss_curve_]
    start = _mean(constant_losses(y, y, model))
    staged = getattr(model, "staged_predict_proba", None) or getattr(model, "staged_predict", None)
    if staged is not None:
        import numpy as np

        classes = getattr(model, "classes_", None)
        return [start, *(_mean(_losses(np.asarray(answer), np.asarray(y), classes)) for answer in staged(X))]
    return [start, _mean(rows_of(model, X, y))]


def rows_of(model: Any, X: Any, y: Any) -> np.ndarray:
    """Return the loss of each row."""
    import numpy as np

    classes = getattr(model, "classes_", None)
    if classes is not None and hasattr(model, "predict_proba"):
        return _losses(np.asarray(model.predict_proba(X)), np.asarray(y), classes)
    return _losses(np.asarray(model.predict(X)), np.asarray(y), classes)


def constant_losses(known: Any, asked: Any, model: Any) -> np.ndarray:
    """Return the loss of each asked target when the best constant of the known ones is the answer to all."""
    import numpy as np

    known, asked = np.asarray(known), np.asarray(asked)
    classes = getattr(model, "classes_", None)
    if classes is None:
        return _losses(np.full(asked.shape, known.mean(axis=0)), asked, None)
    shares = np.array([np.mean(known == label) for label in classes])
    if hasattr(model, "predict_proba"):
        return _losses(np.tile(shares, (len(asked), 1)), asked, classes)
    return _losses(np.full(asked.shape, classes[int(shares.argmax())]), asked, classes)


def score(model: Any, X: Any, y: Any) -> tuple[str, float]:
    """Return the name and value of a score that is 1 when every row is right."""
    import numpy as np

    answer, target = np.asarray(model.predict(X)), np.asarray(y)
    if getattr(model, "classes_", None) is not None or target.dtype.kind not in "fciu":
        return "accuracy", float(np.mean(answer == target))
    spread = float(np.sum((target - target.mean()) ** 2))
    missed = float(np.sum((target - answer.reshape(target.shape)) ** 2))
    return "R²", 1.0 - missed / spread if spread else float(missed == 0.0)


def _losses(answer: np.ndarray, target: np.ndarray, classes: Sequence[Any] | None) -> np.ndarray:
    import numpy as np

    if classes is None:
        missed = (answer.reshape(target.shape) - target).astype(float) ** 2
        return np.asarray(missed if missed.ndim == 1 else missed.mean(axis=tuple(range(1, missed.ndim))))
    if answer.ndim == 1:
        return np.asarray(answer != target, float)
    place = {label: position for position, label in enumerate(np.asarray(classes).tolist())}
    # A class that was not there in training has no probability.
    found = np.array([place.get(label, -1) for label in target.tolist()])
    right = np.where(found >= 0, answer[np.arange(len(target)), found], 0.0)
    return np.asarray(-np.log(np.where(np.isnan(right), right, np.clip(right, _LEAST, 1.0))))


def _classifies(model: Any) -> bool:
    from sklearn.base import is_classifier

    return bool(is_classifier(model))


def _mean(losses: np.ndarray) -> float:
    return float(losses.mean())
