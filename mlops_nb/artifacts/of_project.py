"""Which modules are the person's own: code beside the notebook, which nobody has installed."""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import types

_PACKAGES = re.compile(r"[/\\](site|dist)-packages[/\\]")
# This package, the notebook itself, also where `multiprocessing` has run it again, and what every interpreter runs by
# itself when it starts.
_NO_PROJECTS = frozenset({"__main__", "__mp_main__", "mlops_nb", "sitecustomize", "usercustomize"})


def is_of_project(name: str, origin: str | None = None) -> bool:
    """Say whether a module's file (`origin`, where it is not loaded yet) is neither Python's nor a package's."""
    file = origin or getattr(sys.modules.get(name), "__file__", None)
    return file is not None and _belongs_to_project(name, file)


@functools.cache
def _belongs_to_project(name: str, file: str) -> bool:
    # Asked of thousands of modules after each step.
    if name.split(".", maxsplit=1)[0] in _NO_PROJECTS:
        return False
    return not file.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)) and not _PACKAGES.search(file)


# Of the loaded modules those that belong to others: that is asked of thousands several times a step.
_OF_OTHERS: dict[str, types.ModuleType] = {}


def project_modules() -> list[tuple[str, types.ModuleType]]:
    """Return the loaded modules that belong to the person's project: code beside the notebook may hold state."""
    found: list[tuple[str, types.ModuleType]] = []
    for name, module in list(sys.modules.items()):
        if _OF_OTHERS.get(name, found) is module:
            continue
        if is_of_project(name):
            found.append((name, module))
        elif getattr(module, "__file__", None) is not None:
            _OF_OTHERS[name] = module
    return found
