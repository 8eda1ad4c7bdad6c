"""Whether a model takes and gives what the one in use takes and gives: a difference for each field."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.validation.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["added", "removed", "renamed", "type", "order", "output"]
_SIMILAR = 0.6
_WHOLE = ("int", "uint")


@dataclass(frozen=True)
class FieldChange:
    """A field that differs. `breaks` says whether a request or an answer of before is wrong now.

    `before` and `after` are types, or for a renamed field names.
    """

    kind: Kind
    field: str
    before: str | None
    after: str | None
    breaks: bool = True

    @property
    def message(self) -> str:
        """The change in a sentence."""
        match self.kind:
            case "added":
                return f"It takes a field `{self.field}` ({self.after}) that requests do not have."
            case "removed":
                return f"It does not take the field `{self.field}` ({self.before}) that requests have."
            case "renamed":
                return f"The field `{self.before}` is called `{self.after}`."
            case "type":
                return f"The field `{self.field}` was {self.before} and is {self.after}."
            case "order":
                return f"The fields come in another order: {self.after}; before: {self.before}."
            case _:
                return f"Of its answer, {self.field} was {self.before} and is {self.after}."


def signature_changes(live: Mapping[str, Any], candidate: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return how the signature of a candidate differs from the one that requests are made for.

    Parameters
    ----------
    live, candidate
        Signatures as a model version keeps them: `inputs` (name, dtype, nullable), `layout`, `method`, `dtype`,
        `shape`, `classes`, `probabilities`.
    """
    before: dict[str, str] = {field["name"]: field["dtype"] for field in live.get("inputs", ())}
    after: dict[str, str] = {field["name"]: field["dtype"] for field in candidate.get("inputs", ())}
    removed = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    found: list[FieldChange] = []
    for name in list(removed):
        near = _renamed(name, before[name], added, after)
        if near is not None:
            found.append(FieldChange("renamed", name, name, near))
            removed.remove(name)
            added.remove(near)
    found += [FieldChange("removed", name, before[name], None) for name in removed]
    found += [FieldChange("added", name, None, after[name]) for name in added]
    found += [
        FieldChange("type", name, before[name], after[name], breaks=not _accepts(after[name], before[name]))
        for name in before
        if name in after and before[name] != after[name]
    ]
    if not found and list(before) != list(after):
        # A table is taken by its names, an array by its places.
        by_place = candidate.get("layout") == "array"
        found.append(FieldChange("order", "inputs", ", ".join(before), ", ".join(after), breaks=by_place))
    return (*found, *_answers(live, candidate))


def _answers(live: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[FieldChange]:
    found = []
    for field, what in (("method", "the method"), ("shape", "the shape"), ("classes", "the classes")):
        one, other = live.get(field), candidate.get(field)
        if _plain(one) != _plain(other):
            found.append(FieldChange("output", what, _shown(one), _shown(other)))
    one, other = str(live.get("dtype", "")), str(candidate.get("dtype", ""))
    if one != other:
        found.append(FieldChange("output", "the type", one, other, breaks=_sort(one) != _sort(other)))
    if live.get("probabilities") and not candidate.get("probabilities"):
        found.append(FieldChange("output", "`predict_proba`", "there", "missing"))
    return found


def signature_findings(live: Mapping[str, Any], candidate: Mapping[str, Any], *, may_change: bool) -> list[Finding]:
    """Return the differences as findings; none decides when the signature may change."""
    codes = {"added": "INPUT_ADDED", "removed": "INPUT_REMOVED", "renamed": "INPUT_RENAMED", "type": "INPUT_TYPE"}
    return [
        Finding(
            codes.get(change.kind, "INPUT_ORDER" if change.kind == "order" else "OUTPUT_CHANGED"),
            change.field,
            change.message,
            "error" if change.breaks and not may_change else "warning" if change.breaks else "info",
            {"kind": change.kind, "before": change.before, "after": change.after},
        )
        for change in signature_changes(live, candidate)
    ]


def _renamed(name: str, dtype: str, added: Sequence[str], after: Mapping[str, str]) -> str | None:
    ratios = {
        new: SequenceMatcher(None, name.lower(), new.lower()).ratio()
        for new in added
        if _sort(after[new]) == _sort(dtype)
    }
    best = max(ratios, key=lambda new: ratios[new], default=None)
    return best if best is not None and ratios[best] >= _SIMILAR else None


def _sort(dtype: str) -> str:
    if dtype.startswith((*_WHOLE, "float", "decimal")):
        return "number"
    return "text" if dtype in {"str", "category", "object"} else dtype.partition("[")[0]


def _accepts(now: str, before: str) -> bool:
    """Say whether what was given before may be given now: whole numbers where numbers are taken, text as text."""
    if before.startswith("float") and now.startswith(_WHOLE):
        return False
    return _sort(now) == _sort(before)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return "none" if value is None else str(_plain(value))
