"""What a tag cannot say: a step's settings, JSON under a cell's `metadata.mlops_nb`.

One JSON Schema, `step_settings.schema.json` beside this file, says what is legal; the extension validates against the
same file. `StepSettings` is what the rest of the house reads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import did_you_mean
from mlops_nb.notebook.diagnostics import Diagnostic, at
from mlops_nb.notebook.imports import import_jsonschema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.notebook.cells import Cell

SCHEMA_FILE = "step_settings.schema.json"


@dataclass(frozen=True)
class Output:
    """A declared output: its published name, its type and the variable that holds it when the step ends.

    `columns` are those that a dataset must have, with the type of each.
    """

    name: str
    type: str
    variable: str
    sample_input: str | None = None
    trusted: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class StepSettings:
    """The settings of one step, as `step_settings.schema.json` describes them."""

    timeout_s: float | None = None
    retries: int = 0
    retry_wait_s: float = 1.0
    memory_mb: int | None = None
    cache: bool = True
    outputs: tuple[Output, ...] = ()
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
    return found


def _told(error: Any) -> str:
    if error.validator == "type":
        return f"must be of type {error.validator_value}, and is {error.instance!r}"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, error.validator_value))}, and is {error.instance!r}"
    if error.validator in {"minimum", "exclusiveMinimum"}:
        bound = "at least" if error.validator == "minimum" else "more than"
        return f"must be {bound} {error.validator_value}, and is {error.instance!r}"
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
            if key == "outputs":
                merged.setdefault("outputs", {}).update(value)
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
        cache=merged.get("cache", True),
        outputs=tuple(
            Output(
                name=name,
                type=given["type"],
                variable=given.get("variable", name),
                sample_input=given.get("sample_input"),
                trusted=tuple(given.get("trusted", ())),
                columns=given.get("columns", {}),
            )
            for name, given in merged.get("outputs", {}).items()
        ),
        raw=dict(merged),
    )


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
