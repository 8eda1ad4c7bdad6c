"""Where a kernel's global random streams start: at the run's seed, which its record keeps.

A fresh interpreter starts them anywhere, so that no second run could draw the same numbers. A seed that was drawn for
the run is as random as that, and lets the run be reproduced.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# The libraries' modules that have a global stream, with the function that seeds it.
_STREAMS = {"numpy.random": "seed", "torch": "manual_seed"}


class _SeedsWhenImported(MetaPathFinder):
    """Seeds a library's stream when the notebook first imports it, and not before: the import is the notebook's."""

    def __init__(self, seed: int, waiting: dict[str, str]) -> None:
        self._seed = seed
        self._waiting = waiting

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the module's own spec, with a loader that seeds what it has loaded."""
        del path, target
        how = self._waiting.pop(name, None)
        if how is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None:
            # It may be installed later.
            self._waiting[name] = how
            return None
        if not self._waiting:
            sys.meta_path.remove(self)
        if spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_seed(module: ModuleType) -> None:
                load(module)
                _seed(module, how, self._seed)

            vars(spec.loader)["exec_module"] = load_and_seed
        return spec


def _seed(module: ModuleType, how: str, seed: int) -> None:
    # Somebody may have a module of that name that is another.
    if how in vars(module):
        vars(module)[how](seed)


def seed_streams(seed: int) -> None:
    """Put the global random streams of `random`, NumPy and PyTorch where all kernels of a run start.

    Parameters
    ----------
    seed
        From 0 to 2**32 - 1, what NumPy takes.
    """
    random.seed(seed)
    waiting = {}
    for name, how in _STREAMS.items():
        if name in sys.modules:
            _seed(sys.modules[name], how, seed)
        else:
            waiting[name] = how
    if waiting:
        sys.meta_path.insert(0, _SeedsWhenImported(seed, waiting))


def begin_streams(shell: Any, seed: int | None) -> None:
    """Leave the streams to the notebook alone, and begin them at a seed, if there is one."""
    # Whoever connects to the kernel gets a tip of the day with IPython's greeting, drawn from the global stream.
    shell.enable_tip = False
    if seed is not None:
        seed_streams(seed)
