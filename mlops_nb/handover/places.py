"""Which paths are the notebook's, and which are those of Python, its packages, programs and the machine."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_OF_THE_MACHINE = (
    *("/proc", "/dev", "/sys", "/etc", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt"),
    *("/run", "/var/lib", "/var/cache"),
)
# Memory that is a folder, and disks that a desktop mounts; without what libraries share between their processes.
_OF_PEOPLE = re.compile(r"/dev/(shm)/(?!joblib_|loky-|psm_|sem\.|pym-|torch_|\.)|/run/(media|mount)/")
# What `%store` keeps, though it lies in a hidden folder of the home.
_STORED = re.compile(r"[/\\]db[/\\]autorestore[/\\]")
_PACKAGE = f"{Path(__file__).resolve().parents[1]}{os.sep}"


class Places:
    """What is nobody's concern on this machine.

    Parameters
    ----------
    projects
        Folders of the notebook: what lies there is its own, also where they lie in a hidden one.
    """

    def __init__(self, projects: Iterable[str] = ()) -> None:
        self._ignored = tuple(
            str(Path(place).resolve())
            for place in {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *_OF_THE_MACHINE}
            if place
        )
        # Caches and settings of programs live in hidden folders of the home; a person's data does not.
        self._hidden = f"{Path.home()}{os.sep}."
        self._projects = tuple(f"{folder}{os.sep}" for folder in projects)

    def are_near(self, path: str) -> bool:
        """Say whether a path lies in a folder of the notebook's."""
        return path.startswith(self._projects)

    def is_hidden(self, path: str) -> bool:
        """Say whether a path lies in a hidden folder of the home, and not in one of the notebook's."""
        return path.startswith(self._hidden) and not self.are_near(path)

    def are_the_notebooks(self, path: str, also_ignored: Iterable[str], by_hand: Collection[str]) -> bool:
        """Say whether a path may be one of the notebook's.

        Parameters
        ----------
        path
            An absolute path.
        also_ignored
            Folders that are not.
        by_hand
            What the notebook's own code opened or loaded: also a compiled library, and what lies in a hidden folder.
        """
        if _STORED.search(path):
            return True
        if path.endswith(".pyc") or (path.endswith(".so") and path not in by_hand):
            return False
        if "/site-packages/" in path or "/__pycache__" in path or "/ipykernel_" in path or path.startswith(_PACKAGE):
            return False
        if self.is_hidden(path) and path not in by_hand:
            return False
        ignored = (*also_ignored, *(() if _OF_PEOPLE.match(path) else self._ignored))
        return not any(path == place or path.startswith(f"{place}{os.sep}") for place in ignored)
