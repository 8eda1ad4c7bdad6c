"""Propose tags for a notebook that has none, or only some, from its headings and its dataflow.

1. Cells that only import, define functions, or set plain values at the top get the tag that says so.
2. The other cells are cut into steps by the headings of the level that gives a sensible number of them, or, without
   headings, where loading turns into splitting, training and evaluating.
3. A cell that only looks at data is left out (`skip`) only when a heading says that this part explores, nothing later
   uses what the cell defines, and it changes nothing.
4. Tags that are there stay, and the cells between them are left to the steps they belong to.
"""

from __future__ import annotations

import re
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.notebook.tags import Role, read_tags
from mlops_nb.steps.cell_kinds import (
    Reading,
    imports_and_settings,
    looks_like_parameters,
    only_functions,
    only_imports,
    only_looks,
    plain_metrics,
    read_cell,
    stage_of,
)
from mlops_nb.steps.headings import headings_of, step_name, unused_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_nb.notebook.cells import Cell, Notebook

_FEWEST, _MOST = 3, 12
_MOST_STAGES = 8
_DEEPEST = 4
_READS_STRINGS = re.compile(r"@\w|\b(eval|query|ols|glm|logit|formula\w*|dmatri\w+)\(")
_EXPLORES = re.compile(
    r"explor|\beda\b|visuali[sz]|inspect|\bplot|\blook|peek|glance|overview|distribution|correlation|descriptive"
    r"|understand(ing)? the data",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TagChange:
    """A proposal for one cell: its id, number (from 1), first line, tags before and after, and why."""

    cell: str
    number: int
    first_line: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Suggestion:
    """The tags proposed for a notebook, in its order; cells that stay as they are do not occur."""

    name: str
    changes: tuple[TagChange, ...]

    def as_diff(self) -> str:
        """Return the proposal as a person reviews it: each cell's number and first line, its tags with `-` and `+`."""
        if not self.changes:
            return ""
        lines = [f"--- {self.name}", f"+++ {self.name} (proposed)"]
        for change in self.changes:
            lines.append(f"@@ cell {change.number} @@ {change.first_line}")
            lines += [f"-{tag}" for tag in change.before if tag not in change.after]
            lines += [f"{' ' if tag in change.before else '+'}{tag}" for tag in change.after]
            lines.append(f"# {change.why}")
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        changes = [
            {
                "cell": change.cell,
                "number": change.number,
                "first_line": change.first_line,
                "before": list(change.before),
                "after": list(change.after),
                "why": change.why,
            }
            for change in self.changes
        ]
        return {"notebook": self.name, "changes": changes}

    def apply(self, notebook: Notebook) -> dict[str, Any]:
        """Return the notebook's document with the proposed tags written in, all else as it is."""
        document: dict[str, Any] = deepcopy(dict(notebook.document))
        for change in self.changes:
            document["cells"][change.number - 1].setdefault("metadata", {})["tags"] = list(change.after)
        return document


@dataclass(frozen=True)
class _Section:
    """Where a cell stands: the key tells sections apart, `title` names the step."""

    key: int
    title: str
    explores: bool = False
    is_stage: bool = False


def suggest(notebook: Notebook) -> Suggestion:
    """Propose tags for the code cells of a Python notebook; the tags it has are kept."""
    if notebook.language not in {"python", "ipython"}:
        return Suggestion(notebook.path.name, ())
    readings = [read_cell(cell) for cell in notebook.code_cells]
    roles = _roles(readings)
    sections = _by_headings(notebook, readings, roles) or _by_stages(readings, roles)
    roles |= _skipped(readings, roles, sections)
    changes = _proposed(readings, roles, sections)
    return Suggestion(notebook.path.name, tuple(change for change in changes if _is_valid(change, notebook)))


def _is_valid(change: TagChange, notebook: Notebook) -> bool:
    proposed = replace(notebook.cells[change.number - 1], tags=change.after)
    return not read_tags(proposed)[1]


def _is_free(cell: Cell) -> bool:
    """Say whether no tag of ours decides yet what the cell is."""
    tags, wrong = read_tags(cell)
    return tags.role is Role.CONTINUES and not wrong


def _roles(readings: Sequence[Reading]) -> dict[str, tuple[str, str]]:
    """Return (tag, why) of the cells that are imports, functions or parameters, by cell id."""
    binders = Counter(name for reading in readings for name in reading.flow.defines)
    tagged = {reading.cell.id: read_tags(reading.cell)[0].role for reading in readings}
    found: dict[str, tuple[str, str]] = {}
    of_steps = _defined_by_steps(readings)
    has_parameters = Role.PARAMETERS in tagged.values()
    started = False
    for reading in readings:
        cell = reading.cell
        if not _is_free(cell):
            started = started or tagged[cell.id] in {Role.STEP, Role.METRICS}
            continue
        alone = not (set(reading.flow.defines) & of_steps)
        if only_imports(reading) and (not started or alone):
            found[cell.id] = ("imports", "only imports")
        elif imports_and_settings(reading) and not started:
            found[cell.id] = ("imports", "imports and sets up the session")
        elif (
            only_functions(reading)
            and all(binders[name] == 1 for name in reading.flow.defines)
            and not ({*reading.flow.uses, *reading.flow.deferred} & of_steps)
        ):
            found[cell.id] = ("functions", "only defines functions")
        elif (
            not started
            and not has_parameters
            and looks_like_parameters(reading)
            and all(binders[name] == 1 for name in reading.flow.defines)
        ):
            has_parameters = True
            found[cell.id] = ("parameters", "sets plain values at the top")
        started = started or (cell.id not in found and not reading.is_empty)
    return found


def _defined_by_steps(readings: Sequence[Reading]) -> set[str]:
    """Return the names that cells with a step's work bind."""
    names: set[str] = set()
    for position, reading in enumerate(readings):
        shape = imports_and_settings(reading) or only_functions(reading)
        first = all(
            other.is_empty or imports_and_settings(other) or only_functions(other) for other in readings[:position]
        )
        if not shape and not (first and looks_like_parameters(reading)):
            names |= set(reading.flow.defines)
    return names


def _by_headings(
    notebook: Notebook, readings: Sequence[Reading], roles: Mapping[str, tuple[str, str]]
) -> dict[str, _Section]:
    """Return each cell's section at the heading level that cuts the work best; empty when no level cuts it."""
    kinds = {reading.cell.id: reading for reading in readings}
    best: dict[str, _Section] = {}
    distance = 99
    for level in range(1, _DEEPEST + 1):
        found: dict[str, _Section] = {}
        section = _Section(0, "")
        nearest = ""
        for cell in notebook.cells:
            for heading in headings_of(cell.source) if cell.kind == "markdown" else ():
                nearest = heading.text
                if heading.level <= level:
                    section = _Section(section.key + 1, heading.text)
            if cell.kind == "code":
                found[cell.id] = replace(section, explores=bool(_EXPLORES.search(nearest)))
        worked = {s.key for key, s in found.items() if key not in roles and not kinds[key].is_empty}
        off = max(_FEWEST - len(worked), len(worked) - _MOST, 0)
        if len(worked) > 1 and off < distance:
            best, distance = found, off
    return best


def _by_stages(readings: Sequence[Reading], roles: Mapping[str, tuple[str, str]]) -> dict[str, _Section]:
    """Return each cell's section by what its calls do, for a notebook without headings."""
    stages = {reading.cell.id: stage_of(reading) for reading in readings}
    found: dict[str, _Section] = {}
    for merged in ((), ("evaluate",), ("evaluate", "prepare")):
        found = {}
        section = _Section(0, "", is_stage=True)
        for reading in readings:
            stage = stages[reading.cell.id]
            if reading.cell.id not in roles and stage and stage not in merged and _starts(section.title, stage):
                section = _Section(section.key + 1, stage, is_stage=True)
            found[reading.cell.id] = section
        if section.key <= _MOST_STAGES:
            break
    return found


def _starts(current: str, stage: str) -> bool:
    # Filling a gap or scaling a column in the middle of training belongs to the training.
    return stage != current and not (stage == "prepare" and current in {"train", "evaluate"})


def _skipped(
    readings: Sequence[Reading], roles: Mapping[str, tuple[str, str]], sections: Mapping[str, _Section]
) -> dict[str, tuple[str, str]]:
    """Return the cells that only look at data under a heading that says so, by cell id."""
    work = [r for r in readings if r.cell.id not in roles and not r.is_empty]
    found: dict[str, tuple[str, str]] = {}
    for reading in reversed(work):
        cell = reading.cell
        if not (sections[cell.id].explores and _is_free(cell) and only_looks(reading)):
            continue
        later = [other for other in readings if other.cell.index > cell.index and other.cell.id not in found]
        if not any(_may_use(other, name) for other in later for name in reading.flow.defines):
            found[cell.id] = ("skip", "only looks at data, under a heading that says so; nothing later needs it")
    return found if len(found) < len(work) else {}


def _may_use(reading: Reading, name: str) -> bool:
    if name in reading.flow.uses or name in reading.flow.deferred or reading.flow.barrier:
        return True
    # `df.query("x > @limit")` and model formulas read names inside strings; most other strings do not.
    return name in reading.flow.strings and bool(_READS_STRINGS.search(reading.cell.source))


def _proposed(
    readings: Sequence[Reading], roles: Mapping[str, tuple[str, str]], sections: Mapping[str, _Section]
) -> Iterator[TagChange]:
    """Yield the changes, starting a step at the first cell of each section."""
    own = [read_tags(reading.cell)[0].step for reading in readings]
    taken = [name for name in own if name]
    last_own = max((position for position, name in enumerate(own) if name), default=-1)
    section = -1
    for position, reading in enumerate(readings):
        cell = reading.cell
        here = sections.get(cell.id, _Section(0, ""))
        if not _is_free(cell):
            section = here.key if own[position] else section
        elif cell.id in roles:
            tag, why = roles[cell.id]
            yield _change(cell, (tag,), why)
        elif not reading.is_empty:
            tags: tuple[str, ...] = ()
            why = ""
            # Between a person's own steps an untagged cell belongs to the step above it.
            if here.key != section and not (any(own[:position]) and position < last_own):
                name = unused_name(_name(here, reading), taken)
                taken.append(name)
                section, tags, why = here.key, (f"step:{name}",), _why(here)
            metrics = plain_metrics(reading, readings[:position])
            if metrics:
                tags += (Role.METRICS.value,)
                shown = ", ".join(f"`{metric}`" for metric in metrics)
                why = "; ".join(filter(None, (why, f"shows the metrics {shown}")))
            if tags:
                yield _change(cell, tags, why)


def _name(here: _Section, reading: Reading) -> str:
    return step_name(here.title) or stage_of(reading) or ("setup" if here.key == 0 else f"step_{here.key}")


def _why(here: _Section) -> str:
    words = " ".join(here.title.split())
    if here.is_stage:
        return f"begins to {words}" if words else "the first cell that does something"
    return f"stands under the heading {words!r}" if words else "stands before the first heading"


def _change(cell: Cell, tags: tuple[str, ...], why: str) -> TagChange:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    after = tuple(dict.fromkeys((*cell.tags, *tags)))
    return TagChange(cell.id, cell.index + 1, lines[0].strip() if lines else "", cell.tags, after, why)
