"""A set that is made by its recipe yields its elements in the order of the first one, and takes more as that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mlops_nb.handover.set_order import recipe, recipes

if TYPE_CHECKING:
    from collections.abc import Callable

ELEMENTS = st.one_of(
    st.integers(0, 200),
    st.integers(),
    st.text(max_size=3),
    st.floats(allow_nan=False),
    st.tuples(st.integers(0, 9), st.text(max_size=1)),
)


def _worked_through(made: set[Any], more: set[Any]) -> set[Any]:
    for item in more:
        made.add(item)
        made.discard(min(made, key=repr))
    return made


CHANGES: dict[str, Callable[[set[Any], set[Any]], Any]] = {
    "added": lambda made, more: made.__ior__(more),
    "united": lambda made, more: made | more,
    "less": lambda made, more: made - more,
    "common": lambda made, more: made & {*more, *list(made)[::2]},
    "taken out": lambda made, more: made.__isub__({*more, *list(made)[::3]}),
    "popped": lambda made, more: [made.pop() for _ in range(min(len(made), len(more)))] and made,
    "worked through": _worked_through,
    "frozen": lambda made, more: frozenset(made | more),
    "frozen from a list": lambda made, more: frozenset([*made, *more]),
    "either": lambda made, more: frozenset([*made, *more]) ^ frozenset(list(made)[::3]),
}


@settings(max_examples=400, deadline=None)
@given(
    st.lists(ELEMENTS, max_size=120),
    st.lists(st.tuples(st.sampled_from([*CHANGES]), st.lists(ELEMENTS, max_size=40)), max_size=3),
)
def test_a_set_comes_back_in_its_order(first: list[Any], changes: list[tuple[str, list[Any]]]) -> None:
    made: Any = set(first)
    for name, more in changes:
        before = set(made) if isinstance(made, frozenset) else made
        made = CHANGES[name](before, set(more)) or before
    try:
        found = recipe(made)
    except LookupError:
        # It stays in its process, and the user is told.
        reject()
    again = type(made)(list(made)) if found is None else found.make()

    assert type(again) is type(made)
    assert list(again) == list(made)
    if isinstance(made, frozenset):
        made, again = set(made), set(again)
    for number in range(0, 30, 3):
        added = {f"more {number}", number * 2654435761 % 1009, -number}
        again.update(added)
        made.update(added)
        assert list(again) == list(made)
        assert again.pop() == made.pop()


@pytest.mark.parametrize("size", [10, 77, 78, 200, 308, 1000, 5000])
def test_nearly_all_sets_have_a_way(size: int) -> None:
    made = {(number * 2654435761) % 1_000_003 for number in range(size)}
    for number in list(made)[::5]:
        made.discard(number)
    found = recipe(made)

    assert list(type(made)(list(made)) if found is None else found.make()) == list(made)


def test_a_set_whose_order_pickle_keeps_needs_no_recipe() -> None:
    held = [{1, 2, 3}, frozenset(range(3)), set(), {object(), object()}]

    assert recipes(held) == {}
