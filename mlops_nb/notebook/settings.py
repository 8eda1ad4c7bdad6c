"""What a tag cannot say: a step's settings, JSON under a cell's `metadata.mlops_nb`.

One JSON Schema, `step_settings.schema.json` beside this file, says what is legal; the extension validates against the
same file. `StepSettings` is what the rest of the house reads.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, Self

from mlops_nb.errors import did_you_mean
from mlops_nb.notebook.diagnostics import Diagnostic, at
from mlops_nb.notebook.imports import import_jsonschema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.notebook.cells import Cell

SCHEMA_FILE = "step_settings.schema.json"
# The rest of a model's gate can change without its step running again.
_READ_BY_THE_KERNEL = frozenset({"data", "target", "groups", "train", "train_target", "shared_rows"})


@dataclass(frozen=True)
class Gate:
    """How a dataset is judged when its step ends: by which schema, whether against a reference, whether it must be."""

    name: str
    drift: bool = True
    required: bool = False


@dataclass(frozen=True)
class Output:
    """A declared output: its published name, its type and the variable that holds it when the step ends.

    `columns` are those that a dataset must have, with the type of each; `gate` is how it is judged, if it is;
    `evaluate` is the gate of a model, `format` that of its file.
    """

    name: str
    type: str
    variable: str
    sample_input: str | None = None
    trusted: tuple[str, ...] = ()
    format: Literal["skops", "pickle", "cloudpickle"] = "skops"
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    gate: Gate | None = None
    evaluate: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The variables beside its own that publishing it reads."""
        told = [self.evaluate.get(name, ()) for name in ("data", "target", "groups", "train", "train_target")]
        named = [self.sample_input or (), *told]
        return tuple(dict.fromkeys(v for names in named for v in ([names] if isinstance(names, str) else names)))

    def published(self) -> dict[str, Any]:
        """Return what the kernel that publishes it has to know, as JSON; what a gate demands is judged elsewhere.

        Without a gate where there is none, and without the format of nearly all, so that they keep their keys.
        """
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        if self.format == "skops":
            del told["format"]
        told["evaluate"] = {name: value for name, value in self.evaluate.items() if name in _READ_BY_THE_KERNEL}
        if self.gate is not None:
            told["gate"] = asdict(self.gate)
        return {name: value for name, value in told.items() if value or name not in {"gate", "evaluate"}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return the output that `published` wrote."""
        gate = told.get("gate")
        return cls(**{**told, "trusted": tuple(told.get("trusted", ())), "gate": Gate(**gate) if gate else None})


@dataclass(frozen=True)
class StepSettings:
    """The settings of one step, as `step_settings.schema.json` describes them."""

    timeout_s: float | None = None
    retries: int = 0
    retry_wait_s: float = 1.0
    memory_mb: int | None = None
    cpus: int | None = None
    gpus: int | None = None
    cache: bool = True
    pause: bool = False
    outputs: tuple[Output, ...] = ()
    checks: Mapping[str, Any] = field(default_factory=dict, hash=False)
    search: Mapping[str, Any] = field(default_factory=dict, hash=False)
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a step's settings."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8"))
    return loaded


def problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what of `settings` does not fit the schema, as (setting, sentence) pairs."""
    if not settings:
        return []
    # jsonschema validates the rest of the vocabulary; its import is dear, so an empty mapping never pays for it.
    jsonschema = import_jsonschema()
    described = schema()
    found: list[tuple[str, str]] = []
    for error in sorted(
        jsonschema.Draft202012Validator(described).iter_errors(dict(settings)), key=lambda e: list(e.path)
    ):
        where = ".".join(str(part) for part in error.path)
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            for name in sorted(set(error.instance) - set(known)):
                place = f"{where}.{name}" if where else name
                near = did_you_mean(name, known) or f" Settings here are {', '.join(known)}."
                found.append((place, f"`{place}` is not a setting.{near}"))
        elif error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            found.append((where, f"`{where}` needs `{'`, `'.join(missing)}`."))
        else:
            found.append((where, f"`{where}` {_told(error)}."))
    return found or list(_without_lead(settings))


def _without_lead(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the gates of which nobody can say which metric leads: saving a notebook sorts names, so order is none."""
    for name, output in settings.get("outputs", {}).items():
        gate = output.get("evaluate", {})
        metrics, leads = gate.get("metrics", {}), gate.get("leads")
        where = f"outputs.{name}.evaluate.leads"
        if leads is None and len(metrics) > 1:
            yield where, f"`{where}` must say which of the metrics leads: {', '.join(metrics)}."
        elif leads is not None and leads not in metrics:
            yield where, f"`{where}` is `{leads}`, which is none of the metrics.{did_you_mean(leads, metrics)}"


def _told(error: Any) -> str:
    if error.validator == "type":
        return f"must be of type {error.validator_value}, and is {error.instance!r}"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, error.validator_value))}, and is {error.instance!r}"
    if error.validator in {"minimum", "exclusiveMinimum"}:
        bound = "at least" if error.validator == "minimum" else "more than"
        return f"must be {bound} {error.validator_value}, and is {error.instance!r}"
    if error.validator == "const":
        return f"must be {error.validator_value} for what is set with it, and is {error.instance!r}"
    return f"does not fit: {error.message}"


def read_settings(
    step: str,
    cells: Iterable[Cell],
    kale: Iterable[tuple[Cell, str, str]] = (),
    overrides: Mapping[str, Any] | None = None,
) -> tuple[StepSettings, list[Diagnostic]]:
    """Return the settings that the cells of a step declare together, and what is wrong with them.

    Cells may each declare some; two cells that set one setting differently is an error. Kale's `limit:memory:…` and
    `cache:…` tags count as settings. `overrides` (from the pipeline's settings file) win over both and must have
    been validated before.
    """
    found: list[Diagnostic] = []
    merged: dict[str, Any] = {}
    for cell in cells:
        wrong = problems(cell.settings)
        for where, sentence in wrong:
            message = f"{cell.label} (step `{step}`): {sentence}"
            fix = "Mend it in the cell's metadata (`mlops_nb`)."
            found.append(at(cell, "MN201", message, fix=fix, variable=where or None, step=step))
        if wrong:
            continue
        for key, value in cell.settings.items():
            if key in {"outputs", "checks"}:
                merged.setdefault(key, {}).update(value)
            elif key in merged and merged[key] != value:
                message = f"{cell.label}: step `{step}` sets `{key}` to {value!r} here and to {merged[key]!r} before."
                found.append(at(cell, "MN202", message, fix="Keep one of the two.", variable=key, step=step))
            else:
                merged[key] = value
    for cell, key, value in kale:
        setting, problem = _from_kale(key, value)
        meant = _MEANT.get(key if key == "cache" else f"{key}:{value.partition(':')[0]}")
        if problem and meant:
            message = f"{cell.label}: the tag `{key}:{value}` says nothing that can be kept."
            found.append(at(cell, "MN201", message, fix=f"Write {meant}.", variable=key, step=step))
        elif problem:
            found.append(at(cell, "MN107", f"{cell.label}: {problem}", fix="Nothing to do.", step=step))
        merged.update(setting)
    merged.update(overrides or {})
    return settings_from(merged), found


def settings_from(merged: Mapping[str, Any]) -> StepSettings:
    """Return the value that validated settings stand for."""
    return StepSettings(
        timeout_s=merged.get("timeout_s"),
        retries=merged.get("retries", 0),
        retry_wait_s=merged.get("retry_wait_s", 1.0),
        memory_mb=merged.get("memory_mb"),
        cpus=merged.get("cpus"),
        gpus=merged.get("gpus"),
        cache=merged.get("cache", True),
        pause=merged.get("pause", False),
        outputs=tuple(
            Output(
                name=name,
                type=given["type"],
                variable=given.get("variable", name),
                sample_input=given.get("sample_input"),
                trusted=tuple(given.get("trusted", ())),
                format=given.get("format", "skops"),
                columns=given.get("columns", {}),
                gate=_gate(name, given.get("schema", False)),
                evaluate=given.get("evaluate", {}),
            )
            for name, given in merged.get("outputs", {}).items()
        ),
        checks=merged.get("checks", {}),
        search=merged.get("search", {}),
        raw=dict(merged),
    )


def _gate(output: str, given: bool | Mapping[str, Any]) -> Gate | None:  # noqa: FBT001 - as the setting is written
    if isinstance(given, bool):
        return Gate(output) if given else None
    return Gate(**{"name": output, **given})


# Tags that have an effect here, and how they are written.
_MEANT = {
    "cache": "`cache:enabled` or `cache:disabled`",
    "limit:memory": "an amount and a unit, such as `limit:memory:4Gi` or `limit:memory:500Mi`",
}
_UNITS_MB = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024, "Ti": 1024**2, "K": 1e3 / 2**20, "M": 1e6 / 2**20, "G": 1e9 / 2**20}


def _from_kale(key: str, value: str) -> tuple[dict[str, Any], str]:
    """Return what one of Kale's tags sets, or a sentence when it has no meaning outside its export."""
    resource, _, amount = value.partition(":")
    if key == "cache" and value in {"enabled", "disabled"}:
        return {"cache": value == "enabled"}, ""
    if key == "limit" and resource == "memory":
        digits = amount.rstrip("KMGTi")
        unit = amount[len(digits) :]
        if digits.replace(".", "", 1).isdigit() and (unit in _UNITS_MB or not unit):
            return {"memory_mb": max(1, round(float(digits) * _UNITS_MB.get(unit, 1 / 2**20)))}, ""
    return {}, f"`{key}:{value}` is kept for a Kubeflow export and has no effect on this machine."
