"""A dictionary's table, read from memory, tells what the dictionary tells."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.handover.dict_table import ids_in, is_same, table_of

KEYS = st.one_of(st.text(max_size=4), st.integers(0, 9))


@given(st.dictionaries(KEYS, st.integers()), st.sets(KEYS), st.dictionaries(KEYS, st.text()))
def test_names_and_objects_are_those_of_the_dictionary(
    held: dict[Any, Any], gone: set[Any], more: dict[Any, Any]
) -> None:
    for key in gone & held.keys():
        del held[key]
    before = table_of(held)
    assert ids_in(before) == {id(key): id(value) for key, value in held.items()}
    assert is_same(before, table_of(held))
    changed = {key: value for key, value in more.items() if held.get(key) is not value}
    held.update(changed)
    assert is_same(before, table_of(held)) == (not changed)
    assert ids_in(table_of(held)) == {id(key): id(value) for key, value in held.items()}


def test_modules_and_classes_are_read() -> None:
    for module in list(sys.modules.values()):
        held = vars(module)
        for owner in (held, *(vars(value) for value in list(held.values()) if isinstance(value, type))):
            assert ids_in(table_of(owner)) == {id(name): id(value) for name, value in owner.items()}


def test_a_use_that_changes_nothing_is_no_change() -> None:
    class Owner:
        number = 1

    before = table_of(vars(Owner))
    assert [Owner.number for _ in range(100)] == [1] * 100
    assert is_same(before, table_of(vars(Owner)))
    Owner.number = 2
    assert not is_same(before, table_of(vars(Owner)))


def test_instances_that_share_their_names_are_read() -> None:
    class Point:
        def __init__(self) -> None:
            self.x: list[int] = []
            self.y: list[int] = []

    one, _ = Point(), Point()
    assert ids_in(table_of(vars(one))) == {id(name): id(value) for name, value in vars(one).items()}
