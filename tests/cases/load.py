"""The table of fidelity cases: small notebooks whose result tells whether a pipeline computed what the notebook does.

The files beside this one, one for each group of hazards, hold the cases as text:

    ### two_names_one_list
    # Two names for one list stay one object across steps.
    expect: equal
    === step:a
    x = [1]
    y = x
    === step:b
    x.append(2)
    === step:c
    result = (x, y, x is y)

A case starts at `### name`; the next line is its meaning, then come header lines, all optional:

    expect: equal                      the result is that of the notebook, however it is done (the default)
    expect: apart                      equal, and no steps share a kernel
    expect: fused                      equal, and steps share a kernel because a value cannot leave its process
    expect: refused MN303 because ...  nothing can keep it right, and this diagnostic says so
    expect: fails ValueError because . nothing can keep it right, and a step ends with this exception
    parameters: n=3, names=["a"]       what the run overrides; a first run with the defaults may come before it
    seed: yes                          draws without a seed on purpose: both sides start from the same RNG state
    rebuild: b                         this step above all has to run again, on state thawed from an earlier run
    needs: seaborn, jinja2             modules without which the case is left out
    python: 3.12                       the oldest Python that can read it

A line that is `===`, alone or followed by tags, starts a cell; what follows, up to the next such line, is its source as
a person types it, magics included. No statement of Python or IPython starts with `===`, so nothing is escaped.

Every case binds `result` to plain data at its end. The notebook's own answer is what a fresh shell gives that runs all
cells but those tagged `skip` and `test`; the overrides come in a cell of their own right after the tagged parameters.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent
STEP_PREFIXES = ("step:", "block:")
PARAMETER_TAGS = frozenset({"parameters", "pipeline-parameters"})
LEFT_OUT_TAGS = frozenset({"skip", "test"})
MAY_RAISE = "raises-exception"

_CASE = re.compile(r"### ([a-z0-9_]+)")
_HEADER = re.compile(r"(expect|parameters|seed|rebuild|needs|python): (.+)")
_REFUSED = re.compile(r"refused (MN\d{3}) because (.+)")

_FAILS = re.compile(r"fails (\w+) because (.+)")

Expect = Literal["equal", "apart", "fused", "refused", "fails"]


class CaseCell(NamedTuple):
    """One code cell of a case: its tags and its source."""

    tags: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Case:
    """One small notebook and what a pipeline has to make of it."""

    name: str
    group: str
    meaning: str
    cells: tuple[CaseCell, ...]
    expect: Expect = "equal"
    diagnostic: str | None = None
    reason: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    seed: bool = False
    rebuild: str | None = None
    needs: tuple[str, ...] = ()
    python: tuple[int, int] = (3, 11)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps, in the notebook's order."""
        named = (tag.partition(":")[2] for cell in self.cells for tag in cell.tags if tag.startswith(STEP_PREFIXES))
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def cannot_run(self) -> str:
        """Why the case cannot run in this environment, or an empty string."""
        if sys.version_info < self.python:
            return f"needs Python {self.python[0]}.{self.python[1]}"
        missing = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return f"needs {', '.join(missing)}" if missing else ""

    def notebook(self) -> dict[str, Any]:
        """Return the case as the JSON of an .ipynb file (nbformat 4.5), with a new dictionary at each call."""
        return {
            "cells": [
                {
                    "cell_type": "code",
                    "id": _cell_id(position, cell),
                    "metadata": {"tags": list(cell.tags)} if cell.tags else {},
                    "execution_count": None,
                    "outputs": [],
                    "source": cell.source,
                }
                for position, cell in enumerate(self.cells, start=1)
            ],
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }

    def script(self, *, left_out: bool = False) -> list[str]:
        """Return the sources that a person's Restart-and-Run-All would run, one for each cell.

        The overridden parameters are a cell of their own behind the tagged one, as Papermill puts them. Cells tagged
        `skip` or `test` are among them only when `left_out` is true.
        """
        return [source for source, _ in self._script(left_out=left_out)]

    def may_raise(self, *, left_out: bool = False) -> list[int]:
        """Return the places in the script of the cells that are expected to raise."""
        return [place for place, (_, tags) in enumerate(self._script(left_out=left_out)) if MAY_RAISE in tags]

    def _script(self, *, left_out: bool = False) -> Iterator[tuple[str, tuple[str, ...]]]:
        for cell in self.cells:
            if left_out or not LEFT_OUT_TAGS.intersection(cell.tags):
                yield cell.source, cell.tags
            if self.parameters and PARAMETER_TAGS.intersection(cell.tags):
                yield "\n".join(f"{name} = {value!r}" for name, value in self.parameters.items()), ()


def load_cases() -> list[Case]:
    """Return every case of the table, group by group, in the order of the files."""
    return [
        case
        for path in sorted(FOLDER.glob("*.txt"))
        for case in parse_cases(path.read_text(encoding="utf-8"), path.stem)
    ]


def parse_cases(text: str, group: str) -> Iterator[Case]:
    """Yield the cases that the text of one group holds.

    Raises
    ------
    ValueError
        When the text is not in the form that this module's docstring gives; the message names group and case.
    """
    name = ""
    block: list[str] = []
    for line in text.splitlines():
        start = _CASE.fullmatch(line)
        if start is None:
            block.append(line)
            continue
        if name or any(block):
            yield _parse_case(name, group, block)
        name, block = start[1], []
    yield _parse_case(name, group, block)


def _parse_case(name: str, group: str, block: list[str]) -> Case:
    if not name:
        message = f"{group}: text stands before the first `### name`."
        raise ValueError(message)
    where = f"{group}: {name}"
    first_cell = next((i for i, line in enumerate(block) if _is_cell(line)), len(block))
    meaning, *header = [line for line in block[:first_cell] if line] or [""]
    if not meaning.startswith("# "):
        message = f"{where}: the line below the name is `# what the case means.`"
        raise ValueError(message)
    if first_cell == len(block):
        message = f"{where}: the case has no cell."
        raise ValueError(message)
    cells = tuple(_parse_cells(block[first_cell:]))
    return Case(name, group, meaning.removeprefix("# "), cells, **_parse_header(where, header))


def _is_cell(line: str) -> bool:
    return line == "===" or line.startswith("=== ")


def _parse_cells(lines: list[str]) -> Iterator[CaseCell]:
    starts = [i for i, line in enumerate(lines) if _is_cell(line)]
    for start, end in pairwise([*starts, len(lines)]):
        yield CaseCell(tuple(lines[start].split()[1:]), "\n".join(lines[start + 1 : end]).strip("\n"))


def _parse_header(where: str, lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            message = f"{where}: {line!r} is no header line; see the docstring of tests/cases/load.py."
            raise ValueError(message)
        key, text = header.groups()
        if key == "expect":
            found |= _parse_expect(where, text)
        elif key == "parameters":
            found[key] = _parse_parameters(text)
        elif key == "seed":
            found[key] = text == "yes"
        elif key == "needs":
            found[key] = tuple(name.strip() for name in text.split(","))
        elif key == "python":
            major, minor = text.split(".")
            found[key] = (int(major), int(minor))
        else:
            found[key] = text
    return found


def _parse_expect(where: str, text: str) -> dict[str, Any]:
    if text in {"equal", "apart", "fused"}:
        return {"expect": text}
    if refused := _REFUSED.fullmatch(text):
        return {"expect": "refused", "diagnostic": refused[1], "reason": refused[2]}
    if fails := _FAILS.fullmatch(text):
        return {"expect": "fails", "diagnostic": fails[1], "reason": fails[2]}
    message = (
        f"{where}: `expect: {text}` is none of `equal`, `apart`, `fused`, `refused MN123 because ...`, `fails ...`."
    )
    raise ValueError(message)


def _parse_parameters(text: str) -> dict[str, Any]:
    call = ast.parse(f"dict({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}


def _cell_id(position: int, cell: CaseCell) -> str:
    label = re.sub(r"[^A-Za-z0-9_-]+", "-", cell.tags[0]).strip("-") if cell.tags else "untagged"
    return f"{position}-{label}"[:64]
