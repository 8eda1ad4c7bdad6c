"""What a module of the project is told to hold is the same in each process, unless its import made something else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import types
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import is_of_project, project_modules
from mlops_nb.handover.reached import reached_from

if TYPE_CHECKING:
    from pathlib import Path

ORDINARY = """
import collections, dataclasses, enum, functools, logging, re, threading, typing, weakref
from pathlib import Path
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

LOCK, LOCAL, LOG = threading.Lock(), threading.local(), logging.getLogger(__name__)
NUMBERS = (n for n in range(3))
Pair = collections.namedtuple("Pair", "a b", defaults=[1])


class Kind(enum.Flag):
    A = enum.auto()
    B = enum.auto()


class Shape(typing.Protocol):
    def area(self, unit="m") -> float: ...


@dataclasses.dataclass(frozen=True)
class Config:
    depth: int = 3
    names: list = dataclasses.field(default_factory=list)


class Base:
    known = weakref.WeakSet()
    kinds = {"u", "v", "w", "x", "y"}
    frame = pd.DataFrame({"a": [1, 2]})
    lock = threading.RLock()
    pattern = re.compile("a+")
    folder = Path("data")
    best: "Base | None" = None

    class Inner:
        rates = {"a": 1.5}

    @functools.cached_property
    def size(self): return 3

    @staticmethod
    def of(x, how={"mean", "median", "max"}): return x


@functools.singledispatch
def show(x): return "anything"


@show.register
def _(x: int): return "int"


@functools.lru_cache
def load(n): return n


def fit(x, model=LogisticRegression(), *, weights=np.ones(2), key=lambda v: v, config=Config()): return x


best = fit
"""
TELL = """
import sys
from mlops_nb.handover.project_code import watch_imports
watch = watch_imports()
import ordinary
parts = ("@module:", "@bound:")
by_import = all(watch.comes_by_import(f"{part}ordinary") for part in parts if part in watch.modules["ordinary"].data)
print(watch.as_imported("ordinary", parts), watch.changed_code(), by_import)
"""


def told(folder: Path, seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TELL], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("more", "same"), [("", True), ("import time\nBase.made = time.perf_counter_ns()", False), ("NEW = Base()", True)]
)
def test_two_processes_tell_the_same_of_a_module(more: str, same: bool, tmp_path: Path) -> None:  # noqa: FBT001
    (tmp_path / "ordinary.py").write_text(ORDINARY + more)
    one, other = told(tmp_path, "1"), told(tmp_path, "2")

    assert (one == other) is same
    assert one.endswith("{} True\n")


MODELS = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(back_populates="user")


class Order(Base):
    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    user: Mapped[User] = relationship(back_populates="orders")
"""


def test_two_processes_tell_the_same_of_mapped_classes_and_looking_at_them_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    (tmp_path / "ordinary.py").write_text(MODELS)
    one = told(tmp_path, "1")

    assert one == told(tmp_path, "2")
    assert one.endswith("{} True\n")


def test_the_notebook_that_multiprocessing_runs_again_is_no_module_of_the_project() -> None:
    assert not is_of_project("__mp_main__", "/home/a/model.py")


def test_a_module_counts_as_the_projects_when_its_name_stands_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    installed, own = types.ModuleType("helpers_of"), types.ModuleType("helpers_of")
    installed.__file__, own.__file__ = f"{sys.prefix}/helpers_of.py", "/home/a/helpers_of.py"
    for module, found in ((installed, []), (own, [("helpers_of", own)]), (installed, [])):
        monkeypatch.setitem(sys.modules, "helpers_of", module)
        assert [pair for pair in project_modules() if pair[0] == "helpers_of"] == found


CHANGED = """
import functools

class Registry:
    items = []
    kinds: set = set()

    def add(self, x, to={}): to[x] = x

def counted(f):
    calls = 0
    @functools.wraps(f)
    def wrapper(*args):
        nonlocal calls
        calls += 1
        return f(*args)
    return wrapper

@counted
def square(x): return x * x

@functools.lru_cache
def load(n): return n

def plain(x, y=1): return x

def rebind():
    global plain
    plain = lambda x: -x
"""


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("m.Registry.items.append(1)", "`Registry.items`"),
        ("m.Registry().add(1)", "`Registry.add` (default `to`)"),
        ("m.square(2)", "`square` (closure `calls`)"),
        ("m.load(2)", "`load` (its cache)"),
        ("m.plain.seen = 1", "`plain` (attribute `seen`)"),
        ("m.rebind()", "what `plain` stands for"),
        ("for a in 'abcd': setattr(m.Registry, a, 1)", "`Registry.a`, `Registry.b`, `Registry.c`, 1 more"),
    ],
)
def test_it_is_told_which_place_in_the_code_of_a_module_has_changed(change: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "changed.py").write_text(CHANGED)
    tell = (
        "from mlops_nb.handover.project_code import watch_imports\nwatch = watch_imports()\nimport changed as m\n"
        f"{change}\nprint(watch.changed_code()['changed'][1].partition(': ')[2])"
    )
    done = subprocess.run([sys.executable, "-c", tell], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == place


def test_what_something_leads_to_is_known_or_not_but_never_in_part() -> None:
    lock, items = threading.Lock(), [1]

    def closure() -> list[int]:
        return items

    found = reached_from([closure, lock])
    assert found is not None
    assert {id(items), id(lock)} <= found
    assert id(globals()) not in found
    assert reached_from([[] for _ in range(100_000)]) is None


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/home/a/my-packages/model.py", True),
        ("/home/a/lib/python3.11/site-packages/model.py", False),
        ("/opt/dist-packages/model.py", False),
        (f"{sys.prefix}-of-mine/model.py", True),
        (f"{sys.prefix}/model.py", False),
    ],
)
def test_a_module_belongs_to_the_project_unless_a_package_or_python_has_it(file: str, own: bool) -> None:  # noqa: FBT001
    assert is_of_project("model", file) is own
