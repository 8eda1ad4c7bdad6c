"""Compare what cells put out in two runs of a notebook, without what no two runs have in common.

A cell's outputs are taken apart into parts: `stdout`, `stderr`, an error, and one for each form of each display. Text
is compared after its memory addresses, execution counts, the kernel's own paths, the counters in ids of
scikit-learn's HTML, what `%timeit` and `%time` measured and the times in `ls -l` are blanked; pictures by their bytes,
or else by their pixels.

A part that differs between two runs of the whole notebook is not held against the pipeline, except where single lines
of text do: the other lines are still compared.
"""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.verifying.verification import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A colour channel may be off by so much (of 255), as between two renderings of one picture.
PIXEL_TOLERANCE = 2
_SHOWN = 60
_BLANKED = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "0x…"),
    (re.compile(r"\S*/ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r"<ipython-input-\d+-[0-9a-f]+>"), "<cell>"),
    (re.compile(r"\bIn ?\[\d+\]"), "In[…]"),
    (re.compile(r"\bOut ?\[\d+\]"), "Out[…]"),
    (re.compile(r"\bsk-(container|estimator)-id-\d+"), r"sk-\1-id-…"),
    # What `%timeit` says, and whether it says the first of these lines at all, is a matter of the clock; so is `%time`.
    (re.compile(r"^The slowest run took .* being cached\.\s*\n", re.MULTILINE), ""),
    (re.compile(r"^\S+ \S+ (± \S+ \S+ )?per loop \(mean ± .* each\)$", re.MULTILINE), "… per loop"),
    (re.compile(r"^(CPU times: |Wall time: |CPU times \().*$", re.MULTILINE), r"\1…"),
    # When a file that `ls -l` lists was written: the minute may be over between two runs.
    (
        re.compile(
            r"^([-dlbcps][-rwxsStT]{9}\S? +\d+ +\S+ +\S+ +\S+ +)"
            r"([A-Z][a-z]{2} +\d+ +[\d:]{4,5}|\d{4}-\d\d-\d\d \d\d:\d\d) ",
            re.MULTILINE,
        ),
        r"\1… ",
    ),
)


@dataclass(frozen=True)
class Part:
    """One part of a cell's output: text, the bytes of a picture, or any other data as JSON."""

    name: str
    text: str = ""
    picture: bytes = b""

    @property
    def shown(self) -> str:
        """What it is in a few words."""
        if self.picture:
            return f"{len(self.picture)} bytes"
        lines = self.text.splitlines()
        text = lines[0] if lines else ""
        more = f" and {len(lines) - 1} more lines" if lines[1:] else ""
        return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…") + more


def parts_of(outputs: Sequence[Mapping[str, Any]]) -> dict[str, Part]:
    """Return a cell's outputs by part."""
    streams: dict[str, str] = {}
    found: dict[str, Part] = {}
    displays = 0
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            # How often a kernel flushes is a matter of time, so is how two streams mix.
            streams[output["name"]] = streams.get(output["name"], "") + _joined(output["text"])
        elif kind == "error":
            found["error"] = Part("error", _blanked(f"{output['ename']}: {output['evalue']}"))
        else:
            displays += 1
            for mime, data in sorted(output["data"].items()):
                name = mime if displays == 1 else f"{mime} of output {displays}"
                found[name] = _part(name, mime, data)
    found |= {name: Part(name, _blanked(text)) for name, text in streams.items()}
    return found


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def _blanked(text: str) -> str:
    for pattern, plain in _BLANKED:
        text = pattern.sub(plain, text)
    return text


def _part(name: str, mime: str, data: Any) -> Part:
    if mime.startswith("image/") and mime != "image/svg+xml":
        return Part(name, picture=base64.b64decode(_joined(data)))
    if isinstance(data, str) or (isinstance(data, list) and all(isinstance(line, str) for line in data)):
        return Part(name, _blanked(_joined(data)))
    return Part(name, _blanked(json.dumps(data, sort_keys=True)))


def compare_outputs(
    one: Mapping[str, Part], other: Mapping[str, Part], again: Mapping[str, Part] | None = None
) -> Iterator[Difference]:
    """Yield what a cell's outputs do not agree on.

    Parameters
    ----------
    one, other
        The parts in the two runs.
    again
        The parts when `one` ran again: what differs between those two is passed over.
    """
    for name in dict.fromkeys((*one, *other)):
        first, second = one.get(name), other.get(name)
        if first == second or (again is not None and again.get(name) is None and (first is None) != (second is None)):
            continue
        if again is not None and again.get(name) != first and not _differs_elsewhere(first, again.get(name), second):
            continue
        present = first or second
        what = "figure" if present is not None and present.picture else "output"
        close = first is not None and second is not None and _look_alike(first.picture, second.picture)
        shown = [part.shown if part is not None else "not there" for part in (first, second)]
        if shown[0] == shown[1] and first is not None and second is not None and not first.picture:
            shown = list(_first_line_apart(first.text, second.text))
        yield Difference(what, name, shown[0], shown[1], close=close)


def _first_line_apart(one: str, other: str) -> tuple[str, str]:
    lines, others = one.splitlines(), other.splitlines()
    place = next((place for place, pair in enumerate(zip(lines, others, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        return f"{len(lines)} lines", f"{len(others)} lines"
    return f"{lines[place][:80]!r} in line {place + 1}", repr(others[place][:80])


def _differs_elsewhere(one: Part | None, again: Part | None, other: Part | None) -> bool:
    """Say whether text differs in a line that two runs of the notebook have in common."""
    if one is None or again is None:
        return False
    if other is None:
        return True
    lines, same, others = one.text.splitlines(), again.text.splitlines(), other.text.splitlines()
    if one.picture or len(lines) != len(same):
        return False
    if len(others) != len(lines):
        return True
    return any(line == twin != third for line, twin, third in zip(lines, same, others, strict=True))


def _look_alike(one: bytes, other: bytes) -> bool:
    """Say whether two pictures have the same pixels, within the tolerance."""
    if not one or not other:
        return False
    try:
        from matplotlib.image import imread
    except ImportError:
        # Then only equal bytes are equal.
        return False
    try:
        first, second = (imread(io.BytesIO(data), format="png") for data in (one, other))
    except (OSError, SyntaxError):
        # Another format, or half a picture.
        return False
    # As shares of full colour, from 0 to 1.
    return first.shape == second.shape and bool((abs(first - second) <= PIXEL_TOLERANCE / 255 + 1e-6).all())
