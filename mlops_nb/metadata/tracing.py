"""Following lineage through artifacts, variables and models, breadth-first: a few queries a level, as far as a limit.

Between two steps of a run goes what a variable held: a step's cache key names the variables it took in, and the
evidence of each step those that it wrote; the nearest earlier writer is where a value came from. A cached step leads
to the step run that did the work, also when that was in another run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import and_, func, or_, select, tuple_

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database
from mlops_nb.metadata.lineage_records import LineageEdge, LineageGraph, LineageNode, NodeId, merged
from mlops_nb.metadata.rows import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from mlops_nb.metadata.lineage_records import NodeKind

T = TypeVar("T")
MOST_NODES = 500
_FILE = "file:"
# SQLite takes 32,766 values in a statement, PostgreSQL 65,535; more than this many are asked for in turns.
_AT_ONCE = 500
# Reading what went through a run is the dearest part, and nobody may want more than the first few.
_RUNS_AT_ONCE = 20
# A step that ended so has done something with what it took in.
_RAN = ("succeeded", "failed", "cached", "running", "cancelled", "died")


class Tracing(Database):
    """The part of a store that follows lineage over many steps."""

    def trace(
        self, starts: Sequence[NodeId], *, up: bool = True, down: bool = True, limit: int = MOST_NODES
    ) -> LineageGraph:
        """Return what some nodes were made from and what was made from them.

        Parameters
        ----------
        starts
            Where to begin; of a cached step, the step run that did the work (`origin_steps`).
        up, down
            Which ways to go.
        limit
            How many nodes each way, beside the starts.
        """
        with self._read() as connection:
            walk = _Walk(connection)
            edges: list[LineageEdge] = []
            above = walk.breadth_first(starts, walk.sources, limit, edges) if up else []
            below = walk.breadth_first(starts, walk.targets, limit, edges) if down else []
            known = dict.fromkeys((*starts, *above, *below))
            found = merged(edge for edge in edges if edge.source in known and edge.target in known)
            nodes = walk.described(known, found)
            return LineageGraph(tuple(starts), nodes, found, tuple(above), tuple(below), truncated=walk.truncated)

    def origin_steps(self, run_id: str, step: str | None = None) -> tuple[NodeId, ...]:
        """Return the steps of a run, or one of them, as nodes: of a cached step, the step run that did the work."""
        s = t.step_run.c
        query = select(func.coalesce(s.cached_from, s.id)).where(s.run == run_id, standing()).order_by(s.position)
        if step is not None:
            query = query.where(s.step == step)
        with self._read() as connection:
            return tuple(NodeId("step", str(number)) for number in connection.scalars(query))

    def artifacts_like(self, start: str = "", *, uri: str = "") -> tuple[NodeId, ...]:
        """Return the artifacts whose hash starts so, or that were recorded at a place, the newest first."""
        a = t.artifact.c
        matches = a.uri == uri if uri else func.substr(a.hash, 1, len(start)) == start
        query = select(a.hash).where(matches).order_by(a.created.desc()).limit(_AT_ONCE)
        with self._read() as connection:
            return tuple(NodeId("artifact", digest) for digest in connection.scalars(query))


@dataclass
class _Walk:
    """One walk; `flows` keeps what is known of runs: for each step, from which steps which variables came."""

    connection: Connection
    flows: dict[str, dict[int, dict[int, set[str]]]] = field(default_factory=dict)
    truncated: bool = False

    def breadth_first(
        self,
        starts: Sequence[NodeId],
        neighbours: Callable[[list[NodeId]], Iterable[tuple[NodeId, LineageEdge]]],
        limit: int,
        edges: list[LineageEdge],
    ) -> list[NodeId]:
        seen, found = set(starts), list[NodeId]()
        pairs: set[tuple[NodeId, NodeId]] = set()
        level = list(starts)
        while level:
            following: list[NodeId] = []
            for node, edge in neighbours(level):
                if (edge.target, edge.source) in pairs:
                    # A step that reads what it wrote itself: the way back is no lineage.
                    continue
                pairs.add((edge.source, edge.target))
                if node not in seen:
                    if len(found) == limit:
                        self.truncated = True
                        return found
                    seen.add(node)
                    found.append(node)
                    following.append(node)
                edges.append(edge)
            level = following
        return found

    def sources(self, level: list[NodeId]) -> Iterator[tuple[NodeId, LineageEdge]]:
        """Yield what the nodes of a level were made with."""
        yield from self._through(level, "artifact", self._makers)
        yield from self._through(level, "model", self._of_models)
        for numbers in _parts(_numbers(level)):
            yield from self._taken(numbers)
            own = select(t.step_run.c.id, t.step_run.c.run).where(t.step_run.c.id.in_(numbers))
            runs = {row.id: row.run for row in self.connection.execute(own)}
            self._read_flows(set(runs.values()))
            for number, run in runs.items():
                for source, names in self.flows[run].get(number, {}).items():
                    edge = LineageEdge(_step(source), _step(number), tuple(sorted(names)))
                    yield edge.source, edge

    def targets(self, level: list[NodeId]) -> Iterator[tuple[NodeId, LineageEdge]]:
        """Yield what was made with the nodes of a level."""
        yield from self._through(level, "artifact", self._users)
        for numbers in _parts(_numbers(level)):
            yield from self._given(numbers)
            yield from self._followers(numbers)

    def _through(
        self,
        level: list[NodeId],
        kind: NodeKind,
        query: Callable[[list[str]], Iterator[tuple[NodeId, LineageEdge]]],
    ) -> Iterator[tuple[NodeId, LineageEdge]]:
        for keys in _parts(_keys(level, kind)):
            yield from query(keys)

    def _events(
        self, direction: str, *, artifacts: Any = (), steps: Any = ()
    ) -> Iterator[tuple[NodeId, str, str, Any]]:
        """Yield for events: the step that did the work, the artifact, its name there, and who made it too."""
        e, s = t.event.c, t.step_run.c
        work = func.coalesce(s.cached_from, s.id).label("work")
        wanted = e.artifact.in_(artifacts) if artifacts else e.step_run.in_(steps)
        query = (
            select(work, e.artifact, func.min(e.name).label("name"))
            .join(t.step_run, e.step_run == s.id)
            .where(e.direction == direction, wanted, standing())
            # Of a step that was cached in ten thousand runs, one row.
            .group_by(work, e.artifact)
        )
        for row in self.connection.execute(query):
            yield _step(row.work), row.artifact, row.name, row.work
        if artifacts:
            of_run = select(e.run, e.artifact, e.name).where(e.direction == direction, wanted, e.step_run.is_(None))
            for row in self.connection.execute(of_run):
                yield NodeId("run", row.run), row.artifact, row.name, None

    def _made_too(self, pairs: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
        """Return those pairs of step and artifact of which the step made the artifact: a file it wrote, then read."""
        wanted = list(pairs)
        e = t.event.c
        found: set[tuple[int, str]] = set()
        for some in _parts(wanted):
            query = select(e.step_run, e.artifact).where(
                e.direction == "output", tuple_(e.step_run, e.artifact).in_(some)
            )
            found |= {(row.step_run, row.artifact) for row in self.connection.execute(query)}
        return found

    def _makers(self, hashes: list[str]) -> Iterator[tuple[NodeId, LineageEdge]]:
        for maker, digest, name, _ in self._events("output", artifacts=hashes):
            yield maker, LineageEdge(maker, NodeId("artifact", digest), (_plain(name),))

    def _users(self, hashes: list[str]) -> Iterator[tuple[NodeId, LineageEdge]]:
        for user, digest, name, _ in self._events("input", artifacts=hashes):
            yield user, LineageEdge(NodeId("artifact", digest), user, (_plain(name),))
        v = t.model_version.c
        for row in self.connection.execute(select(v.model, v.version, v.artifact).where(v.artifact.in_(hashes))):
            node = NodeId("model", f"{row.model}@{row.version}")
            yield node, LineageEdge(NodeId("artifact", row.artifact), node)

    def _taken(self, numbers: list[int]) -> Iterator[tuple[NodeId, LineageEdge]]:
        taken = list(self._events("input", steps=numbers))
        itself = self._made_too((work, digest) for _, digest, _, work in taken)
        for user, digest, name, work in taken:
            if (work, digest) not in itself:
                node = NodeId("artifact", digest)
                yield node, LineageEdge(node, user, (_plain(name),))

    def _given(self, numbers: list[int]) -> Iterator[tuple[NodeId, LineageEdge]]:
        for maker, digest, name, _ in self._events("output", steps=numbers):
            node = NodeId("artifact", digest)
            yield node, LineageEdge(maker, node, (_plain(name),))

    def _of_models(self, names: list[str]) -> Iterator[tuple[NodeId, LineageEdge]]:
        pairs = _versions(names)
        v, r, s = t.model_version.c, t.model_reproduction.c, t.step_run.c
        query = select(v.model, v.version, v.artifact).where(tuple_(v.model, v.version).in_(pairs))
        for row in self.connection.execute(query):
            node = NodeId("artifact", row.artifact)
            yield node, LineageEdge(node, NodeId("model", f"{row.model}@{row.version}"))
        again = (
            select(r.model, r.version, func.coalesce(s.cached_from, s.id).label("work"))
            .join(t.step_run, and_(s.run == r.run, s.step == r.step))
            .where(tuple_(r.model, r.version).in_(pairs), standing())
            .limit(_AT_ONCE)
        )
        for row in self.connection.execute(again):
            node = _step(row.work)
            yield node, LineageEdge(node, NodeId("model", f"{row.model}@{row.version}"), ("made it again",))

    def _followers(self, numbers: list[int]) -> Iterator[tuple[NodeId, LineageEdge]]:
        """Yield the steps that took variables from these: in their own runs, and where they were cached since."""
        wanted = set(numbers)
        for runs in _parts(self._runs_with(numbers), _RUNS_AT_ONCE):
            self._read_flows(set(runs))
            for run in runs:
                for target, sources in self.flows[run].items():
                    for source in wanted & sources.keys():
                        edge = LineageEdge(_step(source), _step(target), tuple(sorted(sources[source])))
                        yield edge.target, edge
        r, s = t.model_reproduction.c, t.step_run.c
        again = (
            select(r.model, r.version, func.coalesce(s.cached_from, s.id).label("work"))
            .join(t.step_run, and_(s.run == r.run, s.step == r.step))
            .where(or_(s.id.in_(numbers), s.cached_from.in_(numbers)), standing())
        )
        for row in self.connection.execute(again.limit(MOST_NODES)):
            node = NodeId("model", f"{row.model}@{row.version}")
            yield node, LineageEdge(_step(row.work), node, ("made it again",))

    def _runs_with(self, numbers: list[int]) -> list[str]:
        """Return the runs in which steps may have taken from these, the newest first."""
        here, later = t.step_run.alias("here"), t.step_run.alias("later")
        # In a run where a step and the one that takes from it are both cached, nothing new came of it.
        new = select(later.c.id).where(
            later.c.run == here.c.run, later.c.cached_from.is_(None), later.c.position > here.c.position
        )
        own = self.connection.scalars(select(here.c.run).where(here.c.id.in_(numbers)))
        cached = (
            select(here.c.run)
            .where(here.c.cached_from.in_(numbers), new.where(later.c.status.in_(_RAN)).exists())
            .order_by(here.c.id.desc())
            .limit(MOST_NODES + 1)
        )
        runs = list(dict.fromkeys((*own, *self.connection.scalars(cached))))
        if len(runs) > MOST_NODES:
            self.truncated = True
        return runs

    def _read_flows(self, runs: set[str]) -> None:
        s = t.step_run.c
        columns = (s.id, s.run, s.cached_from, s.key_components, s.outcome)
        for some in _parts(sorted(runs - self.flows.keys())):
            steps: dict[str, list[Any]] = {run: [] for run in some}
            query = select(*columns).where(s.run.in_(some), s.status.in_(_RAN)).order_by(s.run, s.position)
            for row in self.connection.execute(query):
                steps[row.run].append(row)
            for run, rows in steps.items():
                self.flows[run] = _flow(rows)

    def described(self, ids: Iterable[NodeId], edges: Iterable[LineageEdge]) -> dict[NodeId, LineageNode]:
        """Return the nodes with what is known of them, in the given order."""
        order = list(ids)
        called: dict[NodeId, str] = {}
        for edge in edges:
            for node, other in ((edge.source, edge.target), (edge.target, edge.source)):
                if node.kind == "artifact" and other.kind in {"step", "run"} and edge.names:
                    called.setdefault(node, edge.names[0])
        found = {node.id: node for node in self._describe(order, called)}
        return {node: found[node] for node in order if node in found}

    def _describe(self, ids: list[NodeId], called: dict[NodeId, str]) -> Iterator[LineageNode]:
        s, a, v, r = t.step_run.c, t.artifact.c, t.model_version.c, t.run.c
        ask = self.connection.execute
        for numbers in _parts(_numbers(ids)):
            steps = select(s.id, s.run, s.pipeline, s.step, s.status, s.started, s.seconds)
            for number, *told in ask(steps.where(s.id.in_(numbers))):
                about = dict(zip(("run", "pipeline", "step", "status", "started", "seconds"), told, strict=True))
                yield LineageNode(_step(number), about["step"], about)
        for hashes in _parts(_keys(ids, "artifact")):
            artifacts = select(a.hash, a.kind, a.uri, a.bytes, a.rows).where(a.hash.in_(hashes))
            for digest, kind, uri, size, rows in ask(artifacts):
                node = NodeId("artifact", digest)
                about = {"type": kind, "hash": digest, "uri": uri, "bytes": size, "rows": rows}
                yield LineageNode(node, called.get(node) or uri.rsplit("/", 1)[-1], about)
        for names in _parts(_keys(ids, "model")):
            models = select(v.model, v.version, v.run, v.step, v.created)
            for model, version, *told in ask(models.where(tuple_(v.model, v.version).in_(_versions(names)))):
                about = dict(zip(("run", "step", "created"), told, strict=True))
                yield LineageNode(NodeId("model", f"{model}@{version}"), f"{model}@{version}", about)
        for some in _parts(_keys(ids, "run")):
            for run, pipeline, status in ask(select(r.id, r.pipeline, r.status).where(r.id.in_(some))):
                yield LineageNode(NodeId("run", run), run, {"pipeline": pipeline, "status": status})


def _flow(rows: list[Any]) -> dict[int, dict[int, set[str]]]:
    """Return for each step of a run, as the step run that did the work, from which which variables came to it."""
    written: dict[str, int] = {}
    found: dict[int, dict[int, set[str]]] = {}
    for row in rows:
        work = row.cached_from or row.id
        taken = found.setdefault(work, {})
        for name in (row.key_components or {}).get("inputs", {}):
            if name in written and written[name] != work:
                taken.setdefault(written[name], set()).add(name)
        for name in (row.outcome or {}).get("evidence", {}).get("writes", ()):
            written[name] = work
    return found


def _step(number: int) -> NodeId:
    return NodeId("step", str(number))


def _keys(ids: Iterable[NodeId], kind: NodeKind) -> list[str]:
    return [node.key for node in ids if node.kind == kind]


def _versions(names: list[str]) -> list[tuple[str, int]]:
    return [(model, int(version)) for model, _, version in (name.rpartition("@") for name in names)]


def _numbers(ids: Iterable[NodeId]) -> list[int]:
    return [int(node.key) for node in ids if node.kind == "step"]


def _plain(name: str) -> str:
    return name.removeprefix(_FILE)


def _parts(items: list[T], length: int = _AT_ONCE) -> Iterator[list[T]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
