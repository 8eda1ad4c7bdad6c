"""Judges of NaN and infinity: where the first stands in data, losses, weights or predictions, and what makes one."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

# Large and small enough to overflow or vanish when squared in single precision, and still themselves numbers there.
KINDS: Mapping[str, float] = {"zeros": 0.0, "huge": 1e30, "tiny": 1e-30, "negative": -1.0, "missing": math.nan}
USUAL_KINDS = ("zeros", "huge", "tiny")
_LARGEST_INTEGER = 2**31 - 1
_DEEP = 8


@dataclass(frozen=True)
class NotFinite:
    """A value that is no finite number: which it is, and where in the object it stands."""

    value: str
    where: str


def judge_finite(places: Mapping[str, Any], *, may_miss: Collection[str] = (), subject: str = "") -> Verdict:
    """Judge named values in their order: the first one with NaN or infinity is named, with its place in it.

    Parameters
    ----------
    places
        Numbers, lists, arrays, frames, fitted estimators (their weights), or modules with a `state_dict`, by name, in
        the order in which they come to be: data, losses, weights, predictions.
    may_miss
        Columns of frames in which values may be missing.
    """
    names = ", ".join(places)
    for name, value in places.items():
        found = first_not_finite(value, may_miss)
        if found is not None:
            at = f"`{name}`{f', {found.where}' if found.where else ''}"
            message = f"The first value that is no finite number is {found.value}, in {at}."
            finding = Finding("NOT_FINITE", name, message, details={"value": found.value, "where": found.where})
            return Verdict("finite", subject or names, "refuse", (finding,), {"looked_at": list(places)})
    return Verdict("finite", subject or names, "pass", (), {"looked_at": list(places)})


def judge_edges(process: Any, sample: Any, *, kinds: Sequence[str] = USUAL_KINDS, subject: str = "") -> Verdict:
    """Feed rows of zeros, of huge, tiny, negative or missing numbers to a model, and judge what comes out.

    Parameters
    ----------
    process
        A fitted estimator or pipeline, a function of the rows, or (name, function) pairs that follow each other.
    sample
        Rows as the process takes them: a frame or an array. All its numbers are replaced, its texts stay.
    kinds
        Of `KINDS`. An exception counts as a refusal of the input, unless it is one of arithmetic.
    """
    import numpy as np

    stages = list(_stages(process))
    findings: list[Finding] = []
    for kind in kinds:
        rows = _replaced(sample, kind)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            findings += _followed(stages, rows, kind)
    wrong = any(finding.severity == "error" for finding in findings)
    evidence = {"kinds": list(kinds), "steps": [name for name, _ in stages], "rows": len(sample)}
    findings.sort(key=lambda finding: finding.severity != "error")
    return Verdict(
        "finite-at-edges", subject or stages[-1][0], "refuse" if wrong else "pass", tuple(findings), evidence
    )


def _followed(stages: list[tuple[str, Callable[[Any], Any]]], rows: Any, kind: str) -> list[Finding]:
    value = rows
    last = stages[-1][0]
    for name, stage in stages:
        try:
            value = stage(value)
        except ArithmeticError as error:
            message = f"With {kind}, `{name}` raises {type(error).__name__}: {error}."
            return [Finding("RAISES_AT_EDGE", name, message, details={"kind": kind})]
        except Exception as error:  # noqa: BLE001 - a model may refuse input in any way
            message = f"With {kind}, `{name}` refuses the input: {type(error).__name__}: {error}."
            return [Finding("REFUSES_EDGE", name, message, "info", {"kind": kind})]
        # What came in as missing may be missing until a later step fills it in.
        found = first_not_finite(value) if kind != "missing" or name == last else None
        if found is not None:
            at = f", {found.where}" if found.where else ""
            message = f"With {kind}, {found.value} first appears in what `{name}` gives{at}."
            return [Finding("NOT_FINITE_AT_EDGE", name, message, details={"kind": kind, "value": found.value})]
    return []


def first_not_finite(value: Any, may_miss: Collection[str] = ()) -> NotFinite | None:
    """Return the first NaN, missing value or infinity in a value, or nothing."""
    return next(_not_finite(value, "", frozenset(may_miss), {}, 0), None)


def _not_finite(
    value: Any, where: str, may_miss: frozenset[str], seen: dict[int, Any], depth: int
) -> Iterator[NotFinite]:
    if isinstance(value, str | bytes | bool | int | type(None)) or id(value) in seen or depth > _DEEP:
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            yield NotFinite(_shown(value), where)
        return
    # Kept with its id: a column is made when it is asked for, and the next may get the id of one that is gone.
    seen[id(value)] = value
    for found in _own(value):
        yield NotFinite(found.value, ", ".join(filter(None, (where, found.where))))
    for name, part in _parts(value, may_miss):
        yield from _not_finite(part, ", ".join(filter(None, (where, name))), may_miss, seen, depth + 1)


def _own(value: Any) -> Iterator[NotFinite]:
    """Yield what is not finite among the numbers that a value consists of."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.Series | pd.Index):
        yield from _in_column(pd.Series(value))
    elif isinstance(value, np.ndarray | np.generic):
        yield from _in_array(np.asarray(value))


def _parts(value: Any, may_miss: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value that are looked through, with where they are in it."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        for place, name in enumerate(value.columns):
            if name not in may_miss:
                yield f"column `{name}`", value.iloc[:, place]
    elif isinstance(value, dict):
        yield from ((f"`{name}`", part) for name, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"item {number}", part) for number, part in enumerate(value))
    elif callable(getattr(value, "state_dict", None)):
        for name, weights in value.state_dict().items():
            yield name, np.asarray(weights.detach().cpu()) if hasattr(weights, "detach") else weights
    elif hasattr(value, "tocoo"):
        yield "stored values", np.asarray(value.data)
    else:
        yield from _learned(value)


def _learned(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an estimator learned, and the estimators in it; nothing for other objects."""
    if type(value).__module__ == "sklearn.tree._tree":
        yield "values of its leaves", value.value
    elif hasattr(value, "get_params") and hasattr(value, "__dict__"):
        yield from ((f"`{step[0]}`", step[1]) for step in getattr(value, "steps", ()))
        yield from ((f"`{step[0]}`", step[1]) for step in getattr(value, "transformers_", ()))
        for name, part in vars(value).items():
            # A search notes its best so far, which starts at infinity.
            if name.endswith("_") and not name.startswith(("_", "best_", "n_")) and name != "transformers_":
                yield f"`{name}`", part


def _in_column(column: Any) -> Iterator[NotFinite]:
    import numpy as np

    bad = column.isna().to_numpy()
    if column.dtype.kind in "fc":
        # What is missing has no number where the type is one of pandas' own; it is found already.
        bad = bad | ~np.isfinite(column.fillna(0).to_numpy(complex if column.dtype.kind == "c" else float))
    if bad.any():
        row = int(bad.argmax())
        yield NotFinite(_shown(column.iloc[row]), f"row {row}")


def _in_array(array: Any) -> Iterator[NotFinite]:
    import numpy as np

    if array.dtype.kind == "O":
        wrong = [item is None or (isinstance(item, float) and not math.isfinite(item)) for item in array.ravel()]
        bad = np.array(wrong, bool).reshape(array.shape)
    elif array.dtype.kind in "fc":
        bad = ~np.isfinite(array)
    elif array.dtype.kind in "mM":
        bad = np.isnat(array)
    else:
        return
    if bad.any():
        place = np.unravel_index(int(bad.argmax()), array.shape)
        yield NotFinite(_shown(array[place]), f"at {list(map(int, place))}" if array.ndim else "")


def _shown(value: Any) -> str:
    if value is None or str(value) in {"<NA>", "NaT"}:
        return "missing"
    return str(float(value)) if _real(value) else str(value)


def _real(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, complex)


def _stages(process: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    if isinstance(process, list | tuple):
        yield from process
        return
    steps = getattr(process, "steps", None)
    if steps:
        for name, step in steps:
            if step is not None and step != "passthrough":
                yield name, _call_of(step, last=step is steps[-1][1])
        return
    name = getattr(process, "__name__", type(process).__name__)
    yield name, _call_of(process, last=True)


def _call_of(step: Any, *, last: bool) -> Callable[[Any], Any]:
    methods = ("predict_proba", "predict", "transform") if last else ("transform",)
    found = next((getattr(step, method) for method in methods if hasattr(step, method)), step)
    if not callable(found):
        message = f"`{type(step).__name__}` is neither a function nor has it `predict` or `transform`."
        raise TypeError(message)
    call: Callable[[Any], Any] = found
    return call


def _replaced(sample: Any, kind: str) -> Any:
    """Return the sample with all its numbers replaced by those of a kind."""
    import numpy as np
    import pandas as pd

    if kind not in KINDS:
        message = f"`{kind}` is no kind of edge case; there are {', '.join(KINDS)}."
        raise ValueError(message)
    number = KINDS[kind]
    if not isinstance(sample, pd.DataFrame):
        array = np.asarray(sample)
        whole = array.dtype.kind in "iu" and kind != "missing"
        return np.full(array.shape, _whole(number) if whole else number, array.dtype if whole else float)
    rows = sample.copy()
    for name in rows.columns:
        column = rows[name]
        if pd.api.types.is_bool_dtype(column.dtype):
            continue
        if pd.api.types.is_integer_dtype(column.dtype) and kind != "missing":
            rows[name] = pd.Series(_whole(number), index=rows.index, dtype="int64")
        elif pd.api.types.is_numeric_dtype(column.dtype):
            rows[name] = pd.Series(number, index=rows.index, dtype="float64")
    return rows


def _whole(number: float) -> int:
    return int(min(max(number, -_LARGEST_INTEGER), _LARGEST_INTEGER))
