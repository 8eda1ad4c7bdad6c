"""What the peers run, each in its own way: five steps that do next to nothing, or an exported notebook's steps."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FIVE = "five"


@dataclass(frozen=True)
class Task:
    """A function, the names of what it takes, and those of what it returns as a dictionary."""

    name: str
    function: Callable[..., dict[str, Any]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def tasks(what: str) -> list[Task]:
    """Return the tasks in their order: `five`, or the folder of modules that `mlops-nb export` wrote."""
    return _five() if what == FIVE else _exported(Path(what).resolve())


def _five() -> list[Task]:
    def first() -> dict[str, Any]:
        return {"value_0": 0}

    def following(number: int) -> Task:
        before, after = f"value_{number - 1}", f"value_{number}"
        return Task(f"s{number}", lambda **given: {after: given[before] + 1}, (before,), (after,))

    return [Task("s0", first, (), ("value_0",)), *map(following, range(1, 5))]


def _exported(folder: Path) -> list[Task]:
    sys.path.insert(0, str(folder.parent))
    main = ast.parse((folder / "__main__.py").read_text(encoding="utf-8"))
    imports = [node for node in main.body if isinstance(node, ast.ImportFrom) and node.module]
    known: set[str] = set()
    found = []
    for name in (node.names[0].name for node in imports):
        module = importlib.import_module(f"{folder.name}.{name}")
        function = getattr(module, name)
        required = [one.name for one in inspect.signature(function).parameters.values() if one.default is one.empty]
        returned = ast.parse(inspect.getsource(function)).body[0].body[-1].value  # type: ignore[attr-defined]
        # These tools give a name one maker. What a step changes in place it need not return.
        made = [key.value for key in returned.keys if key.value not in known]
        known |= set(made)
        found.append(Task(name, function, tuple(required), tuple(made)))
    return found
