"""Settings that a package which a template has loaded would read from another file in the kernel that imports it.

Matplotlib reads `matplotlibrc` when it is imported, from the folder that the process is in, from where a variable of
the environment points or from the person's home. The template has read what was there when it loaded Matplotlib.
"""

from __future__ import annotations

import locale
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

# A kernel chooses its backend by a variable of the environment, which goes before the file.
_CHOSEN = frozenset({"backend"})


@dataclass(frozen=True)
class MatplotlibSettings:
    """The file that Matplotlib was loaded with; called where it comes back, it reads the one that counts there."""

    file: str
    content: bytes

    @staticmethod
    def read_by(matplotlib: ModuleType) -> MatplotlibSettings:
        """Return what Matplotlib reads now."""
        file = os.path.abspath(matplotlib.matplotlib_fname())  # noqa: PTH100 - links stay
        return MatplotlibSettings(file, Path(file).read_bytes())

    def __call__(self) -> None:
        """Read the settings anew, in place, where the file is another one: as at the end of Matplotlib's own import."""
        matplotlib = sys.modules["matplotlib"]
        now = self.read_by(matplotlib)
        if now == self:
            return
        # As `dict`: their own methods choose a backend and warn of what is out of date.
        found: dict[str, Any] = dict.copy(matplotlib.rcParamsDefault)
        found.update(dict.items(matplotlib._rc_params_in_file(now.file)))  # noqa: SLF001 - there is no public one
        dict.update(matplotlib.rcParamsOrig, found)
        dict.update(matplotlib.rcParams, {key: value for key, value in found.items() if key not in _CHOSEN})
        if found.get("axes.formatter.use_locale"):
            locale.setlocale(locale.LC_ALL, "")
