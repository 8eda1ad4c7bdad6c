"""What the project's own modules do to the process is read off their text, through whatever names lead to it."""

from __future__ import annotations

import pytest

from mlops_nb.notebook import Cell
from mlops_nb.steps import import_folders, written_modules
from mlops_nb.steps.own_code import binding_code, star_names

REGISTERS = "import csv\n\ndef setup():\n    csv.register_dialect('bars', delimiter='|')\n"


def cell(source: str) -> Cell:
    return Cell("c", 0, "code", source)


def test_a_function_that_registers_something_and_those_that_call_it() -> None:
    source = REGISTERS + "\ndef begin():\n    setup()\n\ndef other():\n    return csv.list_dialects()\n"
    found = dict.fromkeys(("helpers.setup", "helpers.begin"), "csv.register_dialect")
    assert binding_code({"helpers": source}) == found


@pytest.mark.parametrize(
    ("modules", "name"),
    [
        ({"a": REGISTERS, "b": "from a import setup\n"}, "b.setup"),
        ({"a": REGISTERS, "b": "from a import *\n"}, "b.setup"),
        ({"a": REGISTERS, "b": "import a\n\ndef begin():\n    a.setup()\n"}, "b.begin"),
        ({"a": REGISTERS, "b": "def begin():\n    from a import setup as s\n    s()\n"}, "b.begin"),
        ({"p": "from .inner import setup\n", "p.inner": REGISTERS}, "p.setup"),
        ({"p": "", "p.one": "from .two import setup\n", "p.two": REGISTERS}, "p.one.setup"),
        ({"p": "", "p.one": "from . import two\n\ndef begin():\n    two.setup()\n", "p.two": REGISTERS}, "p.one.begin"),
        ({"a": f"try:\n    import b\nexcept ImportError:\n    b = None\n{REGISTERS}"}, "a.setup"),
        (
            {"a": "import signal as s\nif 1:\n    class C:\n        def m(self):\n            s.signal(2, 0)\n"},
            "a.C",
        ),
        ({"a": "import pandas as pd\n\ndef patch():\n    pd.DataFrame.total = len\n"}, "a.patch"),
        ({"a": f"{REGISTERS}\nclass C:\n    def m(self):\n        setup()\n\nmade = C()\n"}, "a.made"),
    ],
)
def test_names_that_lead_to_it(modules: dict[str, str], name: str) -> None:
    assert name in binding_code(modules)


@pytest.mark.parametrize(
    "source",
    [
        "import csv\ncsv.register_dialect('bars', delimiter='|')\nx = csv.list_dialects()\n",
        "import pandas as pd\n\n@pd.api.extensions.register_dataframe_accessor('own')\nclass Own:\n    pass\n",
        "import csv\n\ndef f(csv):\n    return 1\n",
        "import pandas as pd\n\ndef f():\n    pd.options.display.max_rows = 5\n",
        "import json\njson.limit = 7\n",
        "def broken(:\n",
    ],
    ids=["import", "decorator", "nothing", "option", "set-by-import", "broken"],
)
def test_what_a_module_does_while_it_is_imported_is_done_by_each_import(source: str) -> None:
    assert binding_code({"a": source}) == {}


def test_names_that_a_star_brings() -> None:
    binding = binding_code({"a": REGISTERS, "b.c": REGISTERS})
    assert star_names(["a"], binding) == {"setup": "a:setup"}
    assert star_names(["b.c"], binding) == {"setup": "b.c:setup"}
    assert star_names(["b"], binding) == {}


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("import sys\nsys.path.append('../src')", "../src"),
        ("import sys\nsys.path.insert(0, str(Path('lib').resolve()))", "lib"),
        ("import os, sys\nsys.path.insert(0, os.path.join(os.getcwd(), '..', 'src'))", "../src"),
        ("import sys\nsys.path.extend(['one', 'two'])", "two"),
    ],
)
def test_folders_that_a_cell_imports_from(source: str, folder: str) -> None:
    assert folder in import_folders(cell(source))
    assert import_folders(cell(source.replace("sys.path", "places"))) == ()


def test_modules_that_cells_write() -> None:
    cells = [
        cell(f"%%writefile helpers.py\n{REGISTERS}"),
        cell("%%writefile -a helpers.py\nmore = 1"),
        cell("%%file ./pkg/__init__.py\nx = 1"),
        cell("%%writefile notes.txt\nimport csv"),
        cell("x = '%%writefile other.py'"),
    ]
    found = written_modules(cells)
    assert set(found) == {"helpers", "pkg"}
    assert "more = 1" in found["helpers"]
    assert "helpers.setup" in binding_code(found)
