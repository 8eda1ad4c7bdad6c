from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlops_nb
from mlops_nb.errors import UsageError
from mlops_nb.metadata import (
    Artifact,
    Candidate,
    MetadataStore,
    Origin,
    PipelineVersion,
    PlannedStep,
    RunStart,
    UnknownRecord,
)
from mlops_nb.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(mlops_nb.__file__).parents[1]
WRITERS, MODELS = 6, 10

REGISTRAR = """
import sys
from mlops_nb.metadata import *
from mlops_nb.registry import Registry
import mlops_nb.metadata.store
url, writer, models = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with MetadataStore.open(url) as store:
    registry = Registry(store)
    for number in range(models):
        for digest in (f"own-{writer}-{number}", f"shared-{number}"):
            store.record_artifact(Artifact(digest, "model", "file:m.skops", 1))
            print(digest, registry.register("tips", Candidate(digest)).version, flush=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'metadata.db'}"


@pytest.fixture
def store(url: str) -> Iterator[MetadataStore]:
    with MetadataStore.open(url) as opened:
        for run in ("run-1", "run-2"):
            plan = (PlannedStep("train", "t1"), PlannedStep("tune", "t2"))
            opened.start_run(RunStart(run, PipelineVersion("taxi", "p1"), "taxi.ipynb", Origin("cli"), plan))
        for digest in ("sha-1", "sha-2", "sha-3", "sha-rows"):
            opened.record_artifact(Artifact(digest, "model", f"file:{digest}.skops", 10))
        yield opened


@pytest.fixture
def registry(store: MetadataStore) -> Registry:
    return Registry(store)


def test_a_version_holds_everything_that_the_candidate_came_with(registry: Registry) -> None:
    candidate = Candidate(
        artifact="sha-1",
        digest="content-1",
        metrics={"rmse": 2.5, "by": {"day": [1, None]}},
        signature={"inputs": [{"name": "distance", "dtype": "float64"}]},
        sample_input="sha-rows",
        run="run-1",
        step="train",
        environment={"python": "3.11", "packages": {"scikit-learn": "1.9.1"}},
    )

    version = registry.register("tips", candidate)

    assert version == registry.get("tips", "1") == registry.get("tips")
    kept = {field.name: getattr(version, field.name) for field in dataclasses.fields(candidate)}
    assert Candidate(**kept) == candidate
    assert (version.metrics, version.signature) == (candidate.metrics, candidate.signature)
    assert version.environment == candidate.environment
    assert (version.model, version.version, version.format) == ("tips", 1, "skops")
    assert version.who


def test_other_content_is_the_next_version_of_its_own_model(registry: Registry) -> None:
    numbers = [
        registry.register(model, Candidate(digest)).version
        for model, digest in [("tips", "sha-1"), ("tips", "sha-2"), ("fares", "sha-1"), ("tips", "sha-3")]
    ]

    assert numbers == [1, 2, 1, 3]
    assert [version.artifact for version in registry.versions("tips")] == ["sha-3", "sha-2", "sha-1"]
    assert [(model.name, model.versions) for model in registry.models()] == [("fares", 1), ("tips", 3)]


def test_registering_the_same_content_of_the_same_run_again_changes_nothing(registry: Registry) -> None:
    candidate = Candidate("sha-1", run="run-1", step="train", metrics={"rmse": 2.5})
    first = registry.register("tips", candidate)
    again = registry.register("tips", candidate)

    assert again == first
    assert len(registry.versions("tips")) == 1
    assert registry.reproductions("tips", 1) == ()


def test_another_run_that_comes_to_the_same_content_is_a_reproduction_recorded_once(registry: Registry) -> None:
    first = registry.register("tips", Candidate("sha-1", run="run-1", step="train", metrics={"rmse": 2.5}))
    later = Candidate("sha-1", run="run-2", step="train", metrics={"rmse": 2.75})

    assert registry.register("tips", later) == registry.register("tips", later) == first

    (reproduction,) = registry.reproductions("tips", 1)
    assert (reproduction.run, reproduction.step, reproduction.metrics) == ("run-2", "train", {"rmse": 2.75})
    assert registry.get("tips").metrics == {"rmse": 2.5}


def test_content_is_told_by_its_digest_where_the_bytes_of_the_artifact_differ(registry: Registry) -> None:
    first = registry.register("tips", Candidate("sha-1", digest="same content"))

    assert registry.register("tips", Candidate("sha-2", digest="same content")) == first
    assert first.artifact == "sha-1"


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (Candidate("sha-none"), r"artifact `sha-none` is not in the metadata store"),
        (Candidate("sha-1", sample_input="sha-none"), "sample input `sha-none` is not"),
        (Candidate("sha-1", run="run-9"), "no run `run-9`. Did you mean"),
        (Candidate("sha-1", run="run-1", step="trian"), "no step `trian`. Did you mean `train`"),
    ],
)
def test_a_candidate_from_nowhere_is_refused_and_leaves_no_model(
    registry: Registry, candidate: Candidate, message: str
) -> None:
    with pytest.raises(UnknownRecord, match=message):
        registry.register("tips", candidate)

    assert registry.models() == ()


def test_a_metric_that_is_no_json_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"metrics of model `tips` is a `builtins\.object`"):
        registry.register("tips", Candidate("sha-1", metrics={"rmse": object()}))


@pytest.mark.parametrize("name", ["latest", "3", "", "a b", "../x", "a" * 101])
def test_a_name_that_means_something_else_is_refused_for_models_and_aliases(registry: Registry, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a model"):
        registry.register(name, Candidate("sha-1"))
    registry.register("tips", Candidate("sha-1"))
    with pytest.raises(UsageError, match="cannot name an alias"):
        registry.set_alias("tips", name, 1, "why not")


def test_a_version_is_found_by_number_alias_or_as_the_latest(registry: Registry) -> None:
    for digest in ("sha-1", "sha-2", "sha-3"):
        registry.register("tips", Candidate(digest))
    registry.set_alias("tips", "favourite", 2, "best on May")

    assert registry.get("tips").version == 3
    assert registry.get("tips", "latest").version == 3
    assert registry.get("tips", "1").version == 1
    favourite = registry.get("tips", "favourite")
    assert (favourite.version, favourite.aliases) == (2, ("favourite",))
    assert registry.get("tips", "3").aliases == ()
    (model,) = registry.models()
    assert model.aliases == {"favourite": 2}


@pytest.mark.parametrize(
    ("model", "which", "message"),
    [
        ("tip", "latest", "no model `tip`. Did you mean `tips`"),
        ("tips", "9", "no version 9; its newest is 1"),
        ("tips", "99999999999999999999", "no version 9+; its newest is 1"),
        ("tips", "0", "no version 0"),
        ("tips", "favuorite", "no alias `favuorite`. Did you mean `favourite`"),
        ("tips", "lates", "Did you mean `latest`"),
    ],
)
def test_what_is_not_there_is_answered_with_the_nearest(
    registry: Registry, model: str, which: str, message: str
) -> None:
    registry.register("tips", Candidate("sha-1"))
    registry.set_alias("tips", "favourite", 1, "first")

    with pytest.raises(UnknownRecord, match=message):
        registry.get(model, which)


def test_every_move_of_an_alias_is_kept_with_who_when_and_why(registry: Registry, store: MetadataStore) -> None:
    for digest in ("sha-1", "sha-2"):
        registry.register("tips", Candidate(digest))
    registry.set_alias("tips", "favourite", 1, "first")
    registry.set_alias("tips", "favourite", 2, "beats 1 by 3 %")
    registry.set_alias("tips", "shadow", 1, "watch it")
    registry.set_alias("tips", "favourite", 1, "rollback: p99 too slow")
    registry.drop_alias("tips", "shadow", "watched")

    history = registry.alias_history("tips", "favourite")

    assert [(move.version, move.replaced, move.why) for move in history] == [
        (1, 2, "rollback: p99 too slow"),
        (2, 1, "beats 1 by 3 %"),
        (1, None, "first"),
    ]
    assert {move.who for move in history} == {str(store.who)}
    assert [move.at for move in history] == sorted((move.at for move in history), reverse=True)
    assert len(registry.alias_history("tips")) == 5
    assert registry.models()[0].aliases == {"favourite": 1}
    with pytest.raises(UnknownRecord):
        registry.get("tips", "shadow")


def test_aliases_move_together_or_not_at_all(registry: Registry) -> None:
    for digest in ("sha-1", "sha-2"):
        registry.register("tips", Candidate(digest))
    registry.move_aliases("tips", {"favourite": 2, "before": 1}, "promoted")

    with pytest.raises(UnknownRecord, match="Alias `before` cannot move: model `tips` has no version 7"):
        registry.move_aliases("tips", {"favourite": 1, "before": 7}, "a mistake")

    assert registry.models()[0].aliases == {"favourite": 2, "before": 1}
    assert len(registry.alias_history("tips")) == 2


def test_an_alias_of_an_unknown_model_is_refused(registry: Registry) -> None:
    with pytest.raises(UnknownRecord, match="There is no model `tips`"):
        registry.set_alias("tips", "favourite", 1, "why")


aliases = st.sampled_from(["favourite", "green", "before"])
moves = st.lists(st.dictionaries(aliases, st.none() | st.integers(1, 3), min_size=1), max_size=8)


@settings(max_examples=25, deadline=None)
@given(moves)
def test_aliases_stand_where_their_last_moves_left_them(
    tmp_path_factory: pytest.TempPathFactory, made: list[dict[str, int | None]]
) -> None:
    folder = tmp_path_factory.mktemp("aliases")
    with MetadataStore.open(f"sqlite:///{folder}/metadata.db") as store:
        registry = Registry(store)
        for digest in ("sha-1", "sha-2", "sha-3"):
            store.record_artifact(Artifact(digest, "model", "file:m", 1))
            registry.register("tips", Candidate(digest))
        expected: dict[str, int | None] = {}
        for move in made:
            facts = registry.move_aliases("tips", move, "because")
            assert {fact.alias: fact.replaced for fact in facts} == {alias: expected.get(alias) for alias in move}
            expected |= move

        standing = {alias: version for alias, version in expected.items() if version is not None}
        assert registry.models()[0].aliases == standing
        assert [(m.alias, m.version) for m in reversed(registry.alias_history("tips"))] == [
            item for move in made for item in move.items()
        ]


@pytest.mark.row(70)
def test_the_database_itself_keeps_a_version_from_change(registry: Registry, store: MetadataStore) -> None:
    registry.register("tips", Candidate("sha-1"))
    registry.set_alias("tips", "favourite", 1, "first")

    with closing(sqlite3.connect(store.where)) as connection:
        for statement in ("UPDATE model_version SET metrics = '{}'", "DELETE FROM alias_move"):
            with pytest.raises(sqlite3.IntegrityError, match="are facts and never change"):
                connection.execute(statement)


def test_six_processes_that_register_at_once_never_get_one_number_twice(url: str) -> None:
    MetadataStore.open(url).close()
    command = [sys.executable, "-c", REGISTRAR, url]
    processes = [
        subprocess.Popen(
            [*command, f"w{number}", str(MODELS)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    finally:
        answers = [process.communicate(timeout=600)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * WRITERS
    given_numbers: dict[str, set[int]] = {}
    for line in "".join(answers).splitlines():
        digest, number = line.split()
        given_numbers.setdefault(digest, set()).add(int(number))
    assert all(len(numbers) == 1 for numbers in given_numbers.values()), "one content, one number"
    numbers = sorted(number for numbers in given_numbers.values() for number in numbers)
    assert numbers == list(range(1, WRITERS * MODELS + MODELS + 1)), "no number twice, and none left out"
