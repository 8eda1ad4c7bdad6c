"""A registered model as one ONNX file, for devices without Python packages of ours or of its training.

1. The estimator is converted. Numbers come in as 32-bit floats, texts as texts; a column is an input of its own, unless
   the model was shown an array, or a table of numbers alone.
2. The file's answers to the version's own sample rows are held against the model's. One row beyond the tolerance, and
   there is no file.
3. The file says in its metadata which version it is, which columns it takes, and how it was compared.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.serving.tables import settle
from mlops_nb.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mlops_nb.metadata import ModelVersion

JUDGE = "edge-parity"
# Relative to the answer, or absolute below 1: what rounding to 32 bits leaves of most models.
TOLERANCE = 1e-4
_SHOWN = 5
_NUMBERS = ("int", "uint", "float", "double", "decimal", "bool")


class CannotConvert(MlopsNbError):  # noqa: N818 - the name of the fact
    """The model has no ONNX form."""

    code = "cannot-convert"


class NotEqual(MlopsNbError):  # noqa: N818 - the name of the fact
    """The ONNX form answers otherwise than the model; `verdict` says to which rows."""

    code = "not-equal"

    def __init__(self, verdict: Verdict) -> None:
        told = "\n".join(finding.message for finding in verdict.findings)
        hint = "Nothing was written. Allow a larger --tolerance, or train with float32 inputs, as the file computes."
        super().__init__(f"The ONNX form of {verdict.subject} does not answer as the model does.\n{told}", hint=hint)
        self.verdict = verdict


@dataclass(frozen=True)
class Edge:
    """A file for the edge, and the verdict on it."""

    path: Path
    bytes: int
    verdict: Verdict


def write_edge(version: ModelVersion, estimator: Any, sample: Any, path: Path, *, tolerance: float = TOLERANCE) -> Edge:
    """Write a model version as an ONNX file, once its answers to the sample rows are proven to be the model's.

    Parameters
    ----------
    version
        The version, for its name and signature.
    estimator, sample
        Its model, loaded, and its sample rows.
    path
        The file.
    tolerance
        By how much a number may differ: relative to the model's answer, absolute where that is below 1. Labels must
        be equal.

    Raises
    ------
    CannotConvert
        When there is no ONNX form of the estimator.
    NotEqual
        When a row's answer differs; nothing is written then.
    UsageError
        When the extra `onnx` is not installed, or something is in the file's place.
    """
    if path.exists():
        message = f"{path} is there already."
        raise UsageError(message, hint="Name a new file: nothing is overwritten.")
    _require_onnx()
    import onnx

    subject = f"{version.model} {version.version}"
    columns = version.signature["inputs"]
    converted, apart = _converted(estimator, columns, str(version.signature.get("layout", "frame")), subject)
    answers = run_onnx(converted.SerializeToString(), sample, columns, apart=apart)
    verdict = _compared(estimator, sample, answers, tolerance, subject)
    if verdict.decision != "pass":
        raise NotEqual(verdict)
    told = {
        "model": version.model,
        "version": str(version.version),
        "artifact": version.artifact,
        "columns": json.dumps([[column["name"], column["dtype"]] for column in columns]),
        "tolerance": repr(tolerance),
        "compared_rows": str(len(sample)),
    }
    onnx.helper.set_model_props(converted, told)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    try:
        data = converted.SerializeToString()
        aside.write_bytes(data)
        settle(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return Edge(path, len(data), verdict)


def run_onnx(data: bytes, rows: Any, columns: Sequence[Mapping[str, Any]], *, apart: bool) -> dict[str, np.ndarray]:
    """Return the answers of an ONNX model to rows, by the names of its outputs.

    Parameters
    ----------
    data
        The model.
    rows
        A frame, or an array.
    columns
        The signature's.
    apart
        Whether each column is an input of its own.
    """
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    if not apart:
        given = {session.get_inputs()[0].name: np.asarray(rows, dtype=np.float32)}
    else:
        given = {str(column["name"]): _fed(rows[column["name"]], is_number=_is_number(column)) for column in columns}
    return dict(zip(names, map(np.asarray, session.run(names, given)), strict=True))


def _fed(column: pd.Series, *, is_number: bool) -> np.ndarray:
    import numpy as np

    if is_number:
        return column.to_numpy(dtype=np.float32).reshape(-1, 1)
    # ONNX has no missing text.
    return column.astype(object).where(column.notna(), "nan").to_numpy(dtype=object).reshape(-1, 1)


def _is_number(column: Mapping[str, Any]) -> bool:
    return str(column["dtype"]).startswith(_NUMBERS)


def _converted(estimator: Any, columns: Sequence[Mapping[str, Any]], layout: str, subject: str) -> tuple[Any, bool]:
    """Return the ONNX model, and whether its columns are inputs of their own."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    numbers = all(map(_is_number, columns))
    each = [
        (str(column["name"]), FloatTensorType([None, 1]) if _is_number(column) else StringTensorType([None, 1]))
        for column in columns
    ]
    whole = [("input", FloatTensorType([None, len(columns)]))]
    ways = [whole, each] if numbers else [each]
    if layout != "frame":
        ways = [whole] if numbers else [each]
    options = {"zipmap": False} if hasattr(estimator, "predict_proba") else {}
    failed: Exception | None = None
    for inputs in ways:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = convert_sklearn(
                    estimator,
                    subject.replace(" ", "_"),
                    inputs,
                    options={id(estimator): options} if options else None,
                )
        except Exception as error:  # noqa: BLE001 - a converter stumbles over what it does not know in many ways
            failed = error
        else:
            return made, inputs is each
    told = " ".join(str(failed).split())[:300]
    message = f"{subject} has no ONNX form: {type(failed).__name__}: {told}"
    raise CannotConvert(
        message, hint="skl2onnx lists the estimators it knows: https://onnx.ai/sklearn-onnx"
    ) from failed


def _compared(
    estimator: Any, sample: Any, answers: Mapping[str, np.ndarray], tolerance: float, subject: str
) -> Verdict:
    import numpy as np

    given = list(answers.values())
    pairs = [("predict", np.asarray(estimator.predict(sample)), given[0])]
    if hasattr(estimator, "predict_proba") and len(given) > 1:
        pairs.append(("predict_proba", np.asarray(estimator.predict_proba(sample)), given[1]))
    findings = []
    largest = 0.0
    for method, wanted, got in pairs:
        got = got.reshape(wanted.shape)  # noqa: PLW2901 - the same answers, laid out alike
        if method == "predict" and (wanted.dtype.kind not in "fc"):
            wrong = wanted.astype(str) != got.astype(str)
        else:
            off = np.abs(wanted - got) / np.maximum(np.abs(wanted), 1.0)
            largest = max(largest, float(off.max()))
            # NaN is no small difference.
            wrong = ~(off <= tolerance)
        rows = np.flatnonzero(wrong.reshape(len(wanted), -1).any(axis=1))
        if len(rows):
            shown = "; ".join(f"row {row}: {wanted[row]} and {got[row]}" for row in rows[:_SHOWN])
            message = f"`{method}` differs in {len(rows)} of {len(wanted)} rows by more than {tolerance:g}: {shown}."
            details = {"rows": [int(row) for row in rows[:100]], "count": len(rows)}
            findings.append(Finding("DIFFERS", method, message, details=details))
    evidence = {"rows": len(sample), "tolerance": tolerance, "largest_difference": largest, "target": "edge"}
    return Verdict(JUDGE, subject, "refuse" if findings else "pass", tuple(findings), evidence)


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import skl2onnx  # noqa: F401
    except ModuleNotFoundError as error:
        message = f"A file for the edge needs {error.name}, which is not installed."
        raise UsageError(message, hint="Install it: pip install 'mlops_nb[onnx]'") from None
