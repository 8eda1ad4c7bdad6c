"""Symbolic links of a project: whoever goes through one depends on where it leads, and on what lies there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Behind the name of a link: where it leads, and not what lies there.
LINK = " ->"
# The system's own; a step's kernel has another in its place, which tells of each question.
_readlink = os.readlink
# So many links lead to one another at most, as in Linux.
_MOST = 40


def through_links(path: str, is_near: Callable[[str], bool], *, last: bool = True) -> tuple[str, list[str]]:
    """Return where a path leads, and the links on its way, each with `LINK` behind its name.

    Parameters
    ----------
    path
        An absolute path.
    is_near
        Says whether a path lies in the project. Links from or to elsewhere are left as they are: where the data of a
        project lies is each machine's own.
    last
        Whether the path itself may be a link that is followed.
    """
    links: list[str] = []
    if not is_near(path):
        return path, links
    parts = path.split(os.sep)  # noqa: PTH206 - texts, as all of them where they are heard
    position = 1
    while position < len(parts) + last and len(links) < _MOST:
        place = os.sep.join(parts[:position])  # noqa: PTH118
        target = _target(place) if is_near(place) else ""
        if target and is_near(target):
            links.append(f"{place}{LINK}")
            parts = [*target.split(os.sep), *parts[position:]]  # noqa: PTH206
            position = 1
        else:
            position += 1
    return os.sep.join(parts), links  # noqa: PTH118


def link_target(path: str) -> str:
    """Return where a link leads, as it says; empty where there is none."""
    try:
        return os.fsdecode(_readlink(path))
    except (OSError, ValueError):
        return ""


def _target(place: str) -> str:
    says = link_target(place)
    return os.path.normpath(os.path.join(os.path.dirname(place), says)) if says else ""  # noqa: PTH118, PTH120
