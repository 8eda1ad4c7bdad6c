"""Pictures of graphs and timings are SVG that any reader of XML takes, whatever stands in them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from mlops_nb.report import Bar, Box, draw_bars, draw_graph
from mlops_nb.report.drawing import reduced
from mlops_nb.report.executed import data_url, is_wide, plain

HOSTILE = "\"'><script>x</script>&\x00\x1b[31m\ud800"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - drawn here


def places(svg: str) -> dict[str, float]:
    """Return how far from the left each node stands, by its title."""
    found = {}
    for group in parsed(svg).iter("{http://www.w3.org/2000/svg}g"):
        texts = [(float(each.attrib["x"]), each.text or "") for each in group if each.tag.endswith("}text")]
        found[texts[0][1]] = texts[0][0]
    return found


def test_every_node_stands_right_of_all_that_it_needs() -> None:
    boxes = [Box(name, name) for name in ("load", "clean", "train", "score")]
    edges = [("load", "clean"), ("clean", "train"), ("load", "score"), ("train", "score")]

    drawn = places(draw_graph(boxes, edges))

    assert all(drawn[one] < drawn[other] for one, other in edges)


def test_a_circle_or_a_loop_is_drawn_and_ends() -> None:
    boxes = [Box(name, name) for name in "abc"]
    drawn = draw_graph(boxes, [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a"), ("a", "nowhere")])

    assert places(drawn).keys() == {"a", "b", "c"}


@pytest.mark.parametrize("boxes", [[], [Box("a", HOSTILE, HOSTILE, HOSTILE)]])
def test_no_text_breaks_a_picture_or_becomes_a_part_of_it(boxes: list[Box]) -> None:
    bars = [Bar(box.title, 0.0, 0.0, box.colour, box.subtitle) for box in boxes]
    for svg in (draw_graph(boxes, [], HOSTILE), draw_bars(bars, HOSTILE)):
        if svg:
            assert not [each for each in parsed(svg).iter() if each.tag.endswith("script")]
    assert draw_bars([]) == ""


def test_a_bar_begins_where_its_step_did() -> None:
    root = parsed(draw_bars([Bar("a", 0.0, 2.0, "succeeded"), Bar("b", 2.0, 2.0, "failed")]))
    one, other = [each for each in root.iter() if each.tag.endswith("rect")]
    ends = float(one.attrib["x"]) + float(one.attrib["width"])
    assert ends == pytest.approx(float(other.attrib["x"]), abs=0.2)


def test_edges_that_others_imply_are_left_out() -> None:
    assert reduced(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c"), ("x", "c")]) == [("a", "b"), ("b", "c")]


def test_text_of_a_terminal_is_shown_plain_and_ends_in_time() -> None:
    assert plain("\x1b[31mred\x1b[0m") == "red"
    assert plain("a" * 30_000).endswith("10,000 more characters")


def test_only_pictures_of_a_bearable_size_get_into_a_page() -> None:
    assert data_url(b"<svg/>", "image/svg+xml").startswith("data:image/svg+xml;base64,")
    assert data_url(b"x", "text/html") == ""
    assert data_url(b"x" * (5 << 20), "image/png") == ""
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (800).to_bytes(4) + (300).to_bytes(4)
    assert is_wide(data_url(header, "image/png"))
    assert not is_wide(data_url(header[:20], "image/png"))
