"""Which effects of a prelude cell must happen once: done again in each step, they would undo what steps have made.

To empty a folder, to begin a log anew, to make a temporary folder: such a cell is not replayed. It runs once, and what
it binds travels. Where it also does something that nobody may be able to carry, the steps after it stay in its process.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from mlops_nb.steps.bound import dotted_name
from mlops_nb.steps.effects import effects
from mlops_nb.steps.flow import Place
from mlops_nb.steps.functions import FUNCTIONS
from mlops_nb.steps.magic_code import tree_with_magics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.notebook import Cell

_ONCE = re.compile(
    r"shutil\.(rmtree|move|copy\w*|unpack_archive)|os\.(mkdir|remove|removedirs|rename|renames|replace|rmdir|unlink)"
    r"|tempfile\.(mkdtemp|mkstemp|TemporaryDirectory|NamedTemporaryFile|TemporaryFile)"
)
_ONCE_METHODS = frozenset({"rmdir", "unlink", "write_bytes", "write_text"})
_MAKES_FOLDER = frozenset({"makedirs", "mkdir"})
_SHELL = re.compile(r"(^|[;&|]\s*)\s*(rm|mv|mkdir(?!\s+(-p|--parents)))\s|>")
# What the hand-over carries wherever it was set.
_CARRIED = re.compile(
    r"(\w+\.)*(warnings|rcParams|style|options|environ|random|path)\b|(os\.)?chdir\(|(\w+\.)?(set_option|seed)\("
    r"|(sns|seaborn)\.set|print\(|display\(|(os\.|\w+\.|Path\(.*\)\.)(makedirs|mkdir)\("
    r"|get_ipython\(\)\.run_line_magic\(('matplotlib', 'inline'|'config', 'InlineBackend)"
)
# Assigned, these are values that travel, and making them does nothing else.
_VALUES = re.compile(r"(\w+\.)*(Path|getLogger|join|abspath|now|today|getenv|[A-Z][A-Za-z]+)\(|os\.environ\b")


def once(cell: Cell, aliases: Mapping[str, str], functions: Mapping[str, ast.AST]) -> tuple[Place, ...]:
    """Return where a cell does to files what must not be done again.

    Parameters
    ----------
    cell
        A cell that would be replayed in each step.
    aliases
        The names that imports bind.
    functions
        Functions of the notebook that it may call.
    """
    found = (
        Place(cell.id, statement.lineno, what)
        for statement in effects(tree_with_magics(cell.source).body)
        if (what := _does_once(statement, aliases, functions))
    )
    return tuple(found)


def does_more(cell: Cell, places: Iterable[Place]) -> bool:
    """Say whether a cell has effects, beside those at these places, that nobody may be able to carry."""
    lines = {place.line for place in places}
    return any(
        statement.lineno not in lines and not _is_carried(statement)
        for statement in effects(tree_with_magics(cell.source).body)
    )


def _is_carried(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign) and all(isinstance(target, ast.Name) for target in statement.targets):
        return _VALUES.match(ast.unparse(statement.value)) is not None
    return _CARRIED.match(ast.unparse(statement)) is not None


def _does_once(statement: ast.AST, aliases: Mapping[str, str], functions: Mapping[str, ast.AST]) -> str:
    waiting = [statement]
    entered: set[str] = set()
    while waiting:
        for call in _calls(waiting.pop()):
            if what := _once_call(call, aliases):
                return what
            if isinstance(call.func, ast.Name) and call.func.id in functions.keys() - entered:
                entered.add(call.func.id)
                waiting += getattr(functions[call.func.id], "body", [])
    return ""


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of code that runs now, not of what it defines."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, ast.Call):
            yield current
        if not isinstance(current, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(current)


def _once_call(call: ast.Call, aliases: Mapping[str, str]) -> str:
    dotted = dotted_name(call.func, aliases)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if _ONCE.fullmatch(dotted):
        return dotted
    if isinstance(call.func, ast.Attribute) and method in _ONCE_METHODS:
        return method
    if method in _MAKES_FOLDER and "exist_ok" not in given:
        return method
    if dotted == "logging.basicConfig":
        return dotted if "filename" in given and _begins_anew(given.get("filemode")) else ""
    if method in {"FileHandler", "open"}:
        # `open(path, mode)`, but `path.open(mode)`.
        of_path = isinstance(call.func, ast.Attribute) and not dotted
        modes = call.args[:1] if of_path else call.args[1:2]
        mode = given.get("mode") or next(iter(modes), None)
        return method if _begins_anew(mode) else ""
    if method in {"dictConfig", "fileConfig"}:
        return dotted or method
    if method in {"system", "getoutput"} and call.args and isinstance(call.args[-1], ast.Constant):
        command = str(call.args[-1].value)
        return f"!{command}" if _SHELL.search(command) else ""
    return ""


def _begins_anew(mode: ast.expr | None) -> bool:
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and mode.value[:1] in {"w", "x"}
