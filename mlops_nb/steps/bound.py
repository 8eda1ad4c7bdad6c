"""What ties steps to one process: state that nobody can carry, and code that asks what only its own process knows.

Two kinds, both read off the text, both on the safe side:

- a step that *binds* changes the process in a way that cannot be read back and set elsewhere (a signal handler, a
  registered magic, a started thread): it and every step after it share one kernel;
- a step that asks for *identity* (`id(x)`, `a is b`, a weak reference) may see through any copy, and one that asks for
  the last exception (`%tb`) sees frames: it and every step before it share one kernel. Not so where it asks about
  objects that it made itself, or about their types.

What the hand-over does carry (settings, random streams, patched attributes) is not here.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mlops_nb.steps.bound_names import BINDING, BINDING_METHODS, BINDING_UNLESS_WITH, FAMILIES, UNCARRIED_SEEDS
from mlops_nb.steps.flow import Place
from mlops_nb.steps.functions import functions_of, with_callers
from mlops_nb.steps.made import Made
from mlops_nb.steps.magic_code import tree_with_magics

__all__ = [
    "CARRIED_ATTRIBUTES",
    "binding_functions",
    "bindings",
    "bindings_in",
    "calls_binding",
    "dotted_name",
    "identities",
    "not_done_again",
    "of_library",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from mlops_nb.notebook import Cell

# Whose items the hand-over carries, or nobody but the kernel sees.
_CARRIED_ITEMS = frozenset({"os.environ", "sys.argv", "sys.path", "warnings.filters"})
CARRIED_ATTRIBUTES = frozenset({"rcParams", "options"})
# What `get_ipython()` may be asked without changing the shell for the cells below, and magics likewise.
_HARMLESS_SHELL = frozenset(
    {"run_line_magic", "run_cell_magic", "system", "getoutput", "run_cell", "user_ns", "ask_exit"}
)
_SHELL_MAGICS = frozenset({"bash", "sh", "script", "system", "sx", "!"})
_BINDING_MAGICS = frozenset(
    {
        "alias",
        "alias_magic",
        "autocall",
        "automagic",
        "gui",
        "load_ext",
        "macro",
        "pprint",
        "precision",
        "pylab",
        "reload_ext",
    }
)
# The kernel's own backend, and settings that only change how a cell is typed or how a picture is stored.
_HARMLESS_OPTIONS = {
    "config": re.compile(
        r"\s*(Completer|IPCompleter|InlineBackend\.(figure_formats?|print_figure_kwargs))\b|\s*\w*\s*$"
    ),
    "matplotlib": re.compile(r"\s*(inline|-l|--list)\s*$"),
}
# Behind which a command of the shell runs on by itself; `&&` joins two, `2>&1` two streams.
_RUNS_ON = re.compile(r"(?<![&>])&\s*(?:$|\n|[;)])")
_SHELLS = re.compile(r"os\.(system|popen)|subprocess\.\w+")
_IDENTITY = ("weakref.", "gc.get_", "inspect.getsource", "inspect.stack", "inspect.currentframe", "ctypes.")
# What a cell above has raised, with its frames: no other process has it.
_LAST_EXCEPTION = ("sys.last_", "traceback.print_last", "pdb.pm", "pdb.post_mortem")
# What numbers a process and its threads: each is told once for the whole notebook.
_OF_PROCESS = {
    "os.getpid": "getpid",
    "os.getppid": "getppid",
    "threading.get_ident": "get_ident",
    "threading.get_native_id": "get_native_id",
}
_TRACEBACK_MAGICS = frozenset({"debug", "tb"})


def bindings(cell: Cell, aliases: Mapping[str, str], own: Mapping[str, str] | None = None) -> tuple[Place, ...]:
    """Return where a cell changes its process in a way that stays there.

    Parameters
    ----------
    cell
        The cell.
    aliases
        The names that imports bind.
    own
        By dotted name, what of the project's own modules does so, and by what (`own_code.binding_code`).
    """
    return bindings_in(list(ast.walk(tree_with_magics(cell.source))), aliases, own, cell.id)


def bindings_in(
    nodes: Collection[ast.AST], aliases: Mapping[str, str], own: Mapping[str, str] | None = None, cell: str = ""
) -> tuple[Place, ...]:
    """Return which of these nodes change the process in a way that stays; the rest is as for `bindings`."""
    own = own or {}
    managed = {
        id(item.context_expr) for node in nodes if isinstance(node, ast.With | ast.AsyncWith) for item in node.items
    }

    def told(node: ast.AST) -> str:
        if isinstance(node, ast.Call) and id(node) not in managed:
            dotted = dotted_name(node.func, aliases)
            if dotted in BINDING_UNLESS_WITH:
                return dotted
        if own and (what := own.get(dotted_name(node, aliases))):
            return what
        return _binds(node, aliases) or _leaves_running(node, aliases) or _setsof_library(node, aliases)

    return _told_of(nodes, cell, told)


def binding_functions(
    functions: Mapping[str, ast.AST], aliases: Mapping[str, str], own: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return those of the functions and classes that change the process for good when somebody uses them, and by what.

    The parameters are those of `bindings`.
    """
    found = {
        name: places[0].what
        for name, node in functions.items()
        if (places := bindings_in(list(ast.walk(node)), aliases, own))
    }
    return with_callers(found, functions)


def calls_binding(cell: Cell, binding: Mapping[str, str]) -> tuple[Place, ...]:
    """Return where a cell names one of the functions that `binding_functions` told of."""
    return _found(cell, lambda node: binding.get(node.id, "") if isinstance(node, ast.Name) else "")


def identities(
    cells: Iterable[Cell], aliases: Mapping[str, str], outside: Iterable[str], before: Iterable[Cell] = ()
) -> tuple[Place, ...]:
    """Return where the cells of a step ask which of the objects that it was given is which.

    Or which process this is, where cells before have asked for that too, or functions of theirs do.

    Parameters
    ----------
    cells
        The cells.
    aliases
        The names that imports bind.
    outside
        Names that may hold what they held before the step.
    before
        The cells before them.
    """
    cells = list(cells)
    own = Made((tree_with_magics(cell.source) for cell in cells), outside)
    asking = [cell for cell in before if any(name in cell.source for name in _OF_PROCESS.values())]
    functions = {
        name
        for name, node in functions_of(asking).items()
        if any(number in ast.unparse(node) for number in _OF_PROCESS.values())
    }

    def told(node: ast.AST) -> str:
        dotted = dotted_name(node, aliases)
        if asking and dotted in _OF_PROCESS:
            return dotted
        if isinstance(node, ast.Name) and node.id in functions and isinstance(node.ctx, ast.Load):
            return node.id
        if dotted and dotted.startswith(_IDENTITY + _LAST_EXCEPTION):
            return dotted
        return "" if own.compares(node, aliases) else _asks(node)

    return tuple(place for cell in cells for place in _found(cell, told))


def _found(cell: Cell, told: Callable[[ast.AST], str]) -> tuple[Place, ...]:
    return _told_of(ast.walk(tree_with_magics(cell.source)), cell.id, told)


def _told_of(nodes: Iterable[ast.AST], cell: str, told: Callable[[ast.AST], str]) -> tuple[Place, ...]:
    found: dict[Place, None] = {}
    for node in nodes:
        what = told(node)
        if what:
            found[Place(cell, getattr(node, "lineno", 1), what)] = None
    return tuple(found)


def not_done_again(what: str) -> bool:
    """Say whether this keeps steps in one process also where a cell does it that each step could do again.

    A random stream goes on from step to step, and a callback of the shell's events counts the cells of all steps.
    """
    return what in UNCARRIED_SEEDS or what == "get_ipython().events" or what.endswith(".events.register")


def _binds(node: ast.AST, aliases: Mapping[str, str]) -> str:
    dotted = dotted_name(node, aliases)
    if dotted in BINDING or dotted in UNCARRIED_SEEDS or FAMILIES.fullmatch(dotted):
        return dotted
    if registers := _registers(node, aliases):
        return registers
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in BINDING_METHODS:
            return name
        case ast.Attribute(attr="propagate" | "disabled" | "level" as name, ctx=ast.Store()) if (
            "logging" in aliases.values()
        ):
            return name
        case ast.Attribute(attr="handlers") if "logging" in aliases.values():
            return "handlers"
        case ast.Call(func=ast.Attribute(value=ast.Call(func=owner) | owner, attr="pandas")) if dotted_name(
            owner, aliases
        ).startswith("tqdm"):
            return "tqdm.pandas"
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=name), args=args):
            return _asked_of_shell(name, args)
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=name) if name not in _HARMLESS_SHELL:
            return f"get_ipython().{name}"
        case ast.Assign(value=ast.Call(func=ast.Name(id="get_ipython"))):
            # Under another name, nobody sees what is asked of it.
            return "get_ipython"
    return ""


def _registers(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """Return what of a library a node registers something with: the table is in the library's class."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=shell), attr="events"), attr="register")
        ):
            return f"{shell}.events.register"
        case ast.Call(func=ast.Attribute(attr="register") as function):
            # `Sequence.register(Mine)`.
            found = [function]
        case ast.ClassDef(decorator_list=decorators) | ast.FunctionDef(decorator_list=decorators):
            # `@Sequence.register` above a class; one with arguments is a call.
            found = [each for each in decorators if isinstance(each, ast.Attribute) and each.attr == "register"]
        case _:
            return ""
    owners = (dotted_name(each.value, aliases) for each in found)
    return next((f"{owner}.register" for owner in owners if owner), "")


def _asked_of_shell(name: str, args: list[ast.expr]) -> str:
    """Return what a method of IPython's shell does to the process for good, if it does."""
    if name not in {"run_line_magic", "run_cell_magic"}:
        return "" if name in _HARMLESS_SHELL else f"get_ipython().{name}"
    texts = [str(part.value) if isinstance(part, ast.Constant) else "" for part in args[:3]]
    magic, line, body, *_ = [*texts, "", "", ""]
    runs_on = magic in _SHELL_MAGICS and ("--bg" in line.split() or _RUNS_ON.search(body))
    return f"%{magic}" if runs_on or _binding_magic(magic, line) else ""


def _leaves_running(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """Return what starts a command of the shell that runs on when the shell has ended."""
    match node:
        case ast.Call(func=function, args=[ast.Constant(value=str(command)), *_]) if _RUNS_ON.search(command):
            dotted = dotted_name(function, aliases)
            return dotted if _SHELLS.fullmatch(dotted) else ""
    return ""


def _binding_magic(magic: str, line: str) -> bool:
    harmless = _HARMLESS_OPTIONS.get(magic)
    return magic in _BINDING_MAGICS or (harmless is not None and not harmless.match(line))


def _setsof_library(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """Return what of a library a statement sets that is no attribute with a known name: an item, or any attribute."""
    match node:
        case ast.Subscript(value=ast.Attribute() | ast.Name() as owner, ctx=ast.Store() | ast.Del()):
            dotted = dotted_name(owner, aliases)
            if dotted in _CARRIED_ITEMS or not CARRIED_ATTRIBUTES.isdisjoint(dotted.split(".")):
                return ""
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, name, *_]) if not isinstance(
            name, ast.Constant
        ):
            dotted = dotted_name(owner, aliases)
        case _:
            return ""
    return dotted if of_library(dotted.split(".")[0]) else ""


@cache
def of_library(module: str) -> bool:
    """Say whether a module is Python's or an installed package's: what one beside the notebook holds is carried."""
    if module in sys.stdlib_module_names:
        return True
    try:
        spec = find_spec(module) if module else None
    except (ImportError, ValueError):
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or ())] if spec else []
    return any("-packages" in place for place in places)


def _first(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _asks(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id="id")):
            return "id"
        case ast.Name(id="id", ctx=ast.Load()):
            return "id"
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_line_magic"),
            args=[ast.Constant(value=str(magic)), *_],
        ) if magic in _TRACEBACK_MAGICS:
            return f"%{magic}"
        case ast.Attribute(attr="__subclasses__" | "__weakref__" as name):
            return name
        case ast.Compare(left=left, ops=ops, comparators=others) if any(
            isinstance(op, ast.Is | ast.IsNot) for op in ops
        ):
            # `x is None` asks for a singleton, which is one in every process.
            if not any(isinstance(operand, ast.Constant) for operand in (left, *others)):
                return "is"
    return ""


def dotted_name(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """Return the full dotted name of an attribute chain on something imported, or nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    first = aliases.get(_first(node), "")
    return ".".join((first.replace(":", "."), *reversed(parts))) if first else ""
