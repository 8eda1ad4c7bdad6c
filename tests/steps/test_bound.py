from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_nb.notebook import Cell, read_notebook
from mlops_nb.steps.bound import bindings
from mlops_nb.steps.graph import read_steps
from mlops_nb.steps.names import read_flow
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path


def binding(source: str) -> list[str]:
    cell = Cell("c", 0, "code", source)
    return [place.what for place in bindings(cell, read_flow(cell)[0].aliases)]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("%matplotlib agg", "%matplotlib"),
        ("%matplotlib widget", "%matplotlib"),
        ("%config InteractiveShell.ast_node_interactivity = 'all'", "%config"),
        ("%config InlineBackend.close_figures = False", "%config"),
        ("%autocall 1", "%autocall"),
        ("from tqdm.auto import tqdm\ntqdm.pandas()", "tqdm.pandas"),
        ("from tqdm.notebook import tqdm_notebook\ntqdm_notebook().pandas()", "tqdm.pandas"),
        ("import joblib\njoblib.parallel_config(n_jobs=2)", "joblib.parallel_config"),
        ("import sys\ndel sys.modules['json']", "sys.modules"),
        ("import logging\nlogging.getLogger('a').propagate = False", "propagate"),
        ("import logging\nlogging.getLogger('a').handlers.clear()", "handlers"),
        ("import torch\ntorch.cuda.manual_seed(0)", "torch.cuda.manual_seed"),
        ("import torch\ntorch.set_num_threads(2)", "torch.set_num_threads"),
        ("import polars as pl\npl.Config.set_tbl_rows(5)", "polars.Config.set_tbl_rows"),
        ("import polars as pl\npl.Config(tbl_rows=5)", "polars.Config"),
        ("import polars as pl\npl.set_random_seed(5)", "polars.set_random_seed"),
        (
            "import polars as pl\n@pl.api.register_dataframe_namespace('geo')\nclass Geo: ...",
            "polars.api.register_dataframe_namespace",
        ),
        ("import pyarrow as pa\npa.register_extension_type(made)", "pyarrow.register_extension_type"),
        (
            "import pyarrow.compute as pc\npc.register_scalar_function(f, 'f', {}, {}, None)",
            "pyarrow.compute.register_scalar_function",
        ),
        ("import yaml\nyaml.SafeLoader.add_constructor('!a', str)", "add_constructor"),
        ("import os\nos.system('sleep 9 &')", "os.system"),
        ("%%bash --bg\nsleep 9", "%bash"),
        ("%%bash\n(sleep 9; ls) &\necho b", "%bash"),
    ],
)
def test_what_stays_in_its_process_binds(source: str, what: str) -> None:
    assert what in binding(source)


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline",
        "%config InlineBackend.figure_format = 'retina'",
        "%config Completer.use_jedi = False",
        "import joblib\nwith joblib.parallel_config(n_jobs=2):\n    pass",
        "import warnings\nwith warnings.catch_warnings():\n    pass",
        "import os\nos.environ['A'] = '1'",
        "import matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth'] = 2",
        "import matplotlib as mpl\nmpl.use('agg')",
        "import sys\nsys.path[0] = 'x'",
        "import polars as pl\nwith pl.Config(tbl_rows=5):\n    pass",
        "import torch\nx = torch.rand(3)\nwith torch.no_grad():\n    y = x.sum()",
        "import torch\ntorch.manual_seed(0)\ntorch.set_default_dtype(torch.float64)",
        "import mlflow\nmlflow.set_tag('a', 1)",
        "%%bash\nls && cat a 2>&1\ncurl 'http://a/?b=1&c=2'",
        "import helper_of_this_project as helper\nhelper.state['n'] = 5",
        "box = {}\nbox['a'] = 1\nbox.disabled = True",
    ],
)
def test_what_travels_or_ends_by_itself_does_not_bind(source: str) -> None:
    assert binding(source) == []


def test_a_seed_that_nobody_can_carry_is_drawn_from_in_one_process_also_where_imports_set_it(tmp_path: Path) -> None:
    cells = [
        ("imports", "import tensorflow as tf\ntf.random.set_seed(0)"),
        ("step:a", "a = tf.random.normal([2])"),
        ("step:b", "b = 1"),
    ]
    graph = read_steps(read_notebook(write(tmp_path / "n.ipynb", cells)))
    assert graph.kernels() == {"prelude": "prelude", "a": "prelude", "b": "prelude"}
