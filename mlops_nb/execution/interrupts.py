"""Signals that end a process become one `KeyboardInterrupt`, which ends kernels and records what was cancelled."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_AT_ONCE_S = 1.0


def take_interrupts(*, even_ignored: bool = False) -> None:
    """Let the signals that end a process interrupt it.

    Parameters
    ----------
    even_ignored
        Whether an interrupt counts that whoever started the process lets it ignore, as a shell does in the background.
    """
    interrupts = _Interrupts()
    for name in _ENDING_SIGNALS:
        ignored = name == "SIGINT" and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        if hasattr(signal, name) and (even_ignored or not ignored):
            signal.signal(getattr(signal, name), interrupts)


class _Interrupts:
    """Raises `KeyboardInterrupt`, once for signals that come together.

    A closed terminal sends two, and an impatient person several. One that comes while another is taken in leaves
    Python's own locks unlocked (`RuntimeError: release unlocked lock` out of `threading.Event.wait`).
    """

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal in."""
        del number, frame
        now = time.monotonic()
        if now - self._last > _AT_ONCE_S:
            self._last = now
            raise KeyboardInterrupt
