"""Compare what two runs hold in their variables, as the kernels told it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.execution.verifying.verification import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Contents:
    """What a kernel told of its variables: see `handover.witness`."""

    variables: Mapping[str, Mapping[str, Any]]
    sharing: frozenset[tuple[str, ...]] = frozenset()
    streams: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def from_dict(given: Mapping[str, Any]) -> Contents:
        """Return what the kernel published."""
        return Contents(given["variables"], frozenset(map(tuple, given["sharing"])), given["streams"], given["absent"])

    @property
    def unknown(self) -> dict[str, str]:
        """Variables whose content could not be read, and why."""
        return {name: told["why"] for name, told in self.variables.items() if not told["fingerprint"]}

    def unlike(self, other: Contents) -> set[str]:
        """Return the names of the variables that another run of the same notebook has otherwise."""
        names = {*self.variables, *other.variables}
        return {name for name in names if self.print_of(name) != other.print_of(name)}

    def print_of(self, name: str) -> str | None:
        """Return a variable's fingerprint; `None` when there is no such variable."""
        told = self.variables.get(name)
        return None if told is None else str(told["fingerprint"])


def compare_contents(
    one: Contents, other: Contents, again: Contents | None, numbers: tuple[str, float]
) -> Iterator[Difference]:
    """Yield what two runs do not agree on.

    Parameters
    ----------
    one, other
        What they hold.
    again
        What `one` held when it ran again: of a variable that differs between those two only the type is compared.
    numbers
        The store that has the numbers, and by how much they may differ, relative to the largest of a variable.
    """
    unstable = one.unlike(again) if again is not None else set()
    for name in sorted({*one.variables, *other.variables} - set(other.absent)):
        yield from _variable(name, one, other, again if name in unstable else None, numbers)
    sharing, of_other = (_without(contents.sharing, other.absent) for contents in (one, other))
    unstable_sharing = sharing ^ _without(again.sharing, other.absent) if again is not None else frozenset()
    for names in sorted((sharing ^ of_other) - unstable_sharing):
        if not unstable & set(names):
            told = ("one object", "apart") if names in sharing else ("apart", "one object")
            yield Difference("sharing", ", ".join(f"`{name}`" for name in names), *told)
    for kind in sorted(one.streams.keys() & other.streams.keys()):
        if one.streams[kind] != other.streams[kind] and (again is None or again.streams.get(kind) == one.streams[kind]):
            yield Difference("random stream", kind, "at one place", "at another")


def _without(sharing: frozenset[tuple[str, ...]], absent: Mapping[str, str]) -> frozenset[tuple[str, ...]]:
    """Return which variables share objects, of those that both runs can tell of."""
    told = (tuple(name for name in names if name not in absent) for names in sharing)
    return frozenset(names for names in told if len(names) > 1)


def _variable(
    name: str, one: Contents, other: Contents, again: Contents | None, numbers: tuple[str, float]
) -> Iterator[Difference]:
    """Yield how a variable differs; `again` is given when it differs from itself, and then only its type counts."""
    first, second = one.variables.get(name), other.variables.get(name)
    twin = again.variables.get(name) if again is not None else first
    if first is None or second is None:
        if (twin is None) == (first is None):
            shown = ["not defined" if told is None else str(told["is"]) for told in (first, second)]
            yield Difference("variable", name, shown[0], shown[1])
    elif first["type"] != second["type"]:
        if twin is not None and twin["type"] == first["type"]:
            yield Difference("variable", name, first["type"], second["type"])
    elif again is None and first["fingerprint"] != second["fingerprint"]:
        told = f"another {second['is']}" if first["is"] == second["is"] else second["is"]
        yield Difference("variable", name, first["is"], told, close=_are_close(first, second, *numbers))


def _are_close(one: Mapping[str, Any], other: Mapping[str, Any], store_url: str, tolerance: float) -> bool:
    """Say whether two values are the same but for numbers that differ by little."""
    if not store_url or "numbers" not in one or one.get("without_numbers") != other.get("without_numbers"):
        return False
    import numpy as np

    store = ArtifactStore(store_url)
    first, second = (np.frombuffer(store.get(told["numbers"]), dtype="float64") for told in (one, other))
    finite = np.isfinite(first)
    if first.shape != second.shape or not np.array_equal(first[~finite], second[~finite], equal_nan=True):
        return False
    bound = tolerance * (abs(first[finite]).max() if finite.any() else 0.0)
    return bool((abs(first[finite] - second[finite]) <= bound).all())
