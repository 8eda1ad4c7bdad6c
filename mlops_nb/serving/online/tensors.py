"""Requests and answers as the Open Inference Protocol, version 2, has them over REST: named tensors.

The protocol: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md

A column of a table is a tensor of its own, of shape `[n]` or `[n, 1]`; an array is one tensor `input`. The tensor's
datatype must be the one that the model's metadata names. A missing value is `null`. Outputs are called as the
estimator's methods: `predict`, `predict_proba` and, only when it is asked for, `transform`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import did_you_mean
from mlops_nb.serving.online import asking
from mlops_nb.serving.online.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from mlops_nb.serving.model import Answers, LoadedModel

PROBABILITIES, TRANSFORM = "predict_proba", "transform"
ARRAY = "input"
_DATATYPES = {"bool": "BOOL", "halffloat": "FP16", "double": "FP64", "float": "FP32"}
_DATATYPES |= {f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)}
_DATATYPES |= {f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_BYTES = "BYTES"


@dataclass(frozen=True)
class Tensors:
    """A model as tensors: what it takes, what it gives, and its answer to a request."""

    model: LoadedModel

    @cached_property
    def inputs(self) -> list[dict[str, Any]]:
        """The tensors that it takes, as its metadata tells them: `name`, `datatype`, `shape` (-1 is the rows)."""
        model = self.model
        if model.layout == "array":
            width = [] if model.sample is not None and model.sample.ndim == 1 else [len(model.columns)]
            return [{"name": ARRAY, "datatype": self._datatype(model.columns[0]), "shape": [-1, *width]}]
        return [
            {"name": str(column["name"]), "datatype": self._datatype(column), "shape": [-1]} for column in model.columns
        ]

    @cached_property
    def outputs(self) -> list[dict[str, Any]]:
        """The tensors that it gives unasked, as it gives them to its first sample row."""
        sample = self.model.sample
        answers = self.model.answers(sample[:1] if self.model.layout == "array" else sample.iloc[:1])
        made = [_tensor(name, array) for name, array in self._named(answers).items()]
        return [{"name": one["name"], "datatype": one["datatype"], "shape": [-1, *one["shape"][1:]]} for one in made]

    def metadata(self) -> dict[str, Any]:
        """Return the model's metadata."""
        version = self.model.version
        return {
            "name": version.model,
            "versions": [str(version.version)],
            "platform": f"sklearn_{version.format}",
            "inputs": self.inputs,
            "outputs": self.outputs,
            "parameters": {"run": version.run or "", "artifact": version.artifact},
        }

    def infer(self, body: Any) -> dict[str, Any]:
        """Return the answer to an inference request.

        Raises
        ------
        Refused
            When the body is no request of the protocol, tensors are missing, unknown or of another datatype or shape,
            a row does not fit, or the model refuses it.
        """
        if not isinstance(body, dict) or not isinstance(body.get("inputs"), list):
            message = "The request has no list of `inputs`."
            raise Refused(message, hint="GET /v2/models/NAME tells the tensors that the model takes.")
        wanted = self._wanted(body.get("outputs"))
        values, count = self._values(body["inputs"])
        made: dict[str, np.ndarray] = {}
        if {one["name"] for one in self.outputs} & set(wanted):
            made = self._named(asking.answers(self.model, values, count))
        if TRANSFORM in wanted and TRANSFORM not in made:
            made[TRANSFORM] = asking.features(self.model, values, count)
        version = self.model.version
        return {
            "model_name": version.model,
            "model_version": str(version.version),
            "id": asking.id_of(body),
            "outputs": [_tensor(name, made[name]) for name in wanted],
        }

    def _named(self, answers: Answers) -> dict[str, np.ndarray]:
        made = {self.model.method: answers.predictions}
        return made if answers.probabilities is None else {**made, PROBABILITIES: answers.probabilities}

    def _wanted(self, outputs: Any) -> list[str]:
        """Return the names of the outputs that a request asks for: those of the metadata when it names none."""
        unasked = [str(one["name"]) for one in self.outputs]
        if outputs is None:
            return unasked
        names: list[Any] = (
            [one.get("name") for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
        )
        if not isinstance(outputs, list) or len(names) != len(outputs):
            message = "`outputs` is no list of objects with a `name`."
            raise Refused(message, hint='Write "outputs": [{"name": "predict"}], or leave it out.')
        known = [*unasked, *([] if self.model.transforms is None or TRANSFORM in unasked else [TRANSFORM])]
        for name in names:
            if name not in known:
                near = did_you_mean(str(name), known)
                message = f"{self.model.version.model} has no output `{name}`.{near}"
                raise Refused(message, hint=f"It gives {', '.join(known)}.")
        return names or unasked

    def _datatype(self, column: Mapping[str, Any]) -> str:
        dtype = str(column["dtype"]).partition("[")[0].partition("(")[0]
        if dtype == "category":
            like = self.model.like.get(str(column["name"]))
            kind = getattr(getattr(like, "categories", None), "dtype", like)
            return {"i": "INT64", "u": "INT64", "f": "FP64", "b": "BOOL"}.get(getattr(kind, "kind", "O"), _BYTES)
        return _DATATYPES.get(dtype, "FP64" if dtype.startswith("decimal") else _BYTES)

    def _values(self, inputs: list[Any]) -> tuple[dict[str, list[Any]], int]:
        """Return the values of the inputs by column, and how many rows they have."""
        wanted = {tensor["name"]: tensor for tensor in self.inputs}
        given: dict[str, list[Any]] = {}
        counts: dict[str, int] = {}
        for number, one in enumerate(inputs):
            name, count, data = _input(number, one, wanted)
            if name in given:
                message = f"There are two inputs `{name}`."
                raise Refused(message, hint="Send each tensor once.")
            given[name] = data
            counts[name] = count
        if missing := [name for name in wanted if name not in given]:
            message = f"The request has no input `{missing[0]}`, which the model takes."
            raise Refused(message, hint=f"It takes {', '.join(wanted)}.")
        if len(set(counts.values())) > 1:
            message = f"The inputs differ in how many rows they have: {counts}."
            raise Refused(message, hint="Each tensor has one value a row.")
        count = next(iter(counts.values()), 0)
        if self.model.layout != "array":
            return given, count
        width = len(self.model.columns)
        names = [str(column["name"]) for column in self.model.columns]
        return {name: given[ARRAY][place::width] for place, name in enumerate(names)}, count


def _input(number: int, one: Any, wanted: Mapping[str, Mapping[str, Any]]) -> tuple[str, int, list[Any]]:
    """Return an input's name, how many rows it has, and its values, row after row."""
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        message = f"Input {number} has no `name`."
        raise Refused(message, hint="A tensor has `name`, `shape`, `datatype` and `data`.")
    name = one["name"]
    if name not in wanted:
        message = f"The model takes no input `{name}`.{did_you_mean(name, wanted)}"
        raise Refused(message, hint=f"It takes {', '.join(wanted)}.")
    tensor = wanted[name]
    if one.get("datatype") != tensor["datatype"]:
        message = f"Input `{name}` is {one.get('datatype')}, and the model takes {tensor['datatype']}."
        raise Refused(message, hint=f'Send it as "datatype": "{tensor["datatype"]}".')
    shape, data = one.get("shape"), one.get("data")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        message = f"The `shape` of input `{name}` is no list of sizes."
        raise Refused(message, hint=f"The model takes {tensor['shape']}, with the number of rows for -1.")
    if shape[1:] != tensor["shape"][1:] and not (tensor["shape"] == [-1] and shape[1:] == [1]):
        message = f"Input `{name}` has the shape {shape}, and the model takes {tensor['shape']}."
        raise Refused(message, hint="The number of rows stands for -1.")
    flat = _flat(data, shape)
    if flat is None or not shape or len(flat) != prod(shape):
        message = f"The `data` of input `{name}` does not have the shape {shape}."
        raise Refused(message, hint="Give the values row after row, as one list or a list a row.")
    return name, shape[0], flat


def _flat(data: Any, shape: Sequence[int]) -> list[Any] | None:
    """Return the elements of tensor data in row-major order, as one list or nested as the shape; None if neither."""
    if not isinstance(data, list):
        return None
    if not any(isinstance(item, list) for item in data):
        return data
    if len(shape) != 2 or not all(isinstance(row, list) and len(row) == shape[1] for row in data):  # noqa: PLR2004 - rows and columns
        return None
    return [value for row in data for value in row]


def _tensor(name: str, array: np.ndarray) -> dict[str, Any]:
    """Return an output tensor.

    Raises
    ------
    Refused
        When the values are of several types: a tensor has one.
    """
    datatype = _DATATYPES.get(array.dtype.name, _BYTES)
    data = asking.plain(array.ravel())
    if array.dtype.kind == "O" and not all(isinstance(value, str) for value in data):
        kinds = sorted({type(value).__name__ for value in data})
        if len(kinds) > 1 or kinds[0] not in {"bool", "int", "float"}:
            message = f"The output `{name}` is no tensor: it holds {' and '.join(kinds)}."
            raise Refused(message, hint="POST /predict and POST /transform tell values of any type.")
        datatype = {"bool": "BOOL", "int": "INT64", "float": "FP64"}[kinds[0]]
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": data}
