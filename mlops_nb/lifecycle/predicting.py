"""A registered version predicts the rows of a file, or becomes a file itself; how that went is in the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError
from mlops_nb.lifecycle.loading import load_version
from mlops_nb.project import find_project
from mlops_nb.registry import LATEST, Registry
from mlops_nb.serving.batch import ROWS, InputRefused, Predicted, predict_file
from mlops_nb.serving.edge import TOLERANCE, Edge, NotEqual, write_edge
from mlops_nb.snapshot import file_hash

if TYPE_CHECKING:
    from collections.abc import Callable


def predict(  # noqa: PLR0913 - what a person may say of a batch
    model: str,
    data: Path | str,
    to: Path | str,
    *,
    which: str = LATEST,
    id_column: str = "",
    batch: int = ROWS,
    project: Path | str = "",
    allow_pickle: bool = False,
    on_rows: Callable[[int, int], None] = lambda *_: None,
) -> Predicted:
    """Predict every row of a file with a registered version, and record it as a verdict about the version.

    Parameters
    ----------
    model, which
        The model, and which version: its number, an alias, or `latest`.
    data, to
        The file of rows and that of predictions, CSV or Parquet by their names.
    id_column, batch, on_rows
        As for `serving.batch.predict_file`.
    project
        A file or folder of the project; the current folder by default.
    allow_pickle
        Whether a version that is a pickle may be read.

    Raises
    ------
    UnknownRecord
        When there is no such model or version.
    InputRefused
        When a row does not fit the model's signature; that is recorded too, and nothing is written.
    UsageError, Busy
        As for `predict_file`.
    """
    place = find_project(Path(project))
    with place.log() as log:
        registry = Registry(log)
        version = registry.get(model, which)
        loaded = load_version(registry, version, place.artifact_store(), allow_pickle=allow_pickle)
        try:
            made = predict_file(loaded, Path(data), Path(to), id_column=id_column, batch=batch, on_rows=on_rows)
        except InputRefused as refused:
            log.add_verdict(refused.verdict.to_json(), model=version.model, version=version.version)
            raise
        told = made.verdict.to_json()
        told["evidence"] |= {
            "output_sha256": file_hash(made.target),
            "output": made.target.name,
            "taken_over": made.taken_over,
            "seconds": round(made.seconds, 3),
        }
        log.add_verdict(told, model=version.model, version=version.version)
    return made


def edge(  # noqa: PLR0913 - what a person may say of a file
    model: str,
    to: Path | str,
    *,
    which: str = LATEST,
    tolerance: float = TOLERANCE,
    project: Path | str = "",
    allow_pickle: bool = False,
) -> Edge:
    """Write a registered version as an ONNX file, proven on its sample rows; the proof is recorded as a verdict.

    Parameters
    ----------
    model, which
        The model, and which version: its number, an alias, or `latest`.
    to
        The file.
    tolerance
        As for `serving.edge.write_edge`.
    project
        A file or folder of the project; the current folder by default.
    allow_pickle
        Whether a version that is a pickle may be read.

    Raises
    ------
    UnknownRecord
        When there is no such model or version.
    CannotConvert, NotEqual, UsageError
        As for `write_edge`.
    """
    place = find_project(Path(project))
    with place.log() as log:
        registry = Registry(log)
        version = registry.get(model, which)
        if version.sample_input is None:
            message = f"{version.model} version {version.version} has no sample rows to prove a file on."
            raise UsageError(message, hint="Name rows as the output's `sample_input`, and run the notebook.")
        loaded = load_version(registry, version, place.artifact_store(), allow_pickle=allow_pickle)
        try:
            made = write_edge(version, loaded.estimator, loaded.sample, Path(to), tolerance=tolerance)
        except NotEqual as refused:
            log.add_verdict(refused.verdict.to_json(), model=version.model, version=version.version)
            raise
        told = made.verdict.to_json()
        told["evidence"] |= {"file_sha256": file_hash(made.path), "bytes": made.bytes}
        log.add_verdict(told, model=version.model, version=version.version)
    return made
