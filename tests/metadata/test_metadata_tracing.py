"""Lineage over many steps: data, variables, artifacts and models, up and down, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_nb.metadata import (
    Artifact,
    Candidate,
    MetadataStore,
    NodeId,
    Origin,
    PipelineVersion,
    PlannedStep,
    RunStart,
    StepEnd,
    StepStart,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RAW, OTHER = Artifact("raw", "file", "file:///data/raw.csv", 10), Artifact("other", "file", "file:///data/o.csv", 10)


def did(  # noqa: PLR0913 - what steps differ in
    store: MetadataStore,
    run: str,
    step: str,
    *,
    reads: str = "",
    writes: str = "",
    files: Mapping[str, Artifact] | None = None,
    made: Mapping[str, Artifact] | None = None,
) -> None:
    parts = {"inputs": dict.fromkeys(reads.split(), "print")}
    store.start_step(run, step, StepStart(key=step, key_components=parts))
    end = StepEnd(
        "succeeded",
        inputs=files or {},
        outputs=made or {},
        outcome={"evidence": {"writes": writes.split()}},
        key=f"{run}-{step}",
        key_components=parts,
    )
    store.finish_step(run, step, end)


def begin(store: MetadataStore, run: str, steps: str = "load clean train") -> None:
    plan = tuple(PlannedStep(name, name) for name in steps.split())
    store.start_run(RunStart(run, PipelineVersion("taxi", "v"), "taxi.ipynb", Origin("cli"), plan))


def ran(store: MetadataStore, run: str, data: Artifact) -> None:
    """Record: load reads a file, clean changes the table, train makes a model of both."""
    begin(store, run)
    model = Artifact(f"model-{run}", "model", f"/artifacts/{run}", 5)
    did(store, run, "load", writes="rides", files={"file:raw.csv": data})
    did(store, run, "clean", reads="rides", writes="rides zones")
    did(store, run, "train", reads="rides", writes="model", made={"tips": model})
    store.finish_run(run, "succeeded")
    store.add_model_version("tips", Candidate(model.hash, run=run, step="train"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetadataStore]:
    """Return a store of two runs on one file, one on another, and one that reuses the first run's loading."""
    url = f"sqlite:///{tmp_path_factory.mktemp('traced') / 'metadata.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    with MetadataStore.open(url) as store:
        ran(store, "a", RAW)
        ran(store, "b", OTHER)
        begin(store, "c")
        load = store.run("a").steps[0]
        store.reuse_steps("c", {"load": load.id}, "nothing changed")
        did(store, "c", "clean", reads="rides", writes="rides")
        did(store, "c", "train", reads="rides", made={"tips": Artifact("model-c", "model", "/artifacts/c", 5)})
        store.finish_run("c", "succeeded")
        store.add_model_version("tips", Candidate("model-c", run="c", step="train"))
        yield store


def named(store: MetadataStore, starts: tuple[NodeId, ...], way: str) -> list[str]:
    graph = store.trace(starts, up=way == "up", down=way == "down")
    found = graph.above if way == "up" else graph.below
    nodes = [graph.nodes[node] for node in found]
    return sorted(f"{node.about['run']}/{node.name}" if node.id.kind == "step" else node.name for node in nodes)


@pytest.mark.row(61)
def test_forwards_from_a_bad_file_lie_all_models_made_of_it_and_no_other(traced: MetadataStore) -> None:
    found = named(traced, (NodeId("artifact", "raw"),), "down")

    assert found == ["a/clean", "a/load", "a/train", "c/clean", "c/train", "tips", "tips", "tips@1", "tips@3"]
    assert [name for name in named(traced, (NodeId("artifact", "other"),), "down") if "@" in name] == ["tips@2"]


@pytest.mark.row(61)
def test_backwards_from_a_model_lies_the_file_it_was_made_of(traced: MetadataStore) -> None:
    assert named(traced, (NodeId("model", "tips@2"),), "up") == ["b/clean", "b/load", "b/train", "raw.csv", "tips"]
    # What was cached leads to the step run that did the work.
    assert named(traced, (NodeId("model", "tips@3"),), "up") == ["a/load", "c/clean", "c/train", "raw.csv", "tips"]


def test_a_variable_comes_from_the_nearest_earlier_step_that_wrote_it(traced: MetadataStore) -> None:
    (train,) = traced.origin_steps("a", "train")
    graph = traced.trace((train,), down=False)

    assert [(graph.nodes[edge.source].name, edge.names) for edge in graph.sources(train)] == [("clean", ("rides",))]


def test_a_file_that_a_step_wrote_and_read_leads_in_no_circle(store: MetadataStore) -> None:
    begin(store, "r", "write again")
    scratch = Artifact("scratch", "file", "file:///scratch.csv", 1)
    did(store, "r", "write", files={"file:s": scratch}, made={"file:s": scratch})
    did(store, "r", "again", files={"file:s": scratch}, made={"file:s": scratch})
    write, again = store.origin_steps("r")
    file = NodeId("artifact", "scratch")

    # Whether it read the file before it wrote it again nobody knows: forwards it counts, backwards it is its own.
    graph = store.trace((write,))
    assert {(edge.source, edge.target) for edge in graph.edges} == {(write, file), (file, again)}
    assert store.trace((again,), down=False).edges == ()
    assert {edge.target for edge in store.trace((file,), up=False).edges} == {write, again}


def test_what_does_not_fit_is_told_and_the_nearest_comes_first(traced: MetadataStore) -> None:
    graph = traced.trace((NodeId("artifact", "raw"),), up=False, limit=2)

    assert graph.truncated
    assert len(graph.below) == 2
    assert graph.nodes[graph.below[0]].name == "load"
    assert not traced.trace((NodeId("artifact", "raw"),), up=False, limit=9).truncated


def test_a_model_that_a_later_run_made_again_comes_from_that_run_too(store: MetadataStore) -> None:
    for run in ("a", "b"):
        begin(store, run, "train")
        did(store, run, "train", made={"tips": Artifact(f"bytes-{run}", "model", "/m", 1)})
        store.finish_run(run, "succeeded")
        store.add_model_version("tips", Candidate(f"bytes-{run}", digest="same", run=run, step="train"))

    assert named(store, (NodeId("model", "tips@1"),), "up") == ["a/train", "b/train", "tips"]
    assert "tips@1" in named(store, store.origin_steps("b", "train"), "down")


def test_an_artifact_is_found_by_the_start_of_its_hash_or_its_place(traced: MetadataStore) -> None:
    assert traced.artifacts_like("model-a") == (NodeId("artifact", "model-a"),)
    assert len(traced.artifacts_like("model-")) == 3
    assert traced.artifacts_like(uri=RAW.uri) == (NodeId("artifact", "raw"),)
