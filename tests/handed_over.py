"""Values as they come out of the step that made them."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.handover.covariables import Process, freeze, thaw
from mlops_nb.handover.state import Delta, State


def handed_over(**held: Any) -> dict[str, Any]:
    """Return variables as the step after theirs gets them."""
    with TemporaryDirectory() as folder:
        store = ArtifactStore(folder)
        state = State().after(Delta(changed=freeze(held, State(), Process(store, {}), "made")))
        values, absent = thaw(state, Process(store, {}))
    assert not absent, absent
    return values
