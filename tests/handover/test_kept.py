"""A variable that is an object of a library stands for the library's own object, by where it is kept."""

from __future__ import annotations

import importlib
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.handover import kept
from mlops_nb.handover.kept import KEPT, Before, Kept, instead, overridden, read_kept

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = """
words = ["a", "b"]
_private = ["c"]


class Options:
    depth = 1


options = Options()
made = [options]
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    # What is known is the process's, and these tests share one.
    monkeypatch.setattr(kept, "_PLACES", {})
    monkeypatch.setattr(kept, "_CHANGED", set())
    # Below `site-packages`, so that it is a library and not the project's.
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "kept_by_us.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setitem(sys.modules, "kept_by_us", types.ModuleType("another"))
    del sys.modules["kept_by_us"]
    return importlib.import_module("kept_by_us")


def looked_for(namespace: dict[str, Any], before: Before | None = None) -> dict[tuple[str, str], Any]:
    return read_kept(namespace, before or Before(), ["kept_by_us"], [], ())


def test_a_name_of_a_library_s_list_stands_for_it(library: Any) -> None:
    namespace = {"words": library.words, "own": ["a", "b"], "hidden": library._private, "made": library.made}
    assert looked_for(namespace) == {}
    held = instead(namespace)
    assert [name for name, value in held.items() if isinstance(value, Kept)] == ["words"]
    pickled = pickle.dumps(held["words"])
    library.words.append("c")
    # What travels is put into the library's own list.
    assert pickle.loads(pickled) is library.words
    assert library.words == ["a", "b"]


def test_what_a_step_changes_every_later_step_gets(library: Any) -> None:
    namespace = {"options": library.options}
    looked_for(namespace)
    before = Before.now(namespace)
    assert looked_for(namespace, before) == {}
    library.options.depth = 2
    place = ("kept_by_us", "options")
    changed = looked_for(namespace, before)
    assert changed == {place: library.options}
    held = instead({KEPT: changed, "same": library.options, **namespace})
    # One object stands for it under all names, so that they travel together; what every step gets travels by itself.
    assert held["options"] is held["same"]
    assert held[KEPT][place] is not held["options"]
    assert overridden({KEPT: changed, "own": ["a"], **namespace}) == {"options"}


def test_an_object_that_is_no_longer_the_library_s_is_a_variable(library: Any) -> None:
    words = library.words
    looked_for({"words": words})
    library.words = ["another"]
    assert instead({"words": words})["words"] is words


def test_a_library_that_keeps_another_type_is_told(library: Any) -> None:
    looked_for({"words": library.words})
    pickled = pickle.dumps(instead({"words": library.words})["words"])
    library.words = ("a",)
    with pytest.raises(TypeError, match="keeps a tuple"):
        pickle.loads(pickled)
