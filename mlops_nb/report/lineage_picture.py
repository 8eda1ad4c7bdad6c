"""Lineage as a picture: data left, models right, the start with a bold frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.report.drawing import Box, draw_graph

if TYPE_CHECKING:
    from mlops_nb.metadata import LineageGraph, LineageNode


def draw_lineage(graph: LineageGraph) -> str:
    """Return the graph as SVG."""
    boxes = [_box(node, is_start=node.id in graph.starts) for node in graph.nodes.values()]
    return draw_graph(boxes, [(str(edge.source), str(edge.target)) for edge in graph.edges], "lineage")


def _box(node: LineageNode, *, is_start: bool) -> Box:
    about = node.about
    match node.id.kind:
        case "step":
            return Box(str(node.id), node.name, about["run"], about["status"], bold=is_start)
        case "model":
            return Box(str(node.id), node.name, "model version", "model", bold=is_start)
        case "run":
            return Box(str(node.id), node.name, "run", about["status"], bold=is_start)
        case _:
            kind = f"{about['type']} {about['hash'][:12]}"
            return Box(str(node.id), node.name, kind, "artifact", bold=is_start)
