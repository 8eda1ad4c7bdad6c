"""Lineage as a graph of values: what was made from what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NodeKind = Literal["step", "artifact", "model", "run"]


@dataclass(frozen=True, order=True)
class NodeId:
    """What a node is: a step run by its number, an artifact by its hash, a model version as `name@3`, a run by its id.

    A cached step has no node of its own: the step run that did the work stands for it.
    """

    kind: NodeKind
    key: str

    def __str__(self) -> str:
        """Return `kind:key`."""
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True)
class LineageNode:
    """A node and what is known of it: run, step and status; kind, hash, bytes, rows and place; aliases."""

    id: NodeId
    name: str
    about: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class LineageEdge:
    """`target` was made with `source`; `names` are the variables handed over, or what the artifact is called there."""

    source: NodeId
    target: NodeId
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineageGraph:
    """What some nodes were made from and what was made from them.

    `above` are the nodes that lie upwards of the starts and `below` those downwards, both in breadth-first order.
    `truncated` says that there is more than was asked for.
    """

    starts: tuple[NodeId, ...]
    nodes: Mapping[NodeId, LineageNode] = field(hash=False)
    edges: tuple[LineageEdge, ...]
    above: tuple[NodeId, ...] = ()
    below: tuple[NodeId, ...] = ()
    truncated: bool = False

    def sources(self, node: NodeId) -> tuple[LineageEdge, ...]:
        """Return the edges to what a node was made with."""
        return tuple(edge for edge in self.edges if edge.target == node)

    def targets(self, node: NodeId) -> tuple[LineageEdge, ...]:
        """Return the edges to what was made with a node."""
        return tuple(edge for edge in self.edges if edge.source == node)

    def as_dict(self) -> dict[str, Any]:
        """Return the graph as JSON has it."""
        return {
            "starts": [str(node) for node in self.starts],
            "nodes": [
                {"id": str(node.id), "kind": node.id.kind, "name": node.name, **node.about}
                for node in self.nodes.values()
            ],
            "edges": [
                {"source": str(edge.source), "target": str(edge.target), "names": list(edge.names)}
                for edge in self.edges
            ],
            "above": [str(node) for node in self.above],
            "below": [str(node) for node in self.below],
            "truncated": self.truncated,
        }


def merged(edges: Iterable[LineageEdge]) -> tuple[LineageEdge, ...]:
    """Return edges with one for each pair of nodes, which has all the names."""
    names: dict[tuple[NodeId, NodeId], set[str]] = {}
    for edge in edges:
        names.setdefault((edge.source, edge.target), set()).update(edge.names)
    return tuple(LineageEdge(*pair, tuple(sorted(found))) for pair, found in names.items())
