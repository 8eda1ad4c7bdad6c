"""What the project's own modules do to the process when a cell calls them: their text is read as the cells' is.

What a module does while it is imported is done again wherever it is imported, and is not looked for here.
"""

from __future__ import annotations

import ast
import re
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_nb.steps.bound import CARRIED_ATTRIBUTES, bindings_in, dotted_name, of_library
from mlops_nb.steps.magic_code import tree_with_magics
from mlops_nb.steps.patches import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.notebook import Cell


_WRITES_MODULE = re.compile(r"\s*%%(writefile|file)\s+(-a\s+|--append\s+)?(\./)?(?P<path>[\w/]+)\.py\s*(\n|$)")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def binding_code(modules: Mapping[str, str]) -> dict[str, str]:
    """Return what in the modules changes the process for good when somebody uses it, and by what.

    Parameters
    ----------
    modules
        The text of each module, by dotted name.

    Returns
    -------
    dict
        Dotted names such as `helpers.setup`: of functions, of classes with such a method, of what is made of them at
        the top of a module, and the names under which other modules have imported any of these.
    """
    read = {
        module: _read(module, source, is_package=any(other.startswith(f"{module}.") for other in modules))
        for module, source in modules.items()
    }
    binding = {name: what for text in read.values() for name, what in text.binding.items()}
    named = {name: used for text in read.values() for name, used in text.named.items()}
    while more := {
        **{
            name: what
            for name, used in named.items()
            if name not in binding and (what := next((binding[each] for each in used if each in binding), ""))
        },
        **{
            name: what
            for module, text in read.items()
            for own, held in star_names(text.stars, binding).items()
            if (name := f"{module}.{own}") not in {*binding, *named} and (what := binding[held.replace(":", ".")])
        },
    }:
        binding |= more
    return binding


@dataclass(frozen=True)
class _Text:
    """What a module's text says by itself: what binds, what each of its names uses, which modules it takes whole."""

    binding: Mapping[str, str]
    named: Mapping[str, frozenset[str]]
    stars: tuple[str, ...]


# An editor asks again at each change of its notebook.
@lru_cache(maxsize=4096)
def _read(module: str, source: str, *, is_package: bool) -> _Text:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        # Importing it fails in the step, which says more.
        return _Text({}, {}, ())
    parts = module.split(".")
    aliases, stars = _aliases(tree, parts if is_package else parts[:-1])
    defined = dict(_defined(tree))
    # Its own names are called by the module's, and those that it imports by theirs.
    known = aliases | {name: f"{module}:{name}" for name in defined}
    binding: dict[str, str] = {}
    named = {f"{module}.{name}": frozenset({held.replace(":", ".")}) for name, held in aliases.items()}
    for name, node in defined.items():
        inside = list(ast.walk(_without_decorators(node)))
        if isinstance(node, _DEFINITIONS):
            places = bindings_in(inside, aliases)
            if what := places[0].what if places else _put_into_library(inside, aliases):
                binding[f"{module}.{name}"] = what
        used = {dotted_name(part, known) for part in inside if isinstance(part, ast.Name | ast.Attribute)}
        used |= {f"{star}.{part.id}" for part in inside if isinstance(part, ast.Name) for star in stars}
        named[f"{module}.{name}"] = frozenset(used)
    return _Text(binding, named, stars)


def written_modules(cells: Iterable[Cell]) -> dict[str, str]:
    """Return the text of the modules that cells write (`%%writefile helpers.py`), by dotted name."""
    found: dict[str, str] = {}
    for cell in cells:
        if written := _WRITES_MODULE.match(cell.source):
            name = written["path"].replace("/", ".").removesuffix(".__init__")
            found[name] = found.get(name, "") + cell.source[written.end() :] + "\n"
    return found


def import_folders(cell: Cell) -> tuple[str, ...]:
    """Return the folders that a cell puts on `sys.path`, as far as its text says: any text in such a statement."""
    if "sys.path" not in cell.source:
        return ()
    found: list[str] = []
    for call in ast.walk(tree_with_magics(cell.source)):
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("sys.path."):
            held = [part.value for part in ast.walk(call) if isinstance(part, ast.Constant)]
            texts = [part for part in held if isinstance(part, str) and "\0" not in part]
            # Each alone, and joined: `os.path.join("..", "src")`.
            found += [*texts, *(["/".join(texts)] if len(texts) > 1 else [])]
    return tuple(found)


def _put_into_library(nodes: Iterable[ast.AST], aliases: Mapping[str, str]) -> str:
    """Return what of a library code sets: who looks for that in a kernel cannot tell it from what an import has set."""
    for node in nodes:
        for target in targets_of(node):
            dotted = dotted_name(target, aliases) if isinstance(target, ast.Attribute) else ""
            parts = dotted.split(".")
            if dotted and CARRIED_ATTRIBUTES.isdisjoint(parts) and of_library(parts[0]):
                return dotted
    return ""


def _without_decorators(node: ast.AST) -> ast.AST:
    """Return a definition without what runs when it is defined, and anything else as it is."""
    if not isinstance(node, _DEFINITIONS):
        return node
    bare = copy(node)
    bare.decorator_list = []
    return bare


def star_names(stars: Iterable[str], binding: Mapping[str, str]) -> dict[str, str]:
    """Return what names stand for that `from module import *` may have bound, as far as it is `binding`."""
    parted = [dotted.rpartition(".") for dotted in binding]
    return {name: f"{module}:{name}" for module in stars for owner, _, name in parted if owner == module}


def _defined(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a module defines at its top, by name, also within `if` and `try`."""
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node
            case ast.Assign(targets=targets):
                yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.If() | ast.Try() | ast.With():
                waiting += ast.iter_child_nodes(node)
            case ast.ExceptHandler():
                waiting += node.body


def _aliases(tree: ast.Module, package: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what names stand for that a module imports, as `Flow.aliases` does; and which modules it takes whole."""
    found: dict[str, str] = {}
    stars: list[str] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    found[bound] = alias.name if alias.asname else bound
            case ast.ImportFrom(module=named, names=names, level=level):
                base = package[: len(package) - level + 1] if level else []
                origin = ".".join((*base, *([named] if named else ())))
                found |= {alias.asname or alias.name: f"{origin}:{alias.name}" for alias in names if alias.name != "*"}
                stars += [origin for alias in names if alias.name == "*"]
    return found, tuple(stars)
