"""The pages of documentation as values: their headings, links, code blocks, and the examples that are run.

What a page can hold is told to its readers in docs/README.md:

- a `python` block that begins with `# tags:` holds cells; a line `# tags: …` begins a cell, and a line
  `# mlops_nb: {…}` below it holds the cell's settings. Together they are the page's notebook, `tips.ipynb`, and
  without their tags `untagged.ipynb`;
- a `console` block holds commands after `$ ` and what they print. It is run, unless `<!-- not run: why -->` stands
  above it. `…` stands for anything; ids, times and durations may differ.

`python -m tests.docs.pages PAGE…`, at the root, runs the pages' examples and writes what they print into the pages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.notebook_factory import Cell, write

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
NOTEBOOK, UNTAGGED = "tips.ipynb", "untagged.ipynb"
WIDTH = 100

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+?) -->\n+)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_VOLATILE = (
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b"), "RUN"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?\b"), "WHEN"),
    (re.compile(r"\b\d+(?:\.\d)? s\b|\b\d+:\d\d (?:min|h)\b"), "TIME"),
    (re.compile(r"\b\w+ \((?:cli|ci)\)"), "WHO"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "DIGEST"),
    (re.compile(r"\b\d+(?:\.\d)? (?:k|M|G)?B\b"), "SIZE"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, place in the page, and why it is not run, if it is not."""

    language: str
    text: str
    start: int
    end: int
    not_run: str = ""


@dataclass(frozen=True)
class Example:
    """A command of a console block and what the page says that it prints."""

    command: str
    output: str


def blocks(text: str) -> list[Block]:
    return [
        Block(found["language"], found["text"], found.start("text"), found.end("text"), found["why"] or "")
        for found in _FENCE.finditer(text)
    ]


def without_code(text: str) -> str:
    """Return a page without its fenced blocks, whose text is not Markdown."""
    return _FENCE.sub("", text)


def examples(block: Block) -> list[Example]:
    found: list[list[str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:]])
        elif found and found[-1][-1].endswith("\\") and len(found[-1]) == 1:
            found[-1][0] = found[-1][0][:-1] + line.lstrip("> ")
        elif found:
            found[-1].append(line)
    return [Example(command, "\n".join(output)) for command, *output in found]


def cells(text: str) -> list[Cell]:
    """Return the cells of a block that begins with `# tags:`."""
    found: list[Cell] = []
    for part in re.split(r"^# tags: ?", text, flags=re.MULTILINE)[1:]:
        tags, _, source = part.partition("\n")
        settings = {}
        if source.startswith("# mlops_nb: "):
            line, _, source = source.partition("\n")
            settings = json.loads(line.removeprefix("# mlops_nb: "))
        cell = (tags.replace(",", " "), source.strip("\n"))
        found.append((*cell, settings) if settings else cell)
    return found


def project(page: Path, folder: Path) -> Path:
    """Make the project that a page's examples run in: its notebook beside the example notebooks and their data."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(ROOT / "notebooks" / "data", folder / "data")
    written = [
        cell
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "python" and block.text.startswith("# tags:")
        for cell in cells(block.text)
    ]
    if written:
        write(folder / NOTEBOOK, written)
        write(folder / UNTAGGED, [("", cell[1]) for cell in written])
    (folder / "pyproject.toml").touch()
    return folder


def run(command: str, folder: Path) -> str:
    """Run a command as a person would in a terminal of that folder, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_NB_")}
    environment.pop("CI", None)
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command],
        check=False,
        cwd=folder,
        env=environment | {"PATH": path, "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT), "LOGNAME": "ada"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout.replace(f"{folder.resolve()}/", "…/").replace(str(folder), "…")


def pattern(output: str) -> re.Pattern[str]:
    """Return what an output has to match: what differs from run to run, and `…`, match anything."""
    return re.compile(re.escape(settled(output)).replace("…", ".*?"), re.DOTALL)


def settled(output: str) -> str:
    """Return an output without what differs from run to run: ids, times, sizes, the width of columns."""
    for found, name in _VOLATILE:
        output = found.sub(name, output)
    lines = (" ".join(line.split()) for line in output.strip().splitlines())
    return "\n".join(line for line in lines if line)


def renew(page: Path) -> None:
    """Write into a page what its examples print now."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        here = project(page, Path(folder) / "project")
        for block in [block for block in blocks(text) if block.language == "console"]:
            if block.not_run:
                continue
            told = ""
            for example in examples(block):
                printed = _fitted(run(example.command, here), example.output)
                told += f"$ {example.command}\n" + (f"{printed}\n" if printed else "")
            text = text.replace(block.text, told, 1)
    page.write_text(text, encoding="utf-8")


def _fitted(now: str, before: str) -> str:
    """Keep a hand-shortened output that still fits; otherwise take the new one."""
    if before and pattern(before).fullmatch(settled(now)):
        return before
    return "\n".join(line.rstrip() for line in now.strip("\n").splitlines())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        renew(Path(name).resolve())
