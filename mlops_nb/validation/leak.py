"""Whether a model is judged on rows that it learned from.

Rows are compared by content. In some data different rows are alike (two people of one age and one job), so alike is
not yet the same: how often that happens by chance, the training rows themselves tell, by how many of them have a twin
among the others. More evaluation rows with a twin in the training data than that explains are a leak.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd

# How rarely rows without a leak are taken for one: once in ten thousand evaluations.
CHANCE = 1e-4
_EXACT_BELOW = 100.0
_SHOWN = 5


def row_hashes(table: pd.DataFrame) -> np.ndarray:
    """Return a number for each row that depends on its content alone: uint64, shape (rows,)."""
    import numpy as np
    import pandas as pd

    found = np.zeros(len(table), dtype=np.uint64)
    for position in range(table.shape[1]):
        column = table.iloc[:, position]
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            # Whole numbers in one table are floats in the other as soon as a value is missing there.
            values = np.asarray(column.astype("float64"))
        else:
            values = np.asarray(column.astype(object).where(column.notna(), None).map(str), dtype=object)
        hashed = pd.util.hash_array(values, categorize=True)
        found = found * np.uint64(1_000_003) ^ hashed
    return found


def judge_leak(
    subject: str, evaluated: pd.DataFrame, trained: Sequence[pd.DataFrame], allowed_share: float | None = None
) -> Verdict:
    """Decide whether evaluation rows are among the training rows.

    Parameters
    ----------
    subject
        The name of the model's output.
    evaluated
        The rows that the model is judged on, with the columns it takes.
    trained
        The tables it was trained on, with the same columns in the same order.
    allowed_share
        The share of evaluation rows that may be among the training rows; what chance explains when `None`.
    """
    # Here and not above: every run imports this module, and one whose steps are all cached asks no more of it.
    import numpy as np

    if not trained:
        message = "The settings do not name the training data (`train`), so that rows were not compared."
        return Verdict("leak", subject, "pass", (Finding("TRAINING_NOT_NAMED", subject, message, "info"),))
    hashes = np.concatenate([row_hashes(table) for table in trained])
    rows, trained_rows = len(evaluated), len(hashes)
    distinct, counts = np.unique(hashes, return_counts=True)
    twins = int(counts[counts > 1].sum())
    shared = np.flatnonzero(np.isin(row_hashes(evaluated), distinct))
    allowed = (
        most_by_chance(rows, (twins + 1) / (trained_rows + 1))
        if allowed_share is None
        else math.floor(allowed_share * rows)
    )
    evidence = {
        "rows": rows,
        "training_rows": trained_rows,
        "shared_rows": len(shared),
        "allowed_rows": allowed,
        "training_rows_with_a_twin": twins,
    }
    if len(shared) <= allowed:
        return Verdict("leak", subject, "pass", (), evidence)
    shown = evaluated.iloc[shared[:_SHOWN]]
    explained = f"{twins} of {trained_rows} training rows have a twin themselves, which explains up to {allowed}"
    message = (
        f"{len(shared)} of {rows} evaluation rows are among the training rows "
        f"({explained if allowed_share is None else f'{allowed} are allowed'})."
    )
    details = {**evidence, "sample_rows": [_told(index, row) for index, row in shown.iterrows()]}
    return Verdict("leak", subject, "stop", (Finding("LEAKED_ROWS", subject, message, details=details),), evidence)


def most_by_chance(rows: int, share: float, chance: float = CHANCE) -> int:
    """Return the number that a binomial count exceeds with the probability `chance` at most."""
    variance = rows * share * (1.0 - share)
    if variance > _EXACT_BELOW:
        from statistics import NormalDist

        return min(rows, math.ceil(rows * share + NormalDist().inv_cdf(1.0 - chance) * math.sqrt(variance)))
    if share >= 1.0:
        return rows
    # By the recursion of its probabilities, from the end where they do not vanish.
    flipped = share > 0.5  # noqa: PLR2004
    odds_of = 1.0 - share if flipped else share
    probability = math.exp(rows * math.log1p(-odds_of))
    below, count = probability, 0
    target = chance if flipped else 1.0 - chance
    while below <= target and count < rows:
        probability *= (rows - count) / (count + 1) * odds_of / (1.0 - odds_of)
        count += 1
        below += probability
    return rows - count if flipped else count


def judge_same_data(subject: str, variable: str, readers: Mapping[str, str]) -> Verdict:
    """Decide whether the very data that a model is judged on went into the steps that made it.

    Parameters
    ----------
    subject
        The name of the model's output.
    variable
        The variable with the evaluation data.
    readers
        The steps that made the model and read that content, each with the name under which it did.
    """
    findings = tuple(
        Finding(
            "LEAKED_DATA",
            subject,
            f"Step `{step}` had a part in the model and reads `{name}`, the data that the model is judged on"
            + (f" (`{variable}`)." if name != variable else "."),
            details={"step": step, "variable": name},
        )
        for step, name in readers.items()
    )
    return Verdict("leak", subject, "stop" if findings else "pass", findings)


def _told(index: Any, row: Any) -> dict[str, Any]:
    values = {str(name): value.item() if hasattr(value, "item") else value for name, value in row.items()}
    plain = {n: v if isinstance(v, str | int | float | bool | None) else str(v) for n, v in values.items()}
    return {"row": str(index), "values": plain}
