"""What can be wrong with a metadata store, and with what is asked of it."""
# ruff: noqa: N818 - each is named by the fact that it states

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError, UsageError

if TYPE_CHECKING:
    from mlops_nb.metadata.verdict_records import RecordedVerdict


class StoreUnusable(UsageError):
    """The URL names nothing that can be opened as a metadata store."""

    code = "store-unusable"


class StoreFromNewerVersion(UsageError):
    """A newer version of mlops_nb wrote the store; nothing in it was changed.

    Parameters
    ----------
    where
        The store's file, or its URL without the password.
    found, known
        The schema revision of the store, and the newest one that this version of mlops_nb knows.
    """

    code = "store-newer"

    def __init__(self, where: str, found: str, known: str) -> None:
        super().__init__(
            f"A newer version of mlops_nb wrote the metadata store {where}: its schema is revision `{found}`, "
            f"this version knows revisions up to `{known}`. Nothing was changed.",
            hint="Upgrade mlops_nb in this environment, or name another store.",
        )
        self.where, self.found, self.known = where, found, known


class StoreFailed(MlopsNbError):
    """The database refused a read or a write that was asked for correctly: disk full, locked for too long, gone."""

    code = "store-failed"


class UnknownRecord(UsageError):
    """No run, step, metric or model of that name is in the store."""

    code = "unknown-record"


class AlreadyEnded(UsageError):
    """A run or step run that has ended cannot start or end again: its record stands as it is."""

    code = "already-ended"


class AlreadyDecided(UsageError):
    """Somebody has decided already about what a run waits for; `decision` is the newest decision about it."""

    code = "already-decided"

    def __init__(self, decision: RecordedVerdict) -> None:
        self.decision = decision
        told = decision.content["findings"][0]["message"]
        message = f"It is decided already, {decision.at:%Y-%m-%d %H:%M:%S} UTC: {told}"
        super().__init__(message, hint="To decide otherwise, knowing that, add --overrule (`overrule=True`).")


class AliasMoved(UsageError):
    """An alias points elsewhere than whoever wants to move it has seen."""

    code = "alias-moved"
