"""A run in a real terminal: the table lives while it runs, and the terminal is left as it was."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import MLOPS_NB, environment
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 80, 24
HIDE, SHOW, OTHER_SCREEN = "\x1b[?25l", "\x1b[?25h", "\x1b[?1049h"
CELLS = [
    ("step:load", "import time\nnumbers = [1, 2, 3]"),
    ("step:slow", "time.sleep(1)"),
    ("", "total = sum(numbers)\ntime.sleep(1)"),
    ("pipeline-metrics", "time.sleep(0.5)\nprint(total)"),
]


@dataclass(frozen=True)
class Session:
    """What a command wrote to its terminal, how it ended, and how it found and left the terminal."""

    raw: str
    code: int
    before: list[Any]
    after: list[Any]

    @property
    def screen(self) -> list[str]:
        """The lines that stand there in the end."""
        lines, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]", self.raw):
            if part.startswith("\x1b"):
                count, what = part[2:-1], part[-1]
                if what == "A":
                    row = max(0, row - int(count or 1))
                elif what == "K":
                    lines[row] = "" if count == "2" else lines[row][:column]
            elif part == "\r":
                column = 0
            elif part == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            else:
                lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
                column += 1
        return [line.rstrip() for line in lines]


def in_terminal(folder: Path, *arguments: str, press: tuple[str, bytes] | None = None) -> Session:
    """Run the command in a terminal; `press` is a text to wait for, and the keys that are pressed then."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        # It gets the terminal as its own, so that Ctrl-C reaches it as a person's does.
        ["setsid", "--ctty", "--wait", MLOPS_NB, *arguments],
        cwd=folder,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    raw = b""
    deadline = time.monotonic() + 120
    with contextlib.suppress(OSError):
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            assert time.monotonic() < deadline, raw.decode()
            if select.select([ours], [], [], 0.1)[0]:
                raw += os.read(ours, 1 << 16)
            if press is not None and press[0] in raw.decode(errors="ignore"):
                os.write(ours, press[1])
                press = None
    after = termios.tcgetattr(theirs)
    os.close(theirs)
    os.close(ours)
    return Session(raw.decode(), process.wait(), before, after)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("terminal")
    write(folder / "live.ipynb", CELLS)
    return in_terminal(folder, "run", "live.ipynb")


def test_the_table_lives_while_the_steps_run(ran: Session) -> None:
    assert ran.code == 0, ran.raw
    assert ran.raw.count("\x1b[1A") > 10, "it is drawn again and again"
    for state in ("▶", "1/3", "2/3", "0 of 2 steps", "1 of 2 steps"):
        assert state in ran.raw


def test_what_stands_there_in_the_end_is_calm_and_fits(ran: Session) -> None:
    lines = ran.screen
    assert re.fullmatch(r"✔  load +\d.*s", lines[0])
    assert re.fullmatch(r"✔  slow +\d.*s", lines[1])
    text = "\n".join(lines)
    assert "metrics\n  total  6  slow" in text
    assert re.search(r"✔ run \S+ succeeded in \d", text)
    assert lines[-2].startswith("Look closer: mlops-nb show last")
    assert all(len(line) <= WIDTH for line in lines)
    assert "of 2 steps," not in text, "the line below the live table is gone"


def test_the_terminal_is_left_as_it_was(ran: Session) -> None:
    assert HIDE in ran.raw
    assert ran.raw.rfind(SHOW) > ran.raw.rfind(HIDE)
    assert OTHER_SCREEN not in ran.raw
    assert ran.after == ran.before
    assert ran.raw.endswith("\n")


def test_ctrl_c_ends_the_run_and_gives_the_terminal_back(tmp_path: Path) -> None:
    write(tmp_path / "long.ipynb", [("step:long", "import time\ntime.sleep(300)")])
    ended = in_terminal(tmp_path, "run", "long.ipynb", press=("0/1", b"\x03"))
    assert ended.code == 130
    text = "\n".join(ended.screen)
    assert re.search(r"■ run \S+ cancelled in .*: interrupted", text)
    assert "To go on where it stopped: mlops-nb resume last" in text
    assert "Traceback" not in ended.raw
    assert ended.raw.rfind(SHOW) > ended.raw.rfind(HIDE)
    assert ended.after == ended.before
