"""A run gives signs of life: of one that is killed in a long cell it is then known until when it ran."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEAT_S = 1.0


@contextmanager
def signs_of_life(file: Path) -> Iterator[None]:
    """Give a file of the run's folder the current time, once a second, while the block runs.

    Nothing is written, so a full disk does not stop it; `doctor` and `resume` read the time of the newest file.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT_S):
            with suppress(OSError):
                os.utime(file)

    beating = threading.Thread(target=beat, name="signs-of-life", daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
