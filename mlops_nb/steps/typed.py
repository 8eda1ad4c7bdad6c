"""Whether a notebook's code asks for what was typed: `inspect.getsource(f)`, `In[2]`, `%history`, `f??`.

Else comments and blank lines are nothing that a step could compute with.
"""

from __future__ import annotations

import ast
import hashlib
from typing import TYPE_CHECKING

from mlops_nb.steps.magic_code import tree_with_magics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.notebook import Cell

_ASKS = frozenset(
    {
        *("getsource", "getsourcelines", "getcomments", "findsource", "getblock", "linecache"),
        *("co_firstlineno", "co_positions", "f_lineno", "tb_lineno"),
    }
)
# What `%psource f` and `f??` become.
_MAGICS = frozenset({"psource", "pinfo2"})


def asks_for_text(cells: Iterable[Cell]) -> bool:
    """Say whether code of these cells asks for the text of code, or for where it stands."""
    return any(_asks(node) for cell in cells for node in ast.walk(tree_with_magics(cell.source)))


def _asks(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            return name in _ASKS
        case ast.Constant(value=str(text)):
            return text in _MAGICS | _ASKS
    return False


def typed_so_far(cells: Iterable[Cell]) -> str:
    """Return what stands for all that these cells say."""
    return hashlib.sha256("\0".join(cell.source for cell in cells).encode()).hexdigest()[:32]
