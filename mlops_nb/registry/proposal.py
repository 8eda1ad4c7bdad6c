"""A move of aliases that is not made yet: what would change, and where the aliases must still point for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Proposal:
    """What `Registry.carry_out` would do.

    Parameters
    ----------
    moves
        Where aliases would point; nothing for `None`.
    standing
        Where they point now, and those that the decision was made by: the moves happen only while this is so.
    verdicts
        The ids of the verdicts that it stands on.
    """

    model: str
    moves: Mapping[str, int | None] = field(hash=False)
    standing: Mapping[str, int | None] = field(hash=False)
    verdicts: tuple[int, ...] = ()

    @property
    def changes(self) -> tuple[tuple[str, int | None, int | None], ...]:
        """The aliases that would move, with the version that each points to before and after."""
        return tuple((alias, self.standing.get(alias), version) for alias, version in self.moves.items())

    def to_json(self) -> dict[str, Any]:
        """Return what would change as JSON, for a dialog that asks first."""
        changes = [{"alias": alias, "before": before, "after": after} for alias, before, after in self.changes]
        return {"model": self.model, "moves": changes}
