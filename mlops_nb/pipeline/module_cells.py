"""A cell's text as lines of a Python module, and back, without losing a character.

The format, version 1. A cell stands between its marker and the next one, or `# %% end`::

    # %% [cell-id] tag tag
    x = 1
    # %magic %matplotlib inline

Inside a function every line is indented by four spaces, except empty lines and the continuation lines of a string,
whose text would change. What Python cannot hold is a comment: `# %magic LINE` (after `pass` where a block needs a
statement), `STATEMENT  # %time` for a line that `%time` runs, and `# %json "LINE"` for a line with characters that
would break it. A comment of the user's that looks like one of these is written behind `# %magic` as well, so reading
needs no exception. Changing the format means writing another version into the header and reading both.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

INDENT = "    "
END = "# %% end"
_MARKER = re.compile(r"# %% \[(?P<id>[^\]\s]+)\](?: (?P<tags>.*))?$")
_KEPT = re.compile(r"(?P<indent>\s*)(?:pass  )?# %magic (?P<line>.*)$")
_TIMED = re.compile(r"(?P<indent>\s*)(?P<line>\S.*)  # %time$")
_JSON = re.compile(r"\s*# %json (?P<text>\".*\")$")
_RESERVED = re.compile(r"\s*# %(?:%|magic |json )")
_FUTURE = re.compile(r"from __future__ import (?P<names>\w+(?:\s*,\s*\w+)*)\s*(?:#.*)?$")
_MAGIC = re.compile(r"\s*(?:%|!|\?)|.*\?\s*$|\s*[\w.,\s]+=\s*(?:!|%(?!=))")
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>\w+)")
_PYTHON_MAGICS = frozenset({"time", "capture", "prun"})
# Magics that change nothing a module would miss: displays, help, measuring, what the environment already brings.
_IDLE = re.compile(
    r"%+(?:matplotlib|config|load_ext|reload_ext|autoreload|time|timeit|capture|precision|xmode|who\w*|pip|conda|mamba|uv"
    r"|pwd|ls|lsmagic|history|pinfo2?|pdoc|psource|html|HTML|markdown|latex|svg|javascript|js)\b|[^!%]*\?\s*$|\?"
    r"|!\s*(?:pip3?|conda|mamba|uv|ls|head|tail|cat|wc|pwd|nvidia-smi|which|file|tree|du|df|date|free|lscpu"
    r"|python3? (?:-m pip|--version|-V))\b[^>;&]*$"
)
# A carriage return ends a line for Python and for text files; the others cannot stand in a source file at all.
_UNSAFE = re.compile(r"[\r\x00\ud800-\udfff]")


@dataclass(frozen=True)
class CellLines:
    """A cell as lines at the margin of a module.

    `is_python` says whether they are the cell's code, or a comment that only keeps it. `lost` are the lines that do
    something in the notebook and nothing in the module; `future` the names of its `from __future__` imports, which
    only a module's first statement may make.
    """

    lines: tuple[str, ...]
    is_python: bool
    lost: tuple[str, ...] = ()
    future: tuple[str, ...] = ()


@dataclass(frozen=True)
class MarkedCell:
    """A cell as a module holds it: its id, the tags of its marker, its source, the line of its marker (from 1)."""

    id: str
    tags: tuple[str, ...]
    source: str
    line: int


def cell_lines(source: str) -> CellLines:
    """Return the lines that hold a cell; `source_of` of them is `source` again, character by character."""
    if not _UNSAFE.search(source):
        written = _as_python(source)
        if written is not None and _comes_back(written.lines, source):
            return written
    return commented(source)


def commented(source: str) -> CellLines:
    """Return lines that keep a cell without running it."""
    first = next((line.strip() for line in source.split("\n") if line.strip()), "")
    magic = _CELL_MAGIC.match(first)
    harmless = magic is not None and magic["name"] not in _PYTHON_MAGICS and bool(_IDLE.match(first))
    lines = tuple(_kept(line) for line in source.split("\n")) if source else ()
    return CellLines(lines, is_python=False, lost=() if harmless or not first else (first,))


def _kept(line: str) -> str:
    if _UNSAFE.search(line):
        return f"# %json {json.dumps(line)}"
    return f"# %magic {line}" if line.strip(" ") else line


def _comes_back(lines: Sequence[str], source: str) -> bool:
    """Say whether the cell is found again in the worst place, inside a function and followed by code."""
    text = "\n".join(["def f():", INDENT + marker("x", ()), *indented(lines), "", INDENT + END, INDENT + "return"])
    try:
        return [cell.source for cell in marked_cells(text)[0]] == [source] and source_of(lines) == source
    except SyntaxError:
        return False


def _as_python(source: str) -> CellLines | None:
    """Return the cell with what is not Python commented out, or None when that does not make it Python."""
    lines: list[str] = []
    lost: list[str] = []
    future: list[str] = []
    continued = False
    for number, line in enumerate(source.split("\n"), 1):
        cell_magic = _CELL_MAGIC.match(line) if not any(text.strip() for text in lines) else None
        if cell_magic and cell_magic["name"] not in _PYTHON_MAGICS:
            return None
        may_be_magic = bool(_MAGIC.match(line)) and not is_module_code(line.strip())
        plain = not (continued or may_be_magic or _FUTURE.match(line) or _RESERVED.match(line))
        if plain or (not continued and _is_open(lines)):
            lines.append(line)
            continue
        if continued or may_be_magic:
            if not continued and not _IDLE.match(line.strip()):
                lost.append(f"line {number}: {line.strip()}")
            lines.append(f"# %magic {line}" if continued else _commented(line))
            continued = line.endswith("\\")
        else:
            future_import = _FUTURE.match(line)
            future += re.findall(r"\w+", future_import["names"]) if future_import else []
            text = line.lstrip()
            lines.append(f"{line[: len(line) - len(text)]}# %magic {text}")
    if not is_module_code("\n".join(lines)):
        return None
    return CellLines(tuple(lines), is_python=True, lost=tuple(lost), future=tuple(future))


def _commented(line: str) -> str:
    text = line.lstrip()
    indent = line[: len(line) - len(text)]
    timed = text.removeprefix("%time ")
    if timed != text and timed == timed.strip() and "#" not in timed and is_module_code(timed):
        return f"{indent}{timed}  # %time"
    return f"{indent}{'pass  ' if indent else ''}# %magic {text}"


def is_module_code(text: str) -> bool:
    """Say whether the text compiles as a module, top-level `await` left aside."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return False
    return True


def _is_open(lines: Sequence[str]) -> bool:
    """Say whether the lines end inside a string, a bracket or a continued line."""
    if not lines:
        return False
    if lines[-1].endswith("\\") and not (lines[-1].lstrip().startswith("#") or _KEPT.match(lines[-1])):
        return True
    try:
        for _ in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            pass
    except tokenize.TokenError as error:
        return (
            "EOF in multi-line" in str(error) or "unterminated triple" in str(error) or "unexpected EOF" in str(error)
        )
    except SyntaxError:
        return False
    return False


def source_of(lines: Iterable[str]) -> str:
    """Return the source of the cell that lines at the margin hold."""
    lines = list(lines)
    if not any("# %" in line for line in lines):
        return "\n".join(lines)
    inside = _inside_strings(lines)
    return "\n".join(line if number in inside else _read(line) for number, line in enumerate(lines, 1))


def _read(line: str) -> str:
    if match := _JSON.match(line):
        return str(json.loads(match["text"]))
    if match := _KEPT.match(line):
        return f"{match['indent']}{match['line']}"
    if match := _TIMED.match(line):
        return f"{match['indent']}%time {match['line']}"
    return line


def indented(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines one level deeper, the text of their strings as it was."""
    inside = _inside_strings(lines)
    return tuple(line if number in inside or not line else INDENT + line for number, line in enumerate(lines, 1))


def _inside_strings(lines: Iterable[str]) -> set[int]:
    """Return the numbers (from 1) of the lines that begin inside a string."""
    found: set[int] = set()
    starts: list[int] = []
    text = "".join(f"{line}\n" for line in lines)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            if token.type == tokenize.STRING:
                found.update(range(token.start[0] + 1, token.end[0] + 1))
            elif _name(token).endswith("STRING_START"):
                starts.append(token.start[0])
            elif _name(token).endswith("STRING_END"):
                found.update(range(starts.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        # What is not Python is kept in comments, which hold no string.
        pass
    return found


def _name(token: tokenize.TokenInfo) -> str:
    # From Python 3.12 an f-string is FSTRING_START, parts, FSTRING_END (3.14: TSTRING_... as well).
    return tokenize.tok_name[token.type]


def marker(cell_id: str, tags: Iterable[str]) -> str:
    """Return the line that begins a cell."""
    return f"# %% [{cell_id}] {tag_words(tags)}".rstrip()


def tag_words(tags: Iterable[str]) -> str:
    """Return tags as words in one line; a space in a tag is written as in a URL."""
    return " ".join(quote(tag, safe="!\"#$&'()*+,/:;<=>?@[\\]^`{|}~") for tag in tags)


def tags_of(words: str) -> tuple[str, ...]:
    """Return the tags that `tag_words` wrote."""
    return tuple(unquote(word) for word in words.split())


def marked_cells(text: str) -> tuple[list[MarkedCell], list[str]]:
    """Return the cells that a module's text holds, and the lines of the module around them.

    Raises
    ------
    SyntaxError
        When the text cannot be cut into tokens, so that a marker could not be told from the text of a string.
    """
    lines = text.split("\n")
    places = list(_markers(text))
    cells: list[MarkedCell] = []
    around: list[str] = []
    last = 0
    for (number, column, match), following in pairwise([*places, (len(lines) + 1, 0, None)]):
        if match is None:
            last = number
            continue
        around += lines[last : number - 1]
        end = following[0] - 1
        body = lines[number:end]
        if body and not body[-1]:
            # The empty line that stands between a cell and the next marker.
            body = body[:-1]
        inside = {n - number for n in _inside_strings(lines) if number < n <= end}
        margin = [
            line if n in inside or not column else line.removeprefix(" " * column) for n, line in enumerate(body, 1)
        ]
        cells.append(MarkedCell(match["id"], tags_of(match["tags"] or ""), source_of(margin), number))
        last = end
    return cells, around + lines[last:]


def _markers(text: str) -> Iterator[tuple[int, int, re.Match[str] | None]]:
    """Yield (line, column, match) of each marker; the match is None for the marker that ends the cells."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
                match = _MARKER.match(token.string)
                if match or token.string.rstrip() == END:
                    yield token.start[0], token.start[1], match
    except tokenize.TokenError as error:
        reason, place = error.args
        raise SyntaxError(reason, ("", place[0], place[1], "")) from error
