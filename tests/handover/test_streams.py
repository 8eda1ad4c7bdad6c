"""The random streams are the notebook's: nobody else draws from them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.handover.ambient import Baseline, read_ambient, write_ambient
from mlops_nb.handover.covariables import Process, freeze, thaw
from mlops_nb.handover.state import Delta, State

if TYPE_CHECKING:
    from pathlib import Path


class Numbered:
    """Draws a number whenever it is pickled or made again, as Keras' layers do for their seeds."""

    def __getstate__(self) -> dict[str, Any]:
        return {"seed": [random.random(), np.random.rand()] and 1}  # noqa: NPY002, S311

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        random.random()  # noqa: S311


def streams() -> list[Any]:
    state: Any = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), state[1].tolist(), state[2]]


def test_objects_that_draw_when_they_are_pickled_leave_the_streams_where_they_were(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    before = streams()
    frozen = freeze({"layer": Numbered()}, State(), Process(store, {}), "made")
    assert [item.problem for item in frozen] == [""]
    assert streams() == before
    values, absent = thaw(State().after(Delta(changed=frozen)), Process(store, {}))
    assert isinstance(values["layer"], Numbered)
    assert not absent
    assert streams() == before


def test_settings_and_stream_of_pytorch_are_read_set_and_put_back() -> None:
    torch = pytest.importorskip("torch")
    baseline = Baseline.now()
    assert "torch" not in read_ambient(baseline)
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    torch.set_printoptions(precision=2)
    with torch.no_grad():
        found = read_ambient(baseline)
    write_ambient("torch", None, baseline)
    assert "torch" not in read_ambient(baseline)
    first = torch.rand(2).tolist()
    write_ambient("torch.random", found["torch.random"], baseline)
    assert torch.rand(2).tolist() == first
    write_ambient("torch", found["torch"], baseline)
    assert (torch.is_grad_enabled(), torch.get_default_dtype()) == (False, torch.float64)
    assert str(torch.tensor([1.23456])) == "tensor([1.23])"
    write_ambient("torch", None, baseline)
