"""Predictions for all rows of a file, by one model version: each row once, whatever happens on the way.

1. The input is read once, whole: its hash, and whether every row fits the model's signature. If one does not, nothing
   is predicted and nothing is written.
2. The rows are predicted in pieces. Each piece becomes a file of its own, in `TARGET.parts` beside the target, and is
   there whole or not at all.
3. When all pieces are there, they become the target in one step, and their folder goes.

Killed at any moment, the same call goes on: pieces that are there are taken over, if they are of the same version,
input and size of pieces, which `manifest.json` says; of another job they are thrown away.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, UsageError, did_you_mean
from mlops_nb.serving.tables import is_csv, pieces, settle, write_whole
from mlops_nb.snapshot import file_hash
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from mlops_nb.serving.model import LoadedModel
    from mlops_nb.validation.rows import RowsReader

FORMAT = 1
ROWS = 10_000
_MANIFEST = "manifest.json"


class InputRefused(UsageError):  # noqa: N818 - the name of the fact
    """The rows do not fit the model's signature; `verdict` says where."""

    code = "input-refused"

    def __init__(self, verdict: Verdict) -> None:
        told = "\n".join(f"{finding.code}: {finding.message}" for finding in verdict.findings)
        message = f"{verdict.subject} does not fit the model, and nothing was predicted.\n{told}"
        super().__init__(message, hint="Mend the data; `mlops-nb models MODEL VERSION` shows what the model takes.")
        self.verdict = verdict


class Busy(MlopsNbError):  # noqa: N818 - the name of the fact
    """Another process is making the same predictions."""

    code = "busy"


@dataclass(frozen=True)
class Job:
    """What is predicted: the version and the input by their hashes, and how the rows are cut and named."""

    model: str
    version: int
    artifact: str
    input_sha256: str
    rows: int
    batch: int
    id_column: str = ""


@dataclass(frozen=True)
class Predicted:
    """What came of it: `taken_over` are rows that an earlier, killed call had predicted."""

    job: Job
    target: Path
    taken_over: int
    seconds: float
    verdict: Verdict


def predict_file(  # noqa: PLR0913 - what a batch consists of
    model: LoadedModel,
    source: Path,
    target: Path,
    *,
    id_column: str = "",
    batch: int = ROWS,
    on_rows: Callable[[int, int], None] = lambda *_: None,
) -> Predicted:
    """Predict every row of a file with a model version.

    The target has a row for each row of the input, in its order: the id (or the number of the row, from 0), the
    prediction, the probability of each class where the model gives them, the model, its version, the input's hash.

    Parameters
    ----------
    model
        The version, loaded.
    source, target
        Files, CSV or Parquet by their names.
    id_column
        A column of the input that names each row, once.
    batch
        Rows a piece.
    on_rows
        Told how many rows are done, and of how many.

    Raises
    ------
    InputRefused
        When a row does not fit the signature, or an id is missing or there twice; nothing is written then.
    UsageError
        When the version has no signature, a file is no table, or something else is in the target's place.
    Busy
        When another process makes the same target.
    """
    began = time.monotonic()
    version = model.version
    reader = model.reader()
    is_csv(target)
    hashed = file_hash(source)
    verdict = _judged(source, reader, id_column, batch, {"input_sha256": hashed, "model": version.model})
    if verdict.decision != "pass":
        raise InputRefused(verdict)
    job = Job(version.model, version.version, version.artifact, hashed, reader.rows, batch, id_column)
    folder = target.with_name(f"{target.name}.parts")
    if target.exists():
        _require_ours(target, job)
        shutil.rmtree(folder, ignore_errors=True)
        return Predicted(job, target, job.rows, time.monotonic() - began, verdict)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        _begin(folder, job)
        parts, taken_over = _predict(model, source, folder, job, on_rows)
        if file_hash(source) != hashed:
            shutil.rmtree(folder)
            message = f"{source} changed while its rows were predicted; nothing was written."
            raise UsageError(message, hint="Predict again, from a file that nobody writes to.")
        write_whole(target, parts, batch, beside=folder)
        shutil.rmtree(folder)
    return Predicted(job, target, taken_over, time.monotonic() - began, verdict)


def _judged(source: Path, reader: RowsReader, id_column: str, batch: int, evidence: dict[str, Any]) -> Verdict:
    """Read the whole input, and judge it."""
    ids: set[str] = set()
    wrong: list[Finding] = []
    for piece in pieces(source, batch):
        if id_column and id_column not in piece.columns:
            near = did_you_mean(id_column, map(str, piece.columns))
            message = f"{source} has no column `{id_column}` for the ids.{near}"
            raise UsageError(message, hint=f"Its columns are {', '.join(map(str, piece.columns))}.")
        if id_column and not wrong:
            wrong = _wrong_ids(piece[id_column], ids, id_column, reader.rows)
        reader.read(piece)
    found = reader.verdict(source.name, evidence)
    if not wrong:
        return found
    return Verdict(found.judge, found.subject, "stop", (*wrong, *found.findings), found.evidence)


def _wrong_ids(column: pd.Series, seen: set[str], name: str, before: int) -> list[Finding]:
    for place, value in enumerate(column.tolist()):
        row = before + place
        if value is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
            return [Finding("MISSING_ID", name, f"The id in column `{name}` is missing in row {row}.")]
        if str(value) in seen:
            return [Finding("DUPLICATE_ID", name, f"The id {str(value)!r} of row {row} is there before.")]
        seen.add(str(value))
    return []


def _begin(folder: Path, job: Job) -> None:
    """Note the job beside its pieces; pieces of another job are thrown away."""
    note = folder / _MANIFEST
    wanted = {"format": FORMAT, **asdict(job)}
    with suppress(OSError, ValueError):
        if json.loads(note.read_text(encoding="utf-8")) == wanted:
            return
    for left in folder.iterdir():
        if left.suffix in {".parquet", ".tmp"}:
            left.unlink()
    aside = folder / "manifest.tmp"
    aside.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
    settle(aside, note)


def _predict(
    model: LoadedModel, source: Path, folder: Path, job: Job, on_rows: Callable[[int, int], None]
) -> tuple[list[Path], int]:
    reader = model.reader()
    parts: list[Path] = []
    done = taken_over = 0
    for piece in pieces(source, job.batch):
        part = folder / f"{done:012d}.parquet"
        if part.exists():
            reader.rows += len(piece)
            taken_over += len(piece)
        else:
            answers = _answered(model, reader.read(piece))
            ids = piece[job.id_column].to_numpy() if job.id_column else range(done, done + len(piece))
            answers.insert(0, job.id_column or "row", ids)
            write_whole(
                part, answers.assign(model=job.model, version=job.version, input_sha256=job.input_sha256), job.batch
            )
        parts.append(part)
        done += len(piece)
        on_rows(done, job.rows)
    return parts, taken_over


def _answered(model: LoadedModel, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the model answers to rows, a column a prediction."""
    import pandas as pd

    answers = model.answers(model.given(rows))
    if answers.predictions.ndim == 1:
        found = pd.DataFrame({"prediction": answers.predictions})
    else:
        flat = answers.predictions.reshape(len(answers.predictions), -1)
        found = pd.DataFrame({f"prediction_{number}": flat[:, number] for number in range(flat.shape[1])})
    if answers.probabilities is not None:
        for number, label in enumerate(model.classes or ()):
            found[f"probability_{label}"] = answers.probabilities[:, number]
    return found


def _require_ours(target: Path, job: Job) -> None:
    """Refuse a target that is there already, unless it holds these very predictions."""
    rows = 0
    first: Any = None
    with suppress(UsageError, KeyError):
        for piece in pieces(target, ROWS):
            first = piece.iloc[0] if first is None and len(piece) else first
            rows += len(piece)
        if first is not None and rows == job.rows:
            found = (str(first["model"]), int(first["version"]), str(first["input_sha256"]))
            if found == (job.model, job.version, job.input_sha256):
                return
    message = (
        f"{target} is there already, and does not hold the predictions of {job.model} {job.version} for this input."
    )
    raise UsageError(message, hint="Name a new file: nothing is overwritten.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep every other process out of the pieces' folder for the length of the block; the system ends it with ours."""
    folder.mkdir(exist_ok=True)
    with Path(folder, "lock").open("w", encoding="utf-8") as lock:
        try:
            import fcntl
        except ModuleNotFoundError:  # a system without such locks
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"Another process is making the predictions of {folder}."
            raise Busy(message, hint="Wait for it, or name another target.") from None
        yield
