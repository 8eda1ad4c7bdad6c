"""What runs in a step's kernel after the user's cells: publish the declared outputs and metrics as scraps.

Scraps are written in scrapbook's own notebook protocol, so that `scrapbook.read_notebook` reads them like any other:
an output of type `display_data` with the MIME type `application/scrapbook.scrap.ENCODER+json`, the payload
`{"name", "data", "encoder", "version": 1}` and the metadata `{"scrapbook": {"name", "data": true, "display": false}}`
(scrapbook 0.5.0: `api._prepare_ipy_data_format`, `scraps.scrap_to_payload`, `schemas/scrap.v1.json`). scrapbook itself
is not imported, because that costs a second and brings Papermill into the kernel.

Beside it the metadata carry `{"mlops_nb": {"format": 1, "kind", "output"}}`. A number or value is the scrap's data,
escaped as `artifacts.encode_json` does, because the protocol has no NaN; it has no null either, so that None is
`{"value": null}`, marked `"null": true`. Of a dataset, figure or model the data are a reference, `{"mlops_nb": 1,
"type", "artifact": digest, "media_type", "bytes", …}`; its content is in the artifact store.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import (
    PARQUET,
    PICKLE,
    PNG,
    SKOPS,
    SVG,
    ArtifactStore,
    CannotStore,
    dump_figure,
    dump_model,
    dump_table,
    encode_json,
    type_name,
)
from mlops_nb.errors import MlopsNbError, UsageError, did_you_mean
from mlops_nb.notebook import Output
from mlops_nb.scraps.evaluation import publish_evaluation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlops_nb.artifacts import Column

MIME = "application/scrapbook.scrap.{encoder}+json"
FORMAT = 1


class CannotPublish(MlopsNbError):  # noqa: N818 - the name of the fact
    """A declared output is missing, or is not what it was declared to be."""

    code = "cannot-publish"

    def _render_traceback_(self) -> list[str]:
        # IPython asks for it. The frames are all ours, and say nothing of the user's cells.
        return [f"{type(self).__name__}: {self}"]


def publish_spec(step: str, outputs: Iterable[Output], metrics: Iterable[str] = ()) -> str:
    """Return the text that tells `publish` in a kernel what the step `step` publishes.

    `metrics` are the names that the step's `pipeline-metrics` cells mention.
    """
    return json.dumps({"step": step, "outputs": [output.published() for output in outputs], "metrics": list(metrics)})


def publish(store_url: str, spec: str) -> None:
    """Publish a step's declared outputs and metrics as scraps of the notebook this kernel executes.

    1. Each dataset that has a gate is judged by it, and the verdicts are glued.
    2. Each output is looked up in the notebook's namespace and put into its open format.
    3. What is content goes to the artifact store, and a reference to it is glued; a value is glued as it is.
    4. Each number of a `metrics` output is glued under its own name, a single one under the output's; under
       `OUTPUT.NAME` where another output of the step, or a `pipeline-metrics` name with another number, has the name
       already.
    5. What went wrong with any of them is raised together at the end, so that all of it can be mended at once.

    The namespace, the random streams and the warning filters stay as the user's cells left them.

    Raises
    ------
    CannotPublish
        When a declared output is missing or of another type.
    """
    from IPython import get_ipython

    declared = json.loads(spec)
    outputs = [Output.from_json(given) for given in declared["outputs"]]
    namespace: Mapping[str, Any] = get_ipython().user_ns
    with _undisturbed():
        store = ArtifactStore(store_url)
        refused = _judge(store, declared.get("gates", {}), outputs, namespace)
        _publish(store, declared["step"], outputs, declared["metrics"], namespace, refused)


def _judge(
    store: ArtifactStore, gates: Mapping[str, Any], outputs: Sequence[Output], namespace: Mapping[str, Any]
) -> frozenset[str]:
    """Judge the datasets that have a gate, glue the verdicts, and return the names of those that are refused."""
    refused = set()
    for output in outputs:
        if output.gate is not None and output.variable in namespace:
            from mlops_nb.scraps.judge import judge_table

            for name, verdict in judge_table(output, namespace[output.variable], gates.get(output.name, {}), store):
                _glue(name, encode_json(verdict.to_json()), "verdict", output.name)
                if verdict.decision == "stop":
                    refused.add(output.name)
    return frozenset(refused)


def _publish(  # noqa: PLR0913, PLR0917 - what a step publishes, and from where
    store: ArtifactStore,
    step: str,
    outputs: Sequence[Output],
    metrics: Iterable[str],
    namespace: Mapping[str, Any],
    refused: frozenset[str] = frozenset(),
) -> None:
    measured: dict[str, dict[str, int | float]] = {}
    wrong: list[tuple[str, str]] = []
    for output in outputs:
        try:
            if output.type == "metrics":
                measured[output.name] = _metrics(output.name, _looked_up(output.variable, namespace))
            elif output.type == "value":
                _glue_value(output.name, encode_json(_looked_up(output.variable, namespace)))
            else:
                _glue(output.name, _stored(output, store, namespace), output.type, output.name)
        except (CannotStore, UsageError) as error:
            if output.name in refused:
                # What a column of several types is, its verdict says better than Parquet.
                continue
            place = f"Step `{step}` cannot publish output `{output.name}` ({output.type}, variable `{output.variable}`)"
            wrong.append((f"{place}: {error.message}", error.hint))
    contents = {output.variable for output in outputs if output.type == "metrics"}
    named = _named_metrics([name for name in metrics if name not in contents], namespace, step)
    taken = {output.name for output in outputs if output.type != "metrics"}
    for name, output_name, number in _without_clashes(measured, named, taken):
        _glue(name, encode_json(number), "metric", output_name)
    if wrong:
        hints = dict.fromkeys(hint for _, hint in wrong if hint)
        raise CannotPublish("\n".join(message for message, _ in wrong), hint="\n".join(hints))


def _looked_up(variable: str, namespace: Mapping[str, Any]) -> Any:
    if variable not in namespace:
        near = did_you_mean(variable, (name for name in namespace if not name.startswith("_")))
        message = f"there is no variable `{variable}` at the end of the step.{near}"
        raise CannotStore(message, hint="Define it in a cell of the step, or name another as `variable`.")
    return namespace[variable]


def _stored(output: Output, store: ArtifactStore, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Put a dataset, figure or model into the store and return the reference to it."""
    value = _looked_up(output.variable, namespace)
    if output.type == "dataset":
        table = dump_table(value)
        _check_columns(output.columns, table.columns)
        columns = [asdict(column) for column in table.columns]
        return _reference(output, store, table.data, PARQUET, rows=table.rows, columns=columns)
    if output.type == "figure":
        picture = dump_figure(value)
        more: dict[str, Any] = {}
        if picture.svg is not None:
            digest, length = store.put(picture.svg)
            more = {"svg": digest, "svg_media_type": SVG, "svg_bytes": length}
        return _reference(output, store, picture.png, PNG, **more)
    sample_name = output.sample_input or output.evaluate.get("data")
    sample_input = None if sample_name is None else _looked_up(sample_name, namespace)
    model = dump_model(value, sample_input=sample_input, trusted=output.trusted, format=output.format)
    more = {"estimator": type_name(value), "trusted": list(model.trusted), "format": model.format}
    if output.evaluate:
        read = {name: _looked_up(name, namespace) for name in output.inputs}
        more["evaluation"] = encode_json(publish_evaluation(output.name, output.evaluate, read, store))
    if model.signature is not None:
        sample = dump_table(model.sample)
        digest, length = store.put(sample.data)
        more |= {
            "signature": model.signature.to_json(),
            "sample_input": digest,
            "sample_input_media_type": PARQUET,
            "sample_input_bytes": length,
            "sample_input_rows": sample.rows,
        }
    return _reference(output, store, model.data, SKOPS if model.format == "skops" else PICKLE, **more)


def _check_columns(declared: Mapping[str, str], found: Iterable[Column]) -> None:
    types = {column.name: column.dtype for column in found}
    wrong = []
    for name, dtype in declared.items():
        if name not in types:
            wrong.append(f"it has no column `{name}`")
        elif not _is_of(types[name], dtype):
            wrong.append(f"its column `{name}` is of type {types[name]}, and declared as {dtype}")
    if wrong:
        message = f"{'; '.join(wrong)}."
        raise CannotStore(message, hint="Mend the step, or the `columns` in the output's settings.")


def _is_of(dtype: str, declared: str) -> bool:
    # `datetime64` stands for every unit and time zone.
    is_number = declared == "number" and dtype.startswith(("int", "uint", "float", "decimal"))
    return is_number or declared in {"any", dtype, dtype.partition("[")[0]}


def _reference(output: Output, store: ArtifactStore, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    digest, length = store.put(data)
    return {
        "mlops_nb": FORMAT,
        "type": output.type,
        "artifact": digest,
        "media_type": media_type,
        "bytes": length,
        **more,
    }


def _metrics(name: str, value: Any) -> dict[str, int | float]:
    items = value.items() if isinstance(value, Mapping) or type_name(value).endswith(".Series") else None
    if items is None:
        alone = _number(value)
        if alone is not None:
            return {name: alone}
        message = f"it is a `{type_name(value)}`, and metrics are a number or a mapping of names to numbers."
        raise CannotStore(message, hint='Give a number, or a dictionary such as `{"accuracy": 0.93}`.')
    found: dict[str, int | float] = {}
    for key, item in items:
        number = _number(item)
        if number is None or not isinstance(key, str):
            what = f"`{key}` is a `{type_name(item)}`" if isinstance(key, str) else f"the name {key!r} is no text"
            message = f"{what}, and metrics are a mapping of names to numbers."
            raise CannotStore(message, hint="Publish what is not a number as an output of type `value`.")
        found[key] = number
    return found


def _number(value: Any) -> int | float | None:
    """Return a value as a plain number; None when it is not one. Truth values are not."""
    if hasattr(value, "dtype") and (getattr(value, "ndim", None) == 0 or getattr(value, "size", 0) == 1):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        # Decimal and Fraction are numbers, complex ones and frames are not.
        if type(value).__module__ not in {"decimal", "fractions"}:
            return None
        return float(value)
    return int(value) if isinstance(value, int) else float(value)


def _named_metrics(names: Iterable[str], namespace: Mapping[str, Any], step: str) -> dict[str, int | float]:
    found: dict[str, int | float] = {}
    for name in dict.fromkeys(names):
        if name not in namespace:
            _warn(f"Step `{step}`: the metric `{name}` does not exist at the end of the step.")
            continue
        number = _number(namespace[name])
        if number is not None:
            found[name] = number
        elif namespace[name] is None or isinstance(namespace[name], str | bool | complex | list | tuple):
            # Anything else is what the numbers were computed with: functions, modules, models, tables.
            _warn(f"Step `{step}`: `{name}` is a `{type_name(namespace[name])}` and no number, so it is no metric.")
    return found


def _without_clashes(
    measured: Mapping[str, Mapping[str, int | float]], named: Mapping[str, int | float], taken: set[str]
) -> Iterator[tuple[str, str | None, int | float]]:
    """Yield each metric as (scrap name, output, number)."""
    owners: dict[str, int] = {}
    for numbers in measured.values():
        for name in numbers:
            owners[name] = owners.get(name, 0) + 1
    given: set[str] = set(taken)
    for output, numbers in measured.items():
        for name, number in numbers.items():
            # `repr`, because NaN is the same metric too.
            clash = owners[name] > 1 or name in taken or (name in named and repr(named[name]) != repr(number))
            scrap = f"{output}.{name}" if clash else name
            given.add(scrap)
            yield scrap, output, number
    for name, number in named.items():
        if name not in given:
            yield name, None, number


def _glue_value(name: str, tree: Any) -> None:
    if isinstance(tree, str):
        # The json encoder would read the text "12" as a number.
        _glue(name, tree, "value", name, encoder="text")
    elif tree is None:
        # The protocol has no null.
        _glue(name, {"value": None}, "value", name, null=True)
    else:
        _glue(name, tree, "value", name)


def _glue(name: str, data: Any, kind: str, output: str | None, *, encoder: str = "json", **marks: Any) -> None:
    from IPython.display import publish_display_data

    payload = {"name": name, "data": data, "encoder": encoder, "version": 1}
    publish_display_data(  # type: ignore[no-untyped-call]
        {MIME.format(encoder=encoder): payload},
        {
            "scrapbook": {"name": name, "data": True, "display": False},
            "mlops_nb": {"format": FORMAT, "kind": kind, "output": output, **marks},
        },
    )


def _warn(text: str) -> None:
    # Not `warnings.warn`: the user's filters may hide it, or make it an error.
    sys.stderr.write(f"mlops_nb: {text}\n")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let judging, predicting and drawing neither warn, nor set variables, nor draw from the user's random streams."""
    stream = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_stream = numpy.random.get_state() if numpy is not None else None
    # scikit-learn sets some of its own accord when it is imported.
    environment = dict(os.environ)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(stream)
        if numpy is not None:
            numpy.random.set_state(numpy_stream)
        if environment != os.environ:
            os.environ.clear()
            os.environ.update(environment)
