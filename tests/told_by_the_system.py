"""Whether this system tells which files are opened in C: macOS, Windows and many containers do not."""

from __future__ import annotations

import pytest

from mlops_nb.handover.fanotify import Fanotify


def is_told() -> bool:
    try:
        Fanotify().close()
    except OSError:
        return False
    return True


only_where_it_is_told = pytest.mark.skipif(not is_told(), reason="this system does not tell which files are opened")
