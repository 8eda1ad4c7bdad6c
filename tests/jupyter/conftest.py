from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.jupyter.servers import Server
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator

RIDES = Path(__file__).parents[2] / "notebooks" / "data" / "taxis.csv"
IMPORTS = "import pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn.linear_model import LinearRegression"
TRAIN = """\
train = kept.sample(frac=share, random_state=0)
features = train[['distance', 'fare']]
model = LinearRegression().fit(features, train['tip'])"""
EVALUATE = """\
answers = pd.DataFrame({'tip': model.predict(kept[['distance', 'fare']])})
mae = (answers['tip'] - kept['tip'].reset_index(drop=True)).abs().mean()
figure, axes = plt.subplots(figsize=(2, 2))
axes.hist(answers['tip'])
print('</script><b>mae</b>', mae)"""
TIPS = [
    ("parameters", "share = 0.5\nlongest = 30.0"),
    ("imports", IMPORTS),
    ("step:load", "rides = pd.read_csv('data/taxis.csv', usecols=['distance', 'fare', 'tip'])"),
    ("step:clean", "kept = rides[rides['distance'] < longest]"),
    (
        "step:train",
        TRAIN,
        {"outputs": {"tips": {"type": "model", "variable": "model", "sample_input": "features"}}},
    ),
    (
        "step:evaluate",
        EVALUATE,
        {
            "outputs": {
                "mae": {"type": "metrics"},
                "answers": {"type": "dataset"},
                "histogram": {"type": "figure", "variable": "figure"},
            }
        },
    ),
]
PATH = "work/tips.ipynb"


def project(folder: Path) -> Path:
    """Make a server's root with a project of its own in it, and return the root."""
    write(folder / PATH, TIPS)
    (folder / "work" / "data").mkdir()
    shutil.copyfile(RIDES, folder / "work" / "data" / "taxis.csv")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a folder with one project that nothing has run in yet."""
    made = Server(project(tmp_path_factory.mktemp("root")))
    yield made
    made.stop()
