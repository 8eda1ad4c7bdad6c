"""The grammar of tags: what a code cell is for, told by plain Jupyter cell tags (Kale's vocabulary included)."""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mlops_nb.errors import did_you_mean
from mlops_nb.notebook.diagnostics import Diagnostic, at

if TYPE_CHECKING:
    from mlops_nb.notebook.cells import Cell


class Role(StrEnum):
    """What a cell is to the pipeline."""

    STEP = "step"
    CONTINUES = "continues"
    IMPORTS = "imports"
    FUNCTIONS = "functions"
    PARAMETERS = "parameters"
    METRICS = "pipeline-metrics"
    SKIP = "skip"
    TEST = "test"


PRELUDE = frozenset({Role.IMPORTS, Role.FUNCTIONS})
LEFT_OUT = frozenset({Role.SKIP, Role.TEST})

_WORDS = {
    "imports": Role.IMPORTS,
    "functions": Role.FUNCTIONS,
    "parameters": Role.PARAMETERS,
    "pipeline-parameters": Role.PARAMETERS,
    "pipeline-metrics": Role.METRICS,
    "skip": Role.SKIP,
    "test": Role.TEST,
}
_STEP_PREFIXES = ("step", "block")
_KALE_PREFIXES = ("limit", "cache", "report", "image", "label", "annotation", "secret")
# What a step's name becomes: a file name, a task of the DAG, a part of a URL and, for Kubeflow, a DNS label.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_RESERVED = frozenset({"prelude", "con", "prn", "aux", "nul"})
_LOOKS_LIKE_OURS = ("step", "block", "prev", "import", "function", "param", "pipeline", "skip", "test")


@dataclass(frozen=True)
class CellTags:
    """What a cell's tags say. `kale` holds Kale's settings as written, such as `("limit", "memory:4Gi")`."""

    role: Role
    step: str | None = None
    prev: tuple[str, ...] = ()
    kale: tuple[tuple[str, str], ...] = ()


def read_tags(cell: Cell) -> tuple[CellTags, list[Diagnostic]]:
    """Return what the tags of a code cell say, and what is wrong with them.

    Tags that are no business of ours (`hide-input`, `raises-exception`, ...) are left alone; a tag one slip away from
    ours is an error, because the cell would silently belong to another step.
    """
    found: list[Diagnostic] = []
    steps: list[str] = []
    prev: list[str] = []
    kale: list[tuple[str, str]] = []
    roles: list[Role] = []
    for tag in cell.tags:
        prefix, colon, rest = tag.partition(":")
        if tag in _WORDS:
            roles.append(_WORDS[tag])
        elif tag.strip() == "block:":
            # Kale writes it for a cell that belongs to the one above.
            continue
        elif colon and prefix in {*_STEP_PREFIXES, "prev"} and not rest.strip():
            message = f"{cell.label}: the tag `{tag}` names no step."
            found.append(at(cell, "MN101", message, fix=f"Write `{prefix}:NAME`, or remove the tag."))
        elif colon and prefix in _STEP_PREFIXES:
            steps.append(rest)
            found += _check_name(cell, rest)
        elif colon and prefix == "prev":
            prev.append(rest)
        elif colon and prefix in _KALE_PREFIXES:
            kale.append((prefix, rest))
        else:
            found += _check_near_miss(cell, tag)
    found += _check_contradictions(cell, steps, roles, prev)
    role = roles[0] if roles else Role.STEP if steps else Role.CONTINUES
    return CellTags(role, steps[0] if steps else None, tuple(dict.fromkeys(prev)), tuple(kale)), found


def _check_name(cell: Cell, name: str) -> list[Diagnostic]:
    if _NAME.fullmatch(name) and not keyword.iskeyword(name) and name.lower() not in _RESERVED:
        return []
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    usable = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")[:63]
    taken = keyword.iskeyword(usable) or usable.lower() in _RESERVED
    usable = usable if _NAME.fullmatch(usable) and not taken else f"step_{usable or 1}"
    reason = (
        "the word is reserved"
        if keyword.iskeyword(name) or name.lower() in _RESERVED
        else "a name is a letter and then letters, digits, `_` or `-`, 63 at most"
    )
    message = f"{cell.label}: the step name {name!r} cannot be used: {reason}."
    return [at(cell, "MN102", message, fix=f"Tag the cell `step:{usable}`.", step=name)]


def _check_near_miss(cell: Cell, tag: str) -> list[Diagnostic]:
    prefix, colon, rest = tag.partition(":")
    lowered = prefix.strip().lower()
    if colon:
        near = did_you_mean(lowered, (*_STEP_PREFIXES, "prev", *_KALE_PREFIXES))
        known = near.split("`")[1] if near else ""
        suggestion = f"{known}:{rest.strip()}" if known else ""
    else:
        if not lowered.startswith(_LOOKS_LIKE_OURS):
            return []
        near = did_you_mean(lowered, _WORDS)
        suggestion = near.split("`")[1] if near else ""
        if not near and lowered in {*_STEP_PREFIXES, "prev"}:
            suggestion = f"{lowered}:NAME"
    if not suggestion:
        return []
    message = f"{cell.label}: the tag `{tag}` is not one of ours but looks like one."
    return [at(cell, "MN101", message, fix=f"Write `{suggestion}`, or remove the tag.")]


def _check_contradictions(cell: Cell, steps: list[str], roles: list[Role], prev: list[str]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    names = list(dict.fromkeys(steps))
    if len(names) > 1:
        message = f"{cell.label}: the cell is tagged as step `{names[0]}` and as step `{names[1]}`."
        found.append(at(cell, "MN105", message, fix="Keep one `step:` tag on the cell.", step=names[0]))
    distinct = list(dict.fromkeys(roles))
    if steps and any(role is not Role.METRICS for role in distinct):
        other = next(role for role in distinct if role is not Role.METRICS)
        message = f"{cell.label}: the cell is tagged as step `{names[0]}` and as `{other}`."
        found.append(at(cell, "MN105", message, fix=f"Keep `step:{names[0]}` or `{other}`, not both.", step=names[0]))
    elif len(distinct) > 1:
        message = f"{cell.label}: the cell is tagged as `{distinct[0]}` and as `{distinct[1]}`."
        found.append(at(cell, "MN105", message, fix="Keep one of the two tags."))
    if prev and not steps and (distinct and distinct[0] in PRELUDE | LEFT_OUT | {Role.PARAMETERS}):
        message = f"{cell.label}: `prev:{prev[0]}` stands on a cell that is not part of a step."
        found.append(at(cell, "MN105", message, fix=f"Remove `prev:{prev[0]}`, or tag the cell as a step."))
    return found
