"""A stateless function is one object wherever it was handed on, and no other of the same text is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.handover.covariables import Process, freeze, thaw
from mlops_nb.handover.state import Delta, State

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "def f(v=0):\n    return [v]\n"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path))


def ran(source: str, step: str, store: ArtifactStore) -> Delta:
    """Return what a step that knows nothing of the others leaves."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)  # noqa: S102 - what a cell would do
    held = {name: value for name, value in namespace.items() if not name.startswith("__")}
    return Delta(changed=freeze(held, State(), Process(store, namespace), step))


def left_by(*deltas: Delta, store: ArtifactStore) -> dict[str, Any]:
    state = State()
    for delta in deltas:
        state = state.after(delta)
    return thaw(state, Process(store, {}))[0]


def test_functions_of_one_text_that_two_steps_made_are_two(store: ArtifactStore) -> None:
    values = left_by(
        ran(f"{TEXT}kept = [f]\ndel f", "a", store),
        ran(TEXT, "b", store),
        store=store,
    )

    assert values["kept"][0] is not values["f"]
    assert values["kept"][0](1) == values["f"](1) == [1]


def test_a_function_that_two_variables_hold_is_one(store: ArtifactStore) -> None:
    values = left_by(ran(f"{TEXT}kept, other = [f], {{1: f}}", "a", store), store=store)

    assert values["kept"][0] is values["f"] is values["other"][1]


def test_functions_of_one_text_that_one_step_made_are_two(store: ArtifactStore) -> None:
    values = left_by(ran(f"{TEXT}kept = [f]\n{TEXT}", "a", store), store=store)

    assert values["kept"][0] is not values["f"]
