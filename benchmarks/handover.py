"""Large values across a step's boundary, against the formats that people write them in, and against the disk itself."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.report import Chapter, line
from benchmarks.timing import in_turns, of_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.timing import Sample

DISK, PARQUET, PICKLE, JOBLIB = "the disk, as many bytes", "Parquet", "pickle 5", "joblib"
ACTS = {"out": "out of a step", "same": "out, unchanged", "thaw": "into a step, untouched", "in": "into a step, read"}
_MB = 1_000_000


@dataclass(frozen=True)
class Value:
    """A value of about so many megabytes, and how all of it is read."""

    told: str
    value: Any
    read: Callable[[Any], object]
    formats: tuple[str, ...]


def measure(folder: Path, *, quick: bool) -> list[Chapter]:
    """Measure freezing and thawing tables, arrays and forests of several sizes."""
    how = (
        "*Out of a step* is finding that a value is new, and storing it; *unchanged* is finding that it is what it "
        "was. *Into a step* is loading it, *read* is loading and then reading all of it (a sum of every column, a "
        "prediction); *untouched*, the others load it too, because they cannot do otherwise. Everything written is "
        "flushed to the disk; what is read was written just before, so it comes from memory. The table has eight "
        "columns of floats, a category and one of distinct texts."
    )
    chapters = []
    for size in (10, 100, 1000):
        lines = []
        for make in (_table, _array, _forest):
            value = make(size)
            place = folder / f"{size}-{make.__name__}"
            place.mkdir(parents=True)
            found = in_turns(_actions(place, value), 3 if quick or size > 100 else 7)
            shutil.rmtree(place)
            for act, told in ACTS.items():
                against = [*value.formats, *([DISK] if act == "out" else [])]
                for other in against:
                    pair = {name: found[f"{act} {name}"] for name in ("ours", other)}
                    lines.append(line(f"{told}: {value.told}", pair, "ours", other))
        chapters.append(Chapter(f"Hand-over of {size} MB", how if not chapters else "As above.", tuple(lines)))
    return chapters


def _table(megabytes: int) -> Value:
    import numpy as np
    import pandas as pd

    # 64 bytes of floats, and about 56 of texts.
    rows = megabytes * _MB // 120
    draw = np.random.default_rng(0)
    columns: dict[str, Any] = {f"number_{place}": draw.normal(size=rows) for place in range(8)}
    columns["city"] = draw.choice(["Basel", "Bern", "Genève", "Zürich"], rows)
    columns["person"] = [f"person {number}" for number in draw.integers(0, rows, rows)]

    def read(frame: pd.DataFrame) -> None:
        frame.sum(numeric_only=True)
        frame["person"].str.len().sum()

    return Value("a table", pd.DataFrame(columns), read, (PARQUET, PICKLE))


def _array(megabytes: int) -> Value:
    import numpy as np

    value = np.random.default_rng(0).normal(size=(megabytes * _MB // 800, 100))
    return Value("an array", value, lambda array: array.sum(), (PICKLE, JOBLIB))


def _forest(megabytes: int) -> Value:
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    draw = np.random.default_rng(0)
    features = draw.normal(size=(20_000, 5))
    forest = RandomForestRegressor(2, random_state=0).fit(features, draw.normal(size=len(features)))
    trees = forest.estimators_
    each = len(pickle.dumps(trees[0], protocol=5))
    # Trees of their own, though alike: fitting a gigabyte of them takes minutes and would change nothing here.
    forest.estimators_ = [copy.deepcopy(trees[0]) for _ in range(max(1, megabytes * _MB // each))]
    forest.n_estimators = len(forest.estimators_)
    return Value("a forest", forest, lambda model: model.predict(features[:1]), (PICKLE, JOBLIB))


def _actions(folder: Path, given: Value) -> dict[str, Callable[[], Sample]]:
    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.handover import Delta, Process, State, freeze, thaw

    count = iter(range(1_000_000))
    kept = Process(ArtifactStore(folder / "kept"), {})
    state = State().after(Delta(freeze({"value": given.value}, State(), kept, "load")))
    size = sum(path.stat().st_size for path in (folder / "kept").rglob("*") if path.is_file())
    # Random, as what is stored is; some disks and file systems treat zeros as nothing.
    raw = os.urandom(min(size, 64 * _MB))

    def freeze_anew() -> None:
        # A store of its own each time: what is in a store already is not written again.
        place = folder / f"store{next(count)}"
        freeze({"value": given.value}, State(), Process(ArtifactStore(place), {}), "load")

    def freeze_again() -> None:
        assert not freeze({"value": given.value}, state, kept, "load")

    def to_disk() -> None:
        with (folder / "raw").open("wb") as out:
            for begin in range(0, size, len(raw)):
                out.write(raw[: size - begin])
            out.flush()
            os.fsync(out.fileno())

    def load_ours() -> Any:
        return thaw(state, Process(ArtifactStore(folder / "kept"), {}))[0]["value"]

    formats = _formats(given)
    calls: dict[str, Callable[[], object]] = {
        "out ours": freeze_anew,
        f"out {DISK}": to_disk,
        "same ours": freeze_again,
        "thaw ours": load_ours,
        "in ours": lambda: given.read(load_ours()),
    }
    for name in given.formats:
        write, load = formats[name]
        place = folder / name.replace(" ", "")

        def written(write: Callable[[Path], object] = write, place: Path = place) -> None:
            write(place)
            _flush(place)

        calls |= {
            f"out {name}": written,
            f"same {name}": written,
            f"thaw {name}": partial(load, place),
            f"in {name}": lambda load=load, place=place: given.read(load(place)),
        }
    return {name: partial(of_call, act) for name, act in calls.items()}


def _formats(given: Value) -> dict[str, tuple[Callable[[Path], object], Callable[[Path], Any]]]:
    """Return how each format writes the value to a file, and loads it."""
    import joblib
    import pandas as pd

    def to_pickle(path: Path) -> None:
        with path.open("wb") as out:
            pickle.dump(given.value, out, protocol=5)

    def from_pickle(path: Path) -> Any:
        with path.open("rb") as source:
            return pickle.load(source)  # noqa: S301 - written above

    def to_parquet(path: Path) -> None:
        given.value.to_parquet(path)

    return {
        PARQUET: (to_parquet, pd.read_parquet),
        PICKLE: (to_pickle, from_pickle),
        JOBLIB: (lambda path: joblib.dump(given.value, path), joblib.load),
    }


def _flush(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
