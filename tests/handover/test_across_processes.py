"""What a step leaves comes back in another process as what it was: else it would have to stay in its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.handover.state import State

if TYPE_CHECKING:
    from pathlib import Path

# Both run as a notebook's cells do, in the module `__main__`.
COMMON = """
import json, sys
from mlops_nb.artifacts import ArtifactStore
from mlops_nb.handover import covariables, state
given = json.loads(sys.argv[1])
store = ArtifactStore(given["store"])
"""
LEAVE = f"""{COMMON}
before = {{*globals(), "before"}}
exec(given["source"])
held = {{name: value for name, value in globals().items() if name not in before and type(value) is not type(sys)}}
process = covariables.Process(store, globals())
left = state.State().after(state.Delta(changed=covariables.freeze(held, state.State(), process, "made")))
print(left.to_json())
"""
TAKE = f"""{COMMON}
left = state.State.from_json(sys.stdin.read())
process = covariables.Process(store, globals())
values, absent = covariables.thaw(left, process)
print(json.dumps([covariables.came_back_different(left, values, process, list(values)), absent, sorted(values)]))
"""

VALUES = {
    "a transformer of the notebook": (
        "from sklearn.base import BaseEstimator as Base, TransformerMixin as Mixin\n"
        "class Half(Base, Mixin):\n"
        "    def fit(self, X, y=None):\n        return self\n\n"
        "    def transform(self, X):\n        return X / 2\n\n"
        "fitted = Half().fit([[1]])\ndel Base, Mixin"
    ),
    "example data": (
        "from sklearn import datasets\niris, digits = datasets.load_iris(), datasets.load_digits()\n"
        "X, y = digits.data, iris.target"
    ),
    "an image": (
        "import matplotlib.pyplot as plt\nimport numpy as np\nfig, axes = plt.subplots(2)\n"
        "image = axes[0].imshow(np.eye(3))\nfig.canvas.draw()"
    ),
    "arrows, a surface and a picture of bytes": (
        "import matplotlib.pyplot as plt\nimport numpy as np\nfig = plt.figure()\n"
        "flat, solid, shown = fig.add_subplot(131), fig.add_subplot(132, projection='3d'), fig.add_subplot(133)\n"
        "arrows = flat.quiver([0, 1], [0, 1], [1, 0], [0, 1])\n"
        "surface = solid.plot_surface(*np.meshgrid([0, 1, 2], [0, 1, 2]), np.eye(3))\n"
        "picture = shown.imshow(np.arange(12, dtype='uint8').reshape(3, 4))\nfig.canvas.draw()\nplt.close(fig)"
    ),
    "a plot of days": (
        "import matplotlib.pyplot as plt\nimport pandas as pd\n"
        "series = pd.Series(range(60), index=pd.date_range('2012-01-01', periods=60))\n"
        "ax = series.plot()\nax.figure.canvas.draw()\nplt.close()\nperiods = series.index.to_period('M').array"
    ),
    "small arrays with their axes in another order": (
        "import numpy as np\nturned = np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2).copy('K')\n"
        "views = [turned[0], turned[:, 1]]\nalone = np.arange(6.0).reshape(1, 2, 3).transpose(2, 0, 1) * 2"
    ),
    "a subclass with the same value of its own": (
        "class Base:\n    count = 0\n    def name(self):\n        return 1\n\n"
        "class Special(Base):\n    count = 0\n    name = Base.name"
    ),
    "an abstract class and a dataclass that inherit": (
        "import abc\nfrom dataclasses import dataclass\n"
        "class Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\n\n"
        "@dataclass\nclass Point:\n    x: int = 0\n\n"
        "@dataclass\nclass Other(Point):\n    x: int = 0\n\n"
        "class Square(Shape):\n    area = Shape.area\n\nclass Solid:\n    pass\n\nShape.register(Solid)\n"
        "del abc, dataclass\nshape = Other(3)"
    ),
    "views": "import numpy as np\nh = np.zeros((3, 4))\nviews = [h[::-1], h[1:], h.T]\nlast = h[-1]",
    "modules with classes of their own": "from six import moves\nheld = [moves, moves.urllib]\ndel moves",
    "a frame and its column": (
        "import pandas as pd\nframe = pd.DataFrame({'a': [1.0, 2.0], 'b': [1.0, 2.0]})\ncolumn = frame['a'].to_numpy()"
    ),
}


def run(script: str, given: dict[str, str], text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(given)], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("what", VALUES)
def test_values_come_back_as_what_they_were(what: str, tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    left = run(LEAVE, {"store": store.url, "source": VALUES[what]})
    different, absent, names = json.loads(run(TAKE, {"store": store.url}, left))

    assert not different
    assert not absent
    assert names == sorted(State.from_json(left).by_name())


def test_a_nan_of_two_variables_is_one_where_nothing_else_is_shared(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    left = run(LEAVE, {"store": store.url, "source": "nan = float('nan')\nvalues = [1.0, nan]\nnames = {nan: 'none'}"})
    ask = TAKE[: TAKE.index("print(")] + (
        "print(json.dumps([values['nan'] in values['values'], values['names'].get(values['nan'])]))"
    )
    assert json.loads(run(ask, {"store": store.url}, left)) == [True, "none"]
