"""Whether a notebook's code asks for what was typed: `inspect.getsource(f)`, `In[2]`, `%history`, `f??`.

Else comments and blank lines are nothing that a step could compute with.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.notebook import Cell

_ASKS = re.compile(
    r"\b(getsource|getsourcelines|getcomments|findsource|getblock|linecache|co_firstlineno|co_positions|f_lineno"
    r"|tb_lineno)\b|%(psource|pinfo2)\b|\w\?\?|\?\?\w"
)


def asks_for_text(cells: Iterable[Cell]) -> bool:
    """Say whether code of these cells asks for the text of code, or for where it stands."""
    return any(_ASKS.search(cell.source) for cell in cells)


def typed_so_far(cells: Iterable[Cell]) -> str:
    """Return what stands for all that these cells say."""
    return hashlib.sha256("\0".join(cell.source for cell in cells).encode()).hexdigest()[:32]
