"""Where a kernel's global random streams start: at the run's seed, which its record keeps.

A fresh interpreter starts them anywhere, so that no second run could draw the same numbers. A seed that was drawn for
the run is as random as that, and lets the run be reproduced.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_NUMPY_RANDOM = "numpy.random"


class _SeedsNumPy(MetaPathFinder):
    """Seeds NumPy's global stream when the notebook first imports it, and not before: the import is the notebook's."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return NumPy's own spec, with a loader that seeds what it has loaded."""
        del path, target
        if name != _NUMPY_RANDOM:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_seed(module: ModuleType) -> None:
                load(module)
                vars(module)["seed"](self._seed)

            vars(spec.loader)["exec_module"] = load_and_seed
        return spec


def seed_streams(seed: int) -> None:
    """Put the global random streams of `random` and NumPy where all kernels of a run start.

    Parameters
    ----------
    seed
        From 0 to 2**32 - 1, what NumPy takes.
    """
    random.seed(seed)
    if _NUMPY_RANDOM in sys.modules:
        sys.modules[_NUMPY_RANDOM].seed(seed)
    else:
        sys.meta_path.insert(0, _SeedsNumPy(seed))
