"""Tables and tensors that lie in the memory of NumPy's arrays: who changes one changes the other, in each process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.handover.state import State
from tests.handover.test_across_processes import LEAVE, TAKE, run

if TYPE_CHECKING:
    from pathlib import Path

# How the values are made, how they are changed, and what is then looked at.
VALUES = {
    "an Arrow table of a frame": (
        (
            "import pandas as pd, pyarrow as pa\nframe = pd.DataFrame({'a': [1.0, 2.0], 'b': [3.0, 4.0]})\n"
            "table = pa.Table.from_pandas(frame)"
        ),
        "frame.loc[1, 'b'] = 9",
        "table['b'].to_pylist(), frame['b'].tolist()",
    ),
    "an Arrow array of a part of an array": (
        (
            "import numpy as np, pyarrow as pa\nwhole = np.arange(900.0)\n"
            "part = pa.array(whole[10:20])\nrest = part.slice(5)"
        ),
        "whole[17] = -1",
        "part.to_pylist(), rest.to_pylist()",
    ),
    "a column of Arrow's in a frame": (
        (
            "import numpy as np, pandas as pd\nnumbers = np.arange(4.0)\n"
            "column = pd.Series(pd.array(numbers, dtype='float64[pyarrow]'))"
        ),
        "numbers[0] = 9",
        "column.tolist()",
    ),
    "an Arrow table in one variable with its array": (
        (
            "import numpy as np, pyarrow as pa\nnumbers = np.arange(4.0)\nheld = [numbers, pa.table({'a': numbers})]\n"
            "del numbers"
        ),
        "held[0][1] = 9",
        "held[1]['a'].to_pylist()",
    ),
    "a frame of Polars": (
        (
            "import numpy as np, pandas as pd, polars as pl\nnumbers = np.arange(4)\n"
            "frame = pd.DataFrame({'a': [1.0, 2.0], 'b': ['x', 'y']})\n"
            "column, table = pl.Series('numbers', numbers), pl.from_pandas(frame)"
        ),
        "numbers[0], frame.loc[0, 'a'] = 9, 8",
        "column.to_list(), table.to_dict(as_series=False)",
    ),
    "tensors of arrays": (
        (
            "import numpy as np, torch\nwhole = np.arange(900.0)\npart = torch.from_numpy(whole[10:20])\n"
            "tensor = torch.arange(4)\nshown = tensor.numpy()"
        ),
        "whole[10] = -1\nshown[0] = 7",
        "part.tolist(), tensor.tolist()",
    ),
    "views on a tensor": (
        (
            "import torch\ntensor = torch.arange(12.0).reshape(3, 4)\nturned, flat = tensor.T, tensor.view(-1)\n"
            "held = [tensor[1], torch.tensor(3.0), torch.empty(0, 2), torch.tensor([1.5], dtype=torch.bfloat16)]"
        ),
        "flat[5] = -1\nturned[0, 0] = -2",
        "tensor.tolist(), turned.stride(), [each.tolist() for each in held]",
    ),
    "a model and the names of its weights": (
        (
            "import torch\ntorch.manual_seed(0)\n"
            "model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))\n"
            "best = model.state_dict()\noptimizer = torch.optim.Adam(model.parameters(), lr=0.1)\n"
            "model(torch.ones(4, 2)).pow(2).sum().backward()"
        ),
        "optimizer.step()\nmodel[0].bias.data[0] = 5",
        "[(name, each.tolist()) for name, each in best.items()], model[0].weight.grad.tolist()",
    ),
    "tensors that compute no gradients": (
        "import torch\nmodel = torch.nn.Linear(2, 1)\nmodel.bias.requires_grad_(False)\nmodel.bias.note = 'kept'",
        "pass",
        "[(each.requires_grad, type(each).__name__, vars(each)) for each in model.parameters()]",
    ),
}
LOOK = TAKE[: TAKE.index("print(")]


def needing(source: str) -> None:
    """Skip the test where the library is not installed: PyTorch is too large for every test environment."""
    for library in ("polars", "torch"):
        if library in source:
            pytest.importorskip(library)


@pytest.mark.parametrize("what", VALUES)
def test_what_changes_the_array_changes_the_value(what: str, tmp_path: Path) -> None:
    source, change, ask = VALUES[what]
    needing(source)
    store = ArtifactStore(str(tmp_path))
    expected = run(f"{source}\n{change}\nimport json; print(json.dumps([{ask}]))", {})

    left = run(LEAVE, {"store": store.url, "source": source})
    different, absent, _ = json.loads(run(TAKE, {"store": store.url}, left))
    assert not different
    assert not absent
    assert not [item for item in State.from_json(left).covariables if item.problem]
    imports = "import torch" if "torch" in source else "pass"
    there = f"{LOOK}globals().update(values)\n{imports}\n{change}\nprint(json.dumps([{ask}]))"
    assert run(there, {"store": store.url}, left) == expected


def test_what_a_library_gives_back_of_an_array_is_no_copy(tmp_path: Path) -> None:
    source = (
        "import numpy as np, polars as pl, pyarrow as pa\nnumbers = np.arange(4.0)\n"
        "back = [pa.array(numbers).to_numpy(), pl.Series(numbers).to_numpy()[1:]]"
    )
    store = ArtifactStore(str(tmp_path))
    left = run(LEAVE, {"store": store.url, "source": source})
    different, _, _ = json.loads(run(TAKE, {"store": store.url}, left))
    # Its steps share a kernel then.
    assert different == ["back", "numbers"]


@pytest.mark.parametrize(
    ("source", "bound"),
    [
        # What gradients may go back through holds on to the model that they go to.
        ("import torch\nmodel = torch.nn.Linear(2, 1)\nloss = model(torch.ones(1, 2)).sum()", {"loss", "model"}),
        # Once they have gone back, no more.
        (
            (
                "import torch\nmodel = torch.nn.Linear(2, 1)\n"
                "loss = model(torch.ones(1, 2)).pow(2).mean()\nloss.backward()"
            ),
            {"loss"},
        ),
        ("import torch\ntensor = torch.ones(2, requires_grad=True)\n_ = tensor.register_hook(print)", {"_", "tensor"}),
        ("import torch\ntensor = torch.eye(2).to_sparse()", {"tensor"}),
    ],
)
def test_what_gradients_go_back_through_stays_in_its_process(source: str, bound: set[str], tmp_path: Path) -> None:
    needing(source)
    left = State.from_json(run(LEAVE, {"store": ArtifactStore(str(tmp_path)).url, "source": source}))
    assert {name for item in left.covariables if item.problem for name in item.names} == bound
