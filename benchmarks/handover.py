"""A large table across a step's boundary, against writing it to a file."""

from __future__ import annotations

import os
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.report import Chapter, line
from benchmarks.timing import in_turns, of_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from benchmarks.timing import Sample

PARQUET, PICKLE = "Parquet", "pickle 5"
_MIB = 1 << 20


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure freezing and thawing a table of 100 MB against Parquet and pickle on the same disk."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = _frame(80_000 if quick else 800_000)
    size = int(frame.memory_usage(deep=True).sum()) // _MIB
    found = in_turns(_actions(folder, frame), 3 if quick else 7)
    lines = [
        line(f"{told}, {size} MiB", found, f"{act} ours", f"{act} {against}")
        for act, told in (("out", "out of a step"), ("same", "out, unchanged"), ("in", "into a step"))
        for against in (PARQUET, PICKLE)
    ]
    renamed = tuple(
        # The columns of the table say what is compared; the act stands at the beginning of the line.
        type(one)(one.what, one.seconds, one.against.partition(" ")[2], one.against_seconds, one.cpu_ratio)
        for one in lines
    )
    how = (
        "A table of eight columns of floats and two of text. *Out of a step* is finding that it is new, and "
        "storing it; *unchanged* is finding that it is what it was. *Into a step* is loading it and adding up "
        "every column. Files are flushed to the disk like the store's."
    )
    return Chapter("Hand-over", how, renamed)


def _frame(rows: int) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(0)
    columns: dict[str, Any] = {f"number_{place}": draw.normal(size=rows) for place in range(8)}
    columns["city"] = draw.choice(["Basel", "Bern", "Genève", "Zürich"], rows)
    columns["person"] = [f"person {number}" for number in draw.integers(0, rows, rows)]
    return pd.DataFrame(columns)


def _actions(folder: Path, frame: pd.DataFrame) -> dict[str, Callable[[], Sample]]:
    import pandas as pd

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.handover import Delta, Process, State, freeze, thaw

    table, dump = folder / "table.parquet", folder / "table.pickle"
    count = iter(range(1_000_000))
    kept = Process(ArtifactStore(folder / "kept"), {})
    state = State().after(Delta(freeze({"frame": frame}, State(), kept, "load")))

    def freeze_anew() -> None:
        # A store of its own each time: what is in a store already is not written again.
        freeze({"frame": frame}, State(), Process(ArtifactStore(folder / f"store{next(count)}"), {}), "load")

    def freeze_again() -> None:
        assert not freeze({"frame": frame}, state, kept, "load")

    def to_parquet() -> None:
        frame.to_parquet(table)
        _flush(table)

    def to_pickle() -> None:
        with dump.open("wb") as out:
            pickle.dump(frame, out, protocol=5)
        _flush(dump)

    def read(load: Callable[[], pd.DataFrame]) -> None:
        loaded = load()
        assert len(loaded) == len(frame)
        loaded.sum(numeric_only=True)
        loaded["person"].str.len().sum()

    def load_pickle() -> pd.DataFrame:
        with dump.open("rb") as source:
            found: pd.DataFrame = pickle.load(source)  # noqa: S301 - written above
        return found

    def load_ours() -> pd.DataFrame:
        found: pd.DataFrame = thaw(state, Process(ArtifactStore(folder / "kept"), {}))[0]["frame"]
        return found

    calls: dict[str, Callable[[], None]] = {
        "out ours": freeze_anew,
        f"out {PARQUET}": to_parquet,
        f"out {PICKLE}": to_pickle,
        "same ours": freeze_again,
        f"same {PARQUET}": to_parquet,
        f"same {PICKLE}": to_pickle,
        "in ours": partial(read, load_ours),
        f"in {PARQUET}": partial(read, lambda: pd.read_parquet(table)),
        f"in {PICKLE}": partial(read, load_pickle),
    }
    return {name: partial(of_call, act) for name, act in calls.items()}


def _flush(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
