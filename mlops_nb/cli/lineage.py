"""The verb that follows what was made from what: lineage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import (
    STATUS_SIGN,
    STATUS_STYLE,
    AsJson,
    console,
    counted,
    heading,
    print_json,
    say,
    size,
)
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.text import Text

    from mlops_nb.metadata import LineageEdge, LineageGraph, LineageNode, NodeId

_NAMES = 4


def lineage(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A run, RUN/STEP, an artifact's hash, a file, or a model as NAME@VERSION or NAME@ALIAS."
        ),
    ],
    up: Annotated[bool, typer.Option("--up", help="Only what it was made from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what was made from it.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many things each way.")] = 200,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw it into this file.", dir_okay=False)
    ] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Show what something was made from, and what was made from it: data, steps, models."""
    from mlops_nb.errors import UsageError
    from mlops_nb.project import find_project
    from mlops_nb.report import draw_lineage, find_origin

    place = find_project(project)
    if not place.has_log:
        message = f"The project {place.root} has no runs yet."
        raise UsageError(message, hint="Start one: mlops-nb run NOTEBOOK")
    with place.log() as log:
        origin = find_origin(log, what, Path.cwd())
        graph = log.trace(origin.starts, up=up or not down, down=down or not up, limit=limit)
    if picture is not None:
        picture.write_text(draw_lineage(graph), encoding="utf-8")
    if as_json:
        print_json({"of": origin.told, "notice": origin.notice, **graph.as_dict()})
        return
    out = console()
    say(out, origin.told, "bold")
    if origin.notice:
        say(out, origin.notice, "yellow")
    if up or not down:
        _show(graph, out, "made from", graph.sources, lambda edge: edge.source)
    if down or not up:
        _show(graph, out, "what was made from it", graph.targets, lambda edge: edge.target)
        models = [node.name for node in graph.nodes.values() if node.id.kind == "model" and node.id in graph.below]
        if models:
            out.print()
            say(out, f"{counted(len(models), 'model version')}: {', '.join(models)}")
    if graph.truncated:
        out.print()
        say(out, f"There is more: only the nearest {limit} each way are shown (--limit).", "yellow")
    if picture is not None:
        out.print()
        say(out, f"Drawn into {picture}", "dim")


def _show(
    graph: LineageGraph,
    out: Console,
    title: str,
    edges_of: Callable[[NodeId], tuple[LineageEdge, ...]],
    end_of: Callable[[LineageEdge], NodeId],
) -> None:
    heading(out, title)
    inner = {end_of(edge) for start in graph.starts for edge in edges_of(start)} & set(graph.starts)
    # The steps of a run hang together: the tree begins with those that no other one leads to.
    roots = [start for start in graph.starts if start not in inner] or list(graph.starts)
    lines = 0
    seen: set[NodeId] = set()
    for root in roots:
        alone = len(graph.starts) == 1
        if not alone and not edges_of(root):
            continue
        if not alone:
            out.print(_told(graph.nodes[root]), soft_wrap=True)
        for line in _tree(graph, root, edges_of, end_of, seen):
            out.print(line, soft_wrap=True)
            lines += 1
    if not lines:
        say(out, "  nothing that the record knows", "dim")


def _tree(
    graph: LineageGraph,
    root: NodeId,
    edges_of: Callable[[NodeId], tuple[LineageEdge, ...]],
    end_of: Callable[[LineageEdge], NodeId],
    seen: set[NodeId],
) -> Iterator[Text]:
    """Yield the lines below a node, depth first; what stands above already is not unfolded again."""
    from rich.text import Text

    waiting = [(edge, "", index == 0) for index, edge in enumerate(reversed(edges_of(root)))]
    while waiting:
        edge, before, is_last = waiting.pop()
        node = end_of(edge)
        below = edges_of(node)
        again = node in seen and bool(below)
        seen.add(node)
        handed = "" if "artifact" in {edge.source.kind, edge.target.kind} else _handed(edge.names)
        line = Text(before + ("└─ " if is_last else "├─ "), "dim")
        if handed:
            line.append(f"{handed} · ", "cyan")
        line.append_text(_told(graph.nodes[node]))
        if again:
            line.append(" ↑ above", "dim")
        yield line
        if not again:
            inner = before + ("   " if is_last else "│  ")
            waiting += [(each, inner, index == 0) for index, each in enumerate(reversed(below))]


def _handed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES + 1 else ""
    return ", ".join(names[:_NAMES] if more else names) + more


def _told(node: LineageNode) -> Text:
    from rich.text import Text

    about = node.about
    if node.id.kind == "step":
        sign = Text(f"{STATUS_SIGN.get(about['status'], '·')} ", STATUS_STYLE.get(about["status"], ""))
        return Text.assemble(sign, (node.name, "bold"), (f"  {about['run']}", "dim"))
    if node.id.kind == "model":
        return Text.assemble((node.name, "bold magenta"), ("  model version", "dim"))
    if node.id.kind == "run":
        return Text.assemble((f"run {node.name}", "bold"), (f"  {about['pipeline']}", "dim"))
    rows = "" if about["rows"] is None else f", {about['rows']:,} rows"
    return Text.assemble(node.name, (f"  {about['type']} {about['hash'][:12]}, {size(about['bytes'])}{rows}", "dim"))


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(lineage)
