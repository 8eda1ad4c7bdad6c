"""Fingerprints of figures: what they show counts, where and how often they were handled does not; sharing counts."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib import cbook
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox

from mlops_nb.artifacts import ArtifactStore, fingerprint
from mlops_nb.handover.covariables import Process, freeze, thaw
from mlops_nb.handover.groups import groups_of
from mlops_nb.handover.state import Delta, State
from tests.handed_over import handed_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def figure() -> Figure:
    """Return a figure with two alike axes, drawn once, and closed as the end of a cell closes it."""
    made, axes = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
    for ax in axes:
        ax.plot([0, 1, 2], [0, 1, 4], "o-", label="squares")
        ax.bar(["a", "b"], [1, 2])
        ax.set(title="Growth", xlabel="x", ylabel="y")
        ax.legend()
    made.canvas.draw()
    plt.close(made)
    return made


def thawed(value: Any) -> Any:
    return handed_over(value=value)["value"]


def prints(**held: Any) -> dict[tuple[str, ...], str]:
    """Return the fingerprint of each group of variables, none of which is known by a token."""
    return {group.names: group.fingerprint for group in groups_of(held, {}, {})}


def test_a_figure_has_the_same_fingerprint_each_time_it_is_asked_for() -> None:
    drawn = figure()

    assert fingerprint(drawn) == fingerprint(drawn)


def test_a_figure_drawn_anew_or_loaded_has_the_fingerprint_of_the_first() -> None:
    drawn = figure()
    before = fingerprint(drawn)

    assert fingerprint(figure()) == before
    assert fingerprint(thawed(drawn)) == before
    assert fingerprint(thawed(thawed(drawn))) == before


CHANGES: dict[str, Callable[[Figure], object]] = {
    "title": lambda drawn: drawn.axes[0].set_title("Decay"),
    "data": lambda drawn: drawn.axes[0].lines[0].set_ydata([0, 1, 5]),
    "colour": lambda drawn: drawn.axes[1].lines[0].set_color("red"),
    "width of a line": lambda drawn: drawn.axes[1].lines[0].set_linewidth(3),
    "height of a bar": lambda drawn: drawn.axes[0].patches[0].set(height=9),
    "limits": lambda drawn: drawn.axes[0].set_xlim(0, 10),
    "scale": lambda drawn: drawn.axes[0].set_yscale("log"),
    "label": lambda drawn: drawn.axes[0].set_xlabel("seconds"),
    "legend": lambda drawn: drawn.axes[0].legend(loc="upper left"),
    "ticks": lambda drawn: drawn.axes[0].set_xticks([0, 2]),
    "size": lambda drawn: drawn.set_size_inches(7, 3),
    "heading": lambda drawn: drawn.suptitle("All"),
    "another line": lambda drawn: drawn.axes[0].axhline(1),
    "one line less": lambda drawn: drawn.axes[0].lines[0].remove(),
    "visibility": lambda drawn: drawn.axes[0].lines[0].set_visible(False),
    "place": lambda drawn: drawn.axes[0].set_position((0, 0, 1, 1)),
    "transform": lambda drawn: drawn.axes[0].lines[0].set_transform(drawn.axes[0].transAxes),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_visible_change_gives_a_figure_another_fingerprint(what: str) -> None:
    drawn = figure()
    before = fingerprint(drawn)

    CHANGES[what](drawn)

    assert fingerprint(drawn) != before


def test_a_transform_is_its_own_numbers_and_those_of_what_it_is_made_of() -> None:
    turn = Affine2D().rotate_deg(30)
    before = fingerprint(TransformedBbox(Bbox.unit(), turn))

    assert fingerprint(TransformedBbox(Bbox.unit(), turn)) == before
    turn.rotate_deg(15)
    assert fingerprint(TransformedBbox(Bbox.unit(), turn)) != before


def test_what_is_made_of_a_transform_is_one_with_it() -> None:
    turn = Affine2D().rotate_deg(30)
    box = TransformedBbox(Bbox.unit(), turn)

    assert set(prints(box=(box,), turn=(turn,))) == {("box", "turn")}


def test_a_registry_of_callbacks_is_the_callbacks_that_are_kept() -> None:
    registry = cbook.CallbackRegistry()
    before = fingerprint(registry)

    assert fingerprint(registry) == before
    registry._connect_picklable("changed", len)  # type: ignore[attr-defined]
    assert fingerprint(registry) != before
    # Of an empty one, what it answers to and who is told of errors counts as well.
    named = cbook.CallbackRegistry(signals=["changed"])
    assert fingerprint(named) not in {before, fingerprint(cbook.CallbackRegistry(signals=["moved"]))}
    assert fingerprint(named) == fingerprint(pickle.loads(pickle.dumps(named)))
    assert fingerprint(cbook.CallbackRegistry(exception_handler=None)) != before


def test_each_of_many_objects_of_one_kind_counts() -> None:
    # From the second on, a walk takes a shorter way through them.
    texts = [Text(0, 0, word) for word in "abc"]
    before = fingerprint(texts)
    assert fingerprint(thawed(texts)) == before
    for text in texts:
        text.set_text("changed")
        changed = fingerprint(texts)
        text.set_text("abc"[texts.index(text)])
        assert changed != before
    assert fingerprint(texts) == before


def test_a_figure_and_its_axes_are_one_co_variable() -> None:
    drawn = figure()
    line = drawn.axes[0].lines[0]

    assert set(prints(fig=drawn, axes=np.array(drawn.axes), line=line, other=[1])) == {
        ("axes", "fig", "line"),
        ("other",),
    }


def test_which_of_two_alike_axes_a_variable_holds_counts() -> None:
    drawn = figure()
    first, second = drawn.axes

    assert prints(ax=first, fig=drawn) != prints(ax=second, fig=drawn)
    assert prints(ax=first, fig=drawn) == prints(ax=first, fig=drawn)


def test_the_group_of_a_figure_has_the_same_fingerprint_when_it_is_loaded() -> None:
    drawn = figure()
    held = {"fig": drawn, "left": drawn.axes[0], "lines": tuple(drawn.axes[1].lines)}

    assert prints(**thawed(held)) == prints(**held)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [1],
        lambda: {"a": 1},
        lambda: {1},
        lambda: bytearray(b"a"),
        lambda: np.arange(3),
        lambda: np.ma.masked_array([1, 2], mask=[True, False]),
        lambda: pd.DataFrame({"a": [1]}),
        lambda: pd.Series([1]),
        Figure,
    ],
    ids=lambda make: type(make()).__name__,
)
def test_which_of_two_equal_objects_variables_share_counts(make: Callable[[], Any]) -> None:
    one, other, tie = make(), make(), [0]
    crossed = prints(x=(one, other, tie), y=(other, one, tie))
    straight = prints(x=(one, other, tie), y=(one, other, tie))
    apart = prints(x=(one, other, tie), y=(make(), make(), tie))

    assert set(crossed) == set(straight) == set(apart) == {("x", "y")}
    assert len({*crossed.values(), *straight.values(), *apart.values()}) == 3


def test_a_change_behind_a_shared_object_is_a_change_of_the_group_alone() -> None:
    inner = [1]
    held = {"a": (inner,), "b": (inner, "b"), "c": ([1],)}
    before = prints(**held)

    inner.append(2)

    after = prints(**held)
    assert after[("a", "b")] != before[("a", "b")]
    assert after[("c",)] == before[("c",)]


class _Counting:
    """Counts how often it is asked for what pickle would store of it."""

    asked = 0

    def __getstate__(self) -> dict[str, int]:
        type(self).asked += 1
        return {"value": 1}


def test_what_many_variables_share_is_walked_once() -> None:
    shared = _Counting()

    found = groups_of({f"v{number}": (number, shared) for number in range(50)}, {}, {})

    assert [len(group.names) for group in found] == [50]
    assert _Counting.asked == 1


def plotted(*marks: str) -> Figure:
    made, ax = plt.subplots()
    for mark in marks:
        ax.plot([0, 1], mark)
    ax.imshow(np.eye(2))
    plt.close(made)
    return made


def test_what_matplotlib_made_for_all_figures_makes_no_two_of_them_one() -> None:
    assert set(prints(one=plotted("o", "p", "x"), other=plotted("o", "p", "x"))) == {("one",), ("other",)}


def test_a_thawed_figure_refers_to_the_constants_of_its_process() -> None:
    values = handed_over(one=plotted("o", "p", "^"), other=plotted("o"))
    later = plotted("o", "p", "^")

    for ours, theirs in zip(values["one"].axes[0].lines, later.axes[0].lines, strict=True):
        assert vars(ours)["_marker"].get_path() is vars(theirs)["_marker"].get_path()
    assert values["one"].axes[0].get_path_effects() is plt.rcParams["path.effects"]
    assert vars(values["other"].axes[0].images[0].cmap)["colors"] is vars(later.axes[0].images[0].cmap)["colors"]
    assert fingerprint(values["one"]) == fingerprint(later)


def test_a_setting_that_has_changed_since_is_not_taken_for_the_one_that_the_figure_has(tmp_path: Path) -> None:
    with plt.rc_context({"axes.formatter.limits": [-2, 2]}):
        made = plotted("o")
        process = Process(ArtifactStore(str(tmp_path)), {})
        state = State().after(Delta(changed=freeze({"made": made}, State(), process, "made")))
    values, _ = thaw(state, Process(process.store, {}))

    ax = values["made"].axes[0]
    limits = [axis.get_major_formatter()._powerlimits for axis in (ax.xaxis, ax.yaxis)]
    assert limits == [[-2, 2], [-2, 2]]
    assert limits[0] is limits[1]
    assert plt.rcParams["axes.formatter.limits"] != [-2, 2]


def test_constants_that_a_notebook_holds_itself_are_shared() -> None:
    effects = plt.rcParams["path.effects"]

    assert set(prints(one=effects, other=[effects])) == {("one", "other")}
    assert set(prints(one=effects, other=effects, figure=plotted("o"))) == {("figure",), ("one", "other")}
    values = handed_over(one=effects, other=[effects])
    assert values["other"][0] is values["one"]
