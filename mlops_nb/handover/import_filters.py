"""Warning filters that the import of a module adds: once for the notebook, though each step's kernel imports it anew.

The first import of a module puts its filters in front of the others. In the notebook a later import of it does nothing.
So what an import has added once is part of the state, and an import in a later step's kernel leaves the filters alone.
Without that, which filters stand in front would depend on what a kernel happens to have imported.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

# So many callers are looked at; a module's code is near where it adds a filter.
_NEAR = 40


class ImportFilters:
    """Which module's import has added which filter, so far in the notebook."""

    def __init__(self) -> None:
        self.known: set[tuple[str, str]] = set()
        self._add: Callable[..., None] | None = None
        self._filters: Any = None

    def watch(self) -> None:
        """Note from now on what imports add; once in a process."""
        if self._add is None and hasattr(warnings, "_add_filter"):
            self._add = warnings._add_filter  # noqa: SLF001 - both public functions end there
            self._filters = warnings.filters
            warnings._add_filter = self._add_filter  # noqa: SLF001

    def is_again(self, module: str, items: Iterable[Any]) -> bool:
        """Say whether the import of a module has added these before in the notebook; if not, it has now."""
        # In a `catch_warnings` it is for a moment only, as what the judges of tables import.
        if not module or self._add is None or warnings.filters is not self._filters:
            return False
        pairs = {(module, repr(item)) for item in items}
        if pairs and pairs <= self.known:
            return True
        self.known |= pairs
        return False

    def _add_filter(self, *item: Any, append: bool) -> None:
        if self._add is not None and not self.is_again(_imported(sys._getframe(2)), (item,)):  # noqa: SLF001 - who adds it
            self._add(*item, append=append)


def _imported(frame: FrameType | None) -> str:
    """Return the module whose import adds a filter, or nothing: a cell does, a function that one calls, or a reload."""
    for _ in range(_NEAR):
        if frame is None:
            break
        if frame.f_code.co_name == "<module>":
            name = str(frame.f_globals.get("__name__", ""))
            caller = frame.f_back
            # Code that is being loaded is called by the import system; a cell's by the shell.
            loads = caller is not None and caller.f_code.co_filename.startswith("<frozen importlib")
            return name if loads and getattr(frame.f_globals.get("__spec__"), "_initializing", False) else ""
        frame = frame.f_back
    return ""


IMPORT_FILTERS = ImportFilters()
