from __future__ import annotations

import pytest

from mlops_nb.notebook import Cell
from mlops_nb.steps.bound import bindings
from mlops_nb.steps.names import read_flow


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
        "import helper_of_this_project as helper\nhelper.state['n'] = 5",
        "box = {}\nbox['a'] = 1\nbox.disabled = True",
    ],
)
def test_what_travels_or_ends_by_itself_does_not_bind(source: str) -> None:
    assert binding(source) == []
