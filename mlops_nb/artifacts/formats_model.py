"""Models as skops files: audited before anything is constructed, and proven to come back as they were.

skops names array files by memory address and stamps the time, so that each dump of one model differs. `dump_model`
writes the same archive with addresses numbered in order, no times and no stray memory: equal models are equal bytes,
and registering one twice is seen. The file stays an ordinary skops file.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.formats import CannotStore, type_name
from mlops_nb.artifacts.formats_signature import Signature, layout_of, read_signature
from mlops_nb.artifacts.formats_trust import Audit, audit, nodes
from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

# How many rows of the sample input are predicted from and kept beside the model.
SAMPLE_ROWS = 1_000
_SCHEMA = "schema.json"
_ADDRESS = re.compile(r"'__id__': \d+")


class UntrustedModel(UsageError):  # noqa: N818 - the name of the fact
    """Loading the model would construct types that nobody has named as trusted."""

    code = "untrusted-model"


@dataclass(frozen=True)
class Model:
    """A model as a file.

    `signature` and `sample` (the rows predictions were compared on) are None when no sample input was given;
    `trusted` are the named types it needs.
    """

    data: bytes
    signature: Signature | None
    sample: Any
    trusted: tuple[str, ...]


def dump_model(estimator: Any, *, sample_input: Any = None, trusted: Iterable[str] = ()) -> Model:
    """Return a fitted estimator as a skops file.

    The file is loaded back, and its predictions for the sample input must equal the estimator's to the last bit.

    Raises
    ------
    CannotStore
        When it is no fitted estimator, skops cannot hold it, no other process could load it, or it comes back
        another.
    UntrustedModel
        When it needs types that `trusted` does not name.
    """
    if not all(hasattr(estimator, name) for name in ("fit", "get_params")) or isinstance(estimator, type):
        message = f"A `{type_name(estimator)}` is no model."
        raise CannotStore(message, hint="Give a fitted scikit-learn estimator.")
    _check_fitted(estimator)
    data = _dumped(estimator)
    audited = audit(data)
    needed = audited.untrusted
    local = [name for name in needed if name.startswith("__main__.")]
    if local:
        message = f"The model holds {_listed(local)}, defined in the notebook: no other process could load it."
        raise CannotStore(message, hint="Move the definition into a module beside the notebook and import it.")
    back = _loaded(data, audited, trusted)
    if sample_input is None:
        return Model(data, None, None, needed)
    layout = layout_of(sample_input)
    if not len(sample_input):
        message = "The sample input has no rows."
        raise CannotStore(message, hint="Give at least one row the model predicts from.")
    sample = sample_input[:SAMPLE_ROWS] if layout == "array" else sample_input.iloc[:SAMPLE_ROWS]
    answers = _answers(estimator, sample)
    _compare(answers, _answers(back, sample), lambda: _answers(estimator, sample))
    method = next(iter(answers))
    return Model(data, read_signature(estimator, sample_input, method, answers[method][0]), sample, needed)


def load_model(data: bytes, trusted: Iterable[str] = ()) -> Any:
    """Return the estimator of a skops file; nothing is constructed before every type in it is known to be trusted.

    Parameters
    ----------
    trusted
        Types, by full name, that may be constructed beside those that `formats_trust` grants.

    Raises
    ------
    UntrustedModel
        When the file names others.
    CannotStore
        When the file cannot be loaded although its types are trusted.
    CorruptArtifact
        When it is no skops file, or not a whole one.
    """
    return _loaded(data, audit(data), trusted)


def _loaded(data: bytes, audited: Audit, trusted: Iterable[str]) -> Any:
    from skops.io import loads

    trusted = tuple(trusted)
    refused = [name for name in audited.untrusted if name not in trusted]
    if refused:
        message = f"Loading the model would construct {_listed(refused)}, which nobody has named as trusted."
        setting = json.dumps({"trusted": [*sorted(trusted), *refused]})[1:-1]
        hint = f"If you know them, write {setting} into the output's settings (`metadata.mlops_nb.outputs`)."
        raise UntrustedModel(message, hint=hint)
    try:
        return loads(data, trusted=[*audited.granted, *audited.untrusted])
    except Exception as error:  # code of the trusted types runs
        message = f"The model cannot be loaded: {type(error).__name__}: {error}."
        raise CannotStore(message, hint="Compare the installed packages with those it was trained with.") from error


def _check_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        message = f"The `{type_name(estimator)}` is not fitted."
        raise CannotStore(message, hint="Call its `fit` before the step ends.") from None
    except TypeError:
        # Not of scikit-learn's own making: predicting will tell.
        return


def _dumped(estimator: Any) -> bytes:
    from skops.io import dumps

    try:
        return _canonical(dumps(estimator))
    except Exception as error:  # skops asks each part for its state
        message = f"skops cannot hold the `{type_name(estimator)}`: {type(error).__name__}: {error}."
        hint = "Publish a model without that part, for example the `best_estimator_` of a search."
        raise CannotStore(message, hint=hint) from error


def _canonical(data: bytes) -> bytes:
    source = zipfile.ZipFile(io.BytesIO(data))
    schema = json.loads(source.read(_SCHEMA))
    for node in nodes(schema):
        if node["__loader__"] == "SetNode":
            # In the order of the hash seed until here.
            node["content"].sort(key=lambda item: _ADDRESS.sub("", str(item)))
        elif node["__loader__"] == "DictNode" and "_stop_words_id" in node["content"]:
            # scikit-learn's vectorizers note the address of a list they have checked; another one is checked again.
            node["content"]["_stop_words_id"]["content"] = "0"
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    for node in nodes(schema):
        if node["__loader__"] == "JsonNode":
            # Whether two equal numbers or texts are one object is chance.
            node.pop("__id__", None)
        elif "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(name := node.get("file"), str):
            node["file"] = files.setdefault(name, f"{len(files)}.{name.rpartition('.')[2]}")
    out = io.BytesIO()
    with source, zipfile.ZipFile(out, "w") as target:
        # A `ZipInfo` made by hand is of 1980; stored, because deflated bytes differ between zlib versions.
        for name, plain in files.items():
            content = source.read(name)
            target.writestr(zipfile.ZipInfo(plain), _without_padding(content) if name.endswith(".npy") else content)
        target.writestr(zipfile.ZipInfo(_SCHEMA), json.dumps(schema, separators=(",", ":")))
    return out.getvalue()


def _without_padding(content: bytes) -> bytes:
    """Return an array file with zeros between the fields of its records, where trees have what was in memory before."""
    import numpy as np

    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    # Not `np.zeros_like`: it fills in the fields only.
    clean = np.zeros(array.shape, array.dtype, order="C" if array.flags.c_contiguous else "F")
    for name in array.dtype.names:
        clean[name] = array[name]
    # Not `np.save`: it copies the fields through a buffer of its own, and writes what that had between them.
    header = content[: len(content) - array.nbytes]
    return header + clean.reshape(-1, order="A").view(np.uint8).tobytes()


def _answers(estimator: Any, sample: Any) -> dict[str, list[Any]]:
    import joblib
    import numpy as np
    from threadpoolctl import threadpool_limits

    methods = ["predict"] if hasattr(estimator, "predict") else ["transform"]
    methods += [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)][:1]
    found = {}
    # In one thread: parallel forests add up probabilities in any order, and the last bit follows.
    with joblib.parallel_config(backend="sequential"), threadpool_limits(limits=1):
        for method in methods:
            try:
                answer = getattr(estimator, method)(sample)
            except Exception as error:  # the estimator may be anything
                message = f"The model cannot {method} the sample input: {type(error).__name__}: {error}."
                raise CannotStore(message, hint="Name rows as the model was fitted with, as `sample_input`.") from error
            parts = answer if isinstance(answer, list) and answer and hasattr(answer[0], "shape") else [answer]
            found[method] = [np.asarray(part.toarray() if hasattr(part, "toarray") else part) for part in parts]
    return found


def _compare(before: dict[str, list[Any]], after: dict[str, list[Any]], again: Any) -> None:
    for method, parts in before.items():
        if not _equal(parts, after[method]):
            if not _equal(parts, again()[method]):
                message = f"The model's `{method}` does not answer the same twice for the same rows."
                raise CannotStore(message, hint="Give its random parts a fixed `random_state`.")
            message = f"The model comes back from its file another: its `{method}` differs for the sample input."
            hint = "A part of it is lost by skops, or changes when it predicts; publish a model without that part."
            raise CannotStore(message, hint=hint)


def _equal(before: list[Any], after: list[Any]) -> bool:
    import numpy as np

    return len(before) == len(after) and all(
        one.dtype == other.dtype
        and one.shape == other.shape
        and (
            # NaN equals NaN here.
            np.array_equal(one, other, equal_nan=True) if one.dtype.kind in "fcmM" else one.tolist() == other.tolist()
        )
        for one, other in zip(before, after, strict=True)
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
