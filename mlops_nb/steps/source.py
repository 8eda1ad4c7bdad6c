"""A cell's text as Python: IPython's magics, `!` and `?` turned into calls, and every line traceable to the cell.

Importing IPython's transformer costs about 0.15 s, so a cell that is plain Python never pays it: what Python's own
parser accepts, IPython leaves alone (but for a pasted `In [1]:` prompt and for automagic in cells of one line).
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Line magics that people type without `%`. IPython allows that in cells of one line only, for names nobody bound.
AUTOMAGIC = frozenset(
    "alias autoreload bookmark cat cd conda config cp dhist env hist history ldir less lf lk ll load_ext ls lsmagic lx"  # noqa: SIM905 - a list of words reads as words
    " magic mamba man matplotlib micromamba mkdir more mv pdb pinfo pip popd prun psearch pushd pwd pylab reload_ext"
    " reset reset_selective rm rmdir run set_env store sx system time timeit uv who who_ls whos xdel xmode".split()
)
_ONE_LINE = re.compile(r"\s*([A-Za-z_]\w*)(?![\w.]|[ \t]*([-+*/%&|^@<>]{0,3}=(?!=)|[,(\[:]))[^\n]*\s*\Z")
_PROMPT = re.compile(r"\s*In \[\d+\]: ")
# A token transformer rewrites one piece at a time; IPython gives up after as many.
_REWRITES = 500


@dataclass(frozen=True)
class Fault:
    """Why a text is not Python: the line (from 1), what the parser says, and the text of that line."""

    line: int
    message: str
    text: str


@dataclass(frozen=True)
class PythonSource:
    """Python text, its tree, and where its lines come from.

    `lines[i]` is the original line (from 1) of line `i + 1` of `text`; empty when nothing moved. With a `fault` the
    tree is empty.
    """

    text: str
    tree: ast.Module
    lines: tuple[int, ...] = ()
    fault: Fault | None = None

    def line(self, number: int) -> int:
        """Return the line of the original text that line `number` (from 1) of the Python text comes from."""
        if not self.lines:
            return number
        return self.lines[min(max(number, 1), len(self.lines)) - 1]


def to_python(source: str, *, bound: frozenset[str] = frozenset()) -> PythonSource:
    """Return `source`, the text of a code cell, as the Python that IPython would run.

    Parameters
    ----------
    source
        The cell's text.
    bound
        Names bound elsewhere in the notebook: `ls` alone in a cell is a magic unless somebody defined `ls`.
    """
    match = _ONE_LINE.match(source)
    if match and match[1] in AUTOMAGIC - bound:
        source = f"%{source.strip()}"
    tree = _parse(source)
    if isinstance(tree, ast.Module) and not _PROMPT.match(source):
        return PythonSource(source, tree)
    try:
        text, lines = _transformed(source)
    except (SyntaxError, RuntimeError, ValueError):
        # IPython cannot read it either; Python's own complaint is the clearer one.
        text, lines = source, ()
    again = _parse(text)
    if isinstance(again, ast.Module):
        return PythonSource(text, again, lines)
    fault = Fault(_at(lines, again.line), again.message, "")
    shown = source.splitlines()
    words = shown[fault.line - 1].strip() if 0 < fault.line <= len(shown) else ""
    return PythonSource(text, ast.Module([], []), lines, Fault(fault.line, fault.message, words))


def _at(lines: tuple[int, ...], number: int) -> int:
    return lines[min(max(number, 1), len(lines)) - 1] if lines else number


# Several readers walk a cell's tree, one after the other, and none of them changes it.
@lru_cache(maxsize=1024)
def _parse(text: str) -> ast.Module | Fault:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            # What Python merely warns about ("\d", `is 1`) is the author's business, not a reason to stop.
            warnings.simplefilter("ignore")
            tree = compile(text, "<cell>", "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
            if not isinstance(tree, ast.Module):
                return Fault(1, "no statements", "")
            # The parser accepts a `return` outside of a function; only the compiler refuses it.
            compile(tree, "<cell>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        return Fault(error.lineno or 1, error.msg, "")
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return Fault(1, str(error) or "too deeply nested", "")
    return tree


def _transformed(source: str) -> tuple[str, tuple[int, ...]]:
    """Run IPython's transformations one by one, following each line."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager = TransformerManager()  # type: ignore[no-untyped-call]
    lines = (source if source.endswith("\n") else f"{source}\n").splitlines(keepends=True)
    origin = list(range(1, len(lines) + 1))

    def follow(transform: Callable[[list[str]], list[str]]) -> bool:
        nonlocal lines, origin
        before = list(lines)
        lines = transform(lines)
        origin = _follow(before, lines, origin)
        return lines != before

    steps: list[Any] = [*manager.cleanup_transforms, *manager.line_transforms]
    for step in steps:
        follow(step)
    for _ in range(_REWRITES):
        if not follow(lambda current: manager.do_one_token_transform(current)[1]):  # type: ignore[no-untyped-call]
            break
    return "".join(lines), tuple(origin)


def _follow(before: list[str], after: list[str], origin: list[int]) -> list[int]:
    """Return the original line of each line of `after`, which replaced one run of lines of `before`."""
    if len(before) == len(after):
        return origin
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    first = origin[min(head, len(origin) - 1)]
    kept = origin[len(origin) - tail :] if tail else []
    return origin[:head] + [first] * (len(after) - head - tail) + kept
