"""The data that a model is judged on: published beside it, as one table, with the answer to who learned from it.

The table holds the columns that the model takes, the truth, and columns to group by; `features`, `target` and `groups`
say which is which. It is plain Parquet: a later version, or the champion, is scored on these very rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import CannotStore, dump_table, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops_nb.artifacts import ArtifactStore

_HINT = "Correct `evaluate` in the output's settings, or the variables it names."


def publish_evaluation(
    name: str, evaluate: Mapping[str, Any], read: Mapping[str, Any], store: ArtifactStore
) -> dict[str, Any]:
    """Put the data that a model is judged on into the store, and return the reference to it.

    Parameters
    ----------
    name
        The model's output.
    evaluate
        Its `evaluate` setting.
    read
        The values of the variables that the setting names.
    store
        The artifact store.

    Returns
    -------
    `evaluation` (`artifact`, `bytes`, `rows`), `training` the same when its truth is named, `features`, `target`,
    `groups`, `layout`, and `leak`, the verdict on rows that are in both.

    Raises
    ------
    CannotStore
        When a variable is no table, or the lengths differ.
    """
    from mlops_nb.validation.leak import judge_leak

    data, target = evaluate["data"], evaluate["target"]
    rows, layout = _frame(read[data], data)
    truth_name = _truth_name(read[target], rows)
    table = rows.assign(**{truth_name: _truth(read[target], target, len(rows))})
    groups: list[str] = []
    if "groups" in evaluate:
        further = _aligned(read[evaluate["groups"]], rows, evaluate["groups"])
        groups = [column for column in further.columns if column not in table.columns]
        table = table.assign(**{column: further[column].to_numpy() for column in groups})
    train, train_target = (_names(evaluate.get(key, ())) for key in ("train", "train_target"))
    trained = [_trained(read[variable], variable, rows) for variable in train]
    training = None
    if train_target:
        training = _stored(_together(trained, train, [read[v] for v in train_target], train_target, truth_name), store)
    # An index tells where a row came from, and is no content of it.
    verdict = judge_leak(name, rows, trained, evaluate.get("shared_rows"))
    return {
        "evaluation": _stored(table.reset_index(drop=True), store),
        "training": training,
        "features": [str(column) for column in rows.columns],
        "target": truth_name,
        "groups": groups,
        "layout": layout,
        "variable": data,
        "leak": verdict.to_json(),
    }


def _names(told: str | Sequence[str]) -> list[str]:
    return [told] if isinstance(told, str) else list(told)


def _stored(table: pd.DataFrame, store: ArtifactStore) -> dict[str, Any]:
    digest, length = store.put(dump_table(table).data)
    return {"artifact": digest, "bytes": length, "rows": len(table)}


def _frame(value: Any, variable: str) -> tuple[pd.DataFrame, str]:
    """Return rows that a model takes as a frame, and what they were."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        if not all(isinstance(column, str) for column in value.columns) or not value.columns.is_unique:
            message = f"the columns of `{variable}` have no names, or two of one name."
            raise CannotStore(message, hint=_HINT)
        return value, "frame"
    if isinstance(value, pd.Series):
        return value.to_frame(value.name if isinstance(value.name, str) else "values"), "series"
    if isinstance(value, np.ndarray) and value.ndim == 2:  # noqa: PLR2004 - rows and columns
        return pd.DataFrame(value, columns=[str(position) for position in range(value.shape[1])]), "array"
    message = f"`{variable}` is a `{type_name(value)}`, and rows to judge a model on are a frame, a series or an array."
    raise CannotStore(message, hint=_HINT)


def _truth_name(value: Any, rows: pd.DataFrame) -> str:
    given = getattr(value, "name", None)
    name = given if isinstance(given, str) and given else "target"
    while name in rows.columns:
        name += "_"
    return name


def _truth(value: Any, variable: str, length: int) -> Any:
    import numpy as np

    column = value.iloc[:, 0] if getattr(value, "ndim", 1) == 2 and hasattr(value, "iloc") else value  # noqa: PLR2004
    values = column.array if hasattr(column, "array") else np.asarray(column)
    if getattr(values, "ndim", 1) != 1 or len(values) != length:
        shape = getattr(values, "shape", (len(values),))
        message = f"`{variable}` has the shape {tuple(shape)}, and {length} rows want one value each."
        raise CannotStore(message, hint=_HINT)
    return values


def _aligned(value: Any, rows: pd.DataFrame, variable: str) -> pd.DataFrame:
    """Return further columns for the rows: those of the same labels, or as many in the same order."""
    table = _frame(value, variable)[0]
    if table.index.equals(rows.index):
        return table
    if table.index.is_unique and rows.index.isin(table.index).all():
        return table.loc[rows.index]
    if len(table) == len(rows):
        return table
    message = f"`{variable}` has {len(table)} rows with other labels than the {len(rows)} that the model is judged on."
    raise CannotStore(message, hint=_HINT)


def _trained(value: Any, variable: str, rows: pd.DataFrame) -> pd.DataFrame:
    table = _frame(value, variable)[0]
    lacking = [column for column in rows.columns if column not in table.columns]
    if lacking:
        message = f"`{variable}` has no column `{lacking[0]}`, which the rows have that the model is judged on."
        raise CannotStore(message, hint=_HINT)
    return table[list(rows.columns)]


def _together(
    trained: list[pd.DataFrame], train: list[str], truths: list[Any], named: list[str], truth_name: str
) -> pd.DataFrame:
    import pandas as pd

    if len(trained) != len(truths):
        message = f"`train` names {len(train)} variables and `train_target` {len(named)}."
        raise CannotStore(message, hint=_HINT)
    parts = [
        table.assign(**{truth_name: _truth(value, variable, len(table))})
        for table, value, variable in zip(trained, truths, named, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)
