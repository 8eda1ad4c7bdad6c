"""What a process has one of, carried as its state: random streams, Matplotlib's settings, the decimal context in force.

`from numpy.random import rand` is a method of the global stream, and `from matplotlib import rcParams` gives the
settings another name. Wherever a value refers to one of them it means that of the process that it is in.
"""

from __future__ import annotations

import decimal
import random
import sys
from typing import Any

_RANDOM, _NUMPY, _SETTINGS, _DECIMAL = "random", "numpy.random", "matplotlib", "decimal"
KINDS_OF_PROCESS = frozenset(
    {"random.Random", "numpy.random.mtrand.RandomState", "matplotlib.RcParams", "decimal.Context"}
)


def one_of_process(value: Any) -> str:
    """Return which of them a value is; empty for any other."""
    if value is random._inst:  # noqa: SLF001 - it has no other name
        return _RANDOM
    if isinstance(value, decimal.Context):
        return _DECIMAL if value is decimal.getcontext() else ""
    for name, module, held in ((_NUMPY, "numpy.random.mtrand", "_rand"), (_SETTINGS, "matplotlib", "rcParams")):
        if module in sys.modules and value is getattr(sys.modules[module], held, None):
            return name
    return ""


def held_by_process(name: str) -> Any:
    """Return that of this process."""
    if name == _RANDOM:
        return random._inst  # noqa: SLF001
    if name == _DECIMAL:
        return decimal.getcontext()
    if name == _SETTINGS:
        import matplotlib as mpl

        return mpl.rcParams
    from numpy.random import mtrand

    return mtrand._rand  # noqa: SLF001
