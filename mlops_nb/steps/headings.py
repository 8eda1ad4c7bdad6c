"""The headings of a notebook's text, and the names of steps that can be made of them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.notebook.cells import Cell
from mlops_nb.notebook.tags import read_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_HTML_HEADING = re.compile(r"\s*<h([1-6])[^>]*>(.*?)</h\1>", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_NUMBERING = re.compile(
    r"^\s*(?:(?:step|part|section|chapter|task)\s+)?(?:\d{1,2}(?:\.\d+)*(?![\w-])|[ivx]+(?=[.)]))[.):\s-]*",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^(?:example|application|exercise|in depth|case study|step|part)(?:\s+\d+)?\s*:\s*", re.IGNORECASE
)
_MARKUP = (
    (re.compile(r"!\[[^]]*\]\([^)]*\)"), " "),
    (re.compile(r"\[([^]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<[^>]+>"), " "),
    (re.compile(r"\$[^$]*\$"), " "),
    (re.compile(r"&\w+;"), " "),
    (re.compile(r"['\u2019]s?\b"), ""),
    (re.compile(r"[\u2010-\u2015]"), "-"),
)
_FILLER = re.compile(
    r"an?|and|are|as|at|be|by|can|do|for|from|how|in|into|is|its?|let|me|my|of|on|or|our|some|that|the|then|this|to"
    r"|using|via|we|what|will|with|you|your"
)
_MOST_WORDS, _MOST_LETTERS = 4, 32


@dataclass(frozen=True)
class Heading:
    """A heading: its level (1 is the largest) and its text."""

    level: int
    text: str


def headings_of(markdown: str) -> tuple[Heading, ...]:
    """Return the headings of a markdown text, leaving out what stands in its fenced code."""
    found: list[Heading] = []
    fence = ""
    previous = ""
    for line in markdown.splitlines():
        edge = _FENCE.match(line)
        if edge and not fence:
            fence = edge[1]
        elif edge and edge[1].startswith(fence):
            fence = ""
        elif not fence:
            match = _HEADING.match(line) or None
            html = _HTML_HEADING.match(line)
            if match and match[2]:
                found.append(Heading(len(match[1]), match[2]))
            elif html:
                found.append(Heading(int(html[1]), html[2]))
            elif re.fullmatch(r" {0,3}(=+|-{3,})\s*", line) and re.search(r"\w", previous) and len(previous) < 80:  # noqa: PLR2004
                found.append(Heading(1 if "=" in line else 2, previous.strip()))
        previous = line
    return tuple(found)


def step_name(text: str) -> str:
    """Return a name for the step that stands under a heading; nothing when its letters make none."""
    for pattern, plain in _MARKUP:
        text = pattern.sub(plain, text)
    text = _PREAMBLE.sub("", _NUMBERING.sub("", text))
    text = re.sub(r"[^\w\s]", " ", text)
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    telling = [word for word in words if not _FILLER.fullmatch(word)] or words
    name = "_".join(telling[:_MOST_WORDS])
    while len(name) > _MOST_LETTERS and "_" in name:
        name = name.rpartition("_")[0]
    name = name[:_MOST_LETTERS]
    return name if not name or name[0].isalpha() else f"step_{name}"


def unused_name(name: str, taken: Iterable[str]) -> str:
    """Return the name, numbered when another step's differs from it in case and punctuation only."""
    keys = {_key(other) for other in taken}
    name = next((form for form in (name, f"step_{name}") if usable(form)), "step")
    candidate, number = name, 2
    while _key(candidate) in keys:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def usable(name: str) -> bool:
    """Say whether the tag grammar takes the name."""
    return not read_tags(Cell("", 0, "code", "", (f"step:{name}",)))[1]


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
