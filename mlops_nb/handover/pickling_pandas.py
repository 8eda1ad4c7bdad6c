"""Pickle the blocks of pandas' frames so that copy-on-write goes on: frames over one memory know of each other."""

from __future__ import annotations

from typing import Any


def reduce_block(block: Any) -> Any:
    """Reduce a block with what knows which other blocks show its memory; pandas alone would forget them.

    A frame that is changed copies a block first if somebody else shows it. Without that knowledge the other frame,
    which is restored over the same memory, would change too.
    """
    make, arguments = block.__reduce__()[:2]
    refs = getattr(block, "refs", None)
    return (make, arguments) if refs is None else (_make_block, (make, arguments, refs))


def reduce_references(refs: Any) -> Any:
    """Reduce what knows the blocks over one memory: each block that is made tells it of itself."""
    return type(refs), ()


def reduce_series_manager(manager: Any) -> Any:
    """Reduce what holds a series' block; pandas alone would store the values of the block and not the block."""
    return _make_series_manager, (type(manager), manager.blocks[0], manager.axes[0])


def _make_series_manager(kind: Any, block: Any, axis: Any) -> Any:
    return kind(block, axis)


def _make_block(make: Any, arguments: tuple[Any, ...], refs: Any) -> Any:
    block = make(*arguments)
    block.refs = refs
    refs.add_reference(block)
    return block


def reduce_named(frame: Any) -> Any:
    """Reduce a frame or a series with the attributes that were set on it, as in `frame.name = "training"`."""
    make, arguments, state, *_ = frame.__reduce_ex__(5)
    attributes = {name: value for name, value in vars(frame).items() if not name.startswith("_")}
    return (make, arguments, (state, attributes), None, None, _set_named) if attributes else (make, arguments, state)


def _set_named(frame: Any, state: tuple[Any, dict[str, Any]]) -> None:
    frame.__setstate__(state[0])
    vars(frame).update(state[1])


# The classes of blocks of pandas 2 and 3.
_BLOCKS = ("DatetimeLikeBlock", "DatetimeTZBlock", "ExtensionBlock", "NumericBlock", "NumpyBlock", "ObjectBlock")
_NAMED = ("DataFrame", "Series")
REDUCERS = {
    **{("pandas.core.internals.blocks", name): reduce_block for name in _BLOCKS},
    # Their homes in pandas 3, and before.
    **{(home, name): reduce_named for home in ("pandas", "pandas.core.frame", "pandas.core.series") for name in _NAMED},
    ("pandas._libs.internals", "BlockValuesRefs"): reduce_references,
    ("pandas.core.internals.managers", "SingleBlockManager"): reduce_series_manager,
}
