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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.blob import CorruptArtifact
from mlops_nb.artifacts.formats import CannotStore, type_name
from mlops_nb.artifacts.formats_pickle import Format, dump_pickle, is_ours, is_pickle, load_pickle
from mlops_nb.artifacts.formats_signature import Signature, layout_of, read_signature
from mlops_nb.artifacts.formats_trust import Audit, audit, nodes
from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.artifacts.store import ArtifactStore

# How many rows of the sample input are predicted from and kept beside the model.
SAMPLE_ROWS = 1_000
_SCHEMA = "schema.json"
# How a pickle begins, from protocol 2 on.
_PROTOCOLS = tuple(bytes([0x80, number]) for number in range(2, 6))
_ADDRESS = re.compile(r"'__id__': \d+")


class UntrustedModel(UsageError):  # noqa: N818 - the name of the fact
    """Loading the model would construct types that nobody has named as trusted, or read a pickle unasked."""

    code = "untrusted-model"


@dataclass(frozen=True)
class Model:
    """A model as a file.

    `signature` and `sample` (the rows predictions were compared on) are None when no sample input was given;
    `trusted` are the named types it needs; none for a pickle, which does not say.
    """

    data: bytes
    signature: Signature | None
    sample: Any
    trusted: tuple[str, ...]
    format: Format = "skops"


def dump_model(
    estimator: Any,
    *,
    sample_input: Any = None,
    trusted: Iterable[str] = (),
    format: Format = "skops",  # noqa: A002 - as the setting is called
) -> Model:
    """Return a fitted estimator as a skops file, or as a pickle where that was asked for.

    The file is loaded back, and its predictions for the sample input must equal the estimator's to the last bit.
    A pickle may hold any object that predicts or transforms.

    Raises
    ------
    CannotStore
        When it is no fitted estimator, skops cannot hold it, no other process could load it, or it comes back
        another.
    UntrustedModel
        When it needs types that `trusted` does not name.
    """
    if format != "skops":
        return _pickled(estimator, sample_input, format)
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
    return _proven(estimator, _loaded(data, audited, trusted), sample_input, Model(data, None, None, needed))


def _pickled(estimator: Any, sample_input: Any, kind: Format) -> Model:
    if not any(hasattr(estimator, name) for name in ("predict", "transform")) or isinstance(estimator, type):
        message = f"A `{type_name(estimator)}` is no model."
        raise CannotStore(message, hint="Give a fitted object that predicts or transforms.")
    if hasattr(estimator, "get_params"):
        _check_fitted(estimator)
    data = dump_pickle(estimator, kind)
    # Made in this process a moment ago.
    return _proven(estimator, load_pickle(data), sample_input, Model(data, None, None, (), kind))


def _proven(estimator: Any, back: Any, sample_input: Any, made: Model) -> Model:
    """Return the model with its signature, once what came back from its file answers the same."""
    if sample_input is None:
        return made
    layout = layout_of(sample_input)
    if not len(sample_input):
        message = "The sample input has no rows."
        raise CannotStore(message, hint="Give at least one row the model predicts from.")
    sample = sample_input[:SAMPLE_ROWS] if layout == "array" else sample_input.iloc[:SAMPLE_ROWS]
    answers = _answers(estimator, sample)
    _compare(answers, _answers(back, sample), lambda: _answers(estimator, sample))
    method = next(iter(answers))
    signature = read_signature(estimator, sample_input, method, answers[method][0])
    return replace(made, signature=signature, sample=sample)


def load_model(
    data: bytes, trusted: Iterable[str] = (), *, allow_pickle: bool = False, store: ArtifactStore | None = None
) -> Any:
    """Return the estimator of a model's file.

    Of a skops file nothing is constructed before every type in it is known to be trusted. A pickle is read only when
    that is allowed, and only when its content is in the store.

    Parameters
    ----------
    trusted
        Types, by full name, that may be constructed beside those that `formats_trust` grants.
    allow_pickle
        Whether a pickle may be read: that runs whatever its writer put into it.
    store
        The project's artifact store, in which a pickle's content must be.

    Raises
    ------
    UntrustedModel
        When the file names other types, or is a pickle that may not be read.
    CannotStore
        When the file cannot be loaded although its types are trusted.
    CorruptArtifact
        When it is no skops file, or not a whole one.
    """
    if not is_pickle(data):
        return _loaded(data, audit(data), trusted)
    if not data.startswith(_PROTOCOLS):
        message = "The model is no skops file, and no pickle."
        raise CorruptArtifact(message, hint="Run its step again.")
    if not allow_pickle:
        message = "The model is a pickle, and reading one runs whatever its writer put into it."
        hint = "If you know who made it, allow it: load_model(…, allow_pickle=True, store=project.artifact_store())."
        raise UntrustedModel(message, hint=hint)
    if not is_ours(data, store):
        message = "The model is a pickle whose content is not in the project's artifact store."
        raise UntrustedModel(message, hint="Only what our own runs have stored is read: give that store.")
    return load_pickle(data)


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
