"""The champion moves on evidence alone, forwards and back, also when several people move it at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mlops_nb
from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.metadata import AliasMoved, Artifact, Candidate, MetadataStore, UnknownRecord
from mlops_nb.registry import NotProven, Registry
from mlops_nb.validation import Verdict
from tests.judged import GATE, judged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgresql import Server

CHECKOUT = Path(mlops_nb.__file__).parents[1]
ROLLER = """
import sys
from mlops_nb.errors import MlopsNbError
from mlops_nb.metadata import MetadataStore
from mlops_nb.registry import Registry
with MetadataStore.open(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        Registry(store).rollback("tips", "p99 too slow")
        print("rolled back")
    except MlopsNbError as error:
        print(error.code)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'metadata.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def store(url: str) -> Iterator[MetadataStore]:
    with MetadataStore.open(url) as opened:
        for number in (1, 2, 3):
            opened.record_artifact(Artifact(f"sha-{number}", "model", "file:m.skops", 1))
            Registry(opened).register("tips", Candidate(f"sha-{number}"))
        yield opened


@pytest.fixture
def registry(store: MetadataStore) -> Registry:
    return Registry(store)


@pytest.mark.row(70)
def test_a_version_that_passed_becomes_champion_with_the_evidence_of_the_move(
    registry: Registry, store: MetadataStore
) -> None:
    verdicts = judged(store, 1)
    registry.mark_candidate(registry.get("tips", "1"), "run r made it")
    moves = registry.promote("tips", "candidate", "it is the first")
    assert registry.models()[0].aliases == {"champion": 1}
    assert {move.alias: (move.version, move.verdicts) for move in moves} == {
        "champion": (1, tuple(verdicts)),
        "candidate": (None, tuple(verdicts)),
    }

    judged(store, 2, against=1)
    registry.promote("tips", "2", "try it beside", to="challenger")
    assert registry.models()[0].aliases == {"champion": 1, "challenger": 2}
    registry.promote("tips", "2", "it won")
    assert registry.models()[0].aliases == {"champion": 2, "previous": 1}
    (last, first) = registry.alias_history("tips", "champion")
    assert (last.why, last.replaced, last.who) == ("it won", 1, str(store.who))
    assert first.verdicts == tuple(verdicts)


@pytest.mark.row(70)
@pytest.mark.row(89)
@pytest.mark.parametrize(
    ("judging", "told"),
    [
        (None, "missing: it was never judged."),
        ({"without": "deployment"}, "missing: there is no verdict `deployment`."),
        ({"refusing": "model-comparison"}, "failed: `model-comparison`: mae rose by 0.2."),
        ({"digest": "sha-1"}, "missing: it was never judged. 4 verdicts are of another content."),
        ({"against": 3}, "stale: `model-comparison` was given when the champion was version 3, and it is version 1"),
        ({"against": None}, "stale: `deployment` was given when the champion was none, and it is version 1"),
    ],
)
def test_missing_failed_stale_or_strange_evidence_keeps_a_version_from_promotion(
    registry: Registry, store: MetadataStore, judging: dict[str, Any] | None, told: str
) -> None:
    judged(store, 1)
    registry.promote("tips", "1", "first")
    if judging is not None:
        judged(store, 2, **{"against": 1, **judging})
    for alias in ("champion", "challenger"):
        with pytest.raises(NotProven) as refused:
            registry.promote("tips", "2", "I am sure", to=alias)
        assert told in refused.value.message
        assert refused.value.hint
    assert registry.models()[0].aliases == {"champion": 1}


def test_what_was_judged_last_counts_and_verdicts_of_two_judgings_are_not_mixed(
    registry: Registry, store: MetadataStore
) -> None:
    judged(store, 1, refusing="model-comparison", judging="first")
    assert registry.evidence(registry.get("tips", "1")).problems
    judged(store, 1, judging="second")
    assert not registry.evidence(registry.get("tips", "1")).problems
    judged(store, 1, without="model-comparison", judging="third")
    assert registry.evidence(registry.get("tips", "1")).problems == (
        "missing: there is no verdict `model-comparison`.",
    )


def test_a_score_on_other_data_is_no_evidence(registry: Registry, store: MetadataStore) -> None:
    score = Verdict("model-metrics", "tips 1", "pass", (), {"model_digest": "sha-1", "judges": [], "gate": GATE})
    store.add_verdict(score.to_json(), model="tips", version=1)
    with pytest.raises(NotProven, match="never judged"):
        registry.promote("tips", "1", "it did well")


@pytest.mark.row(89)
def test_there_is_no_side_door_to_the_champion(registry: Registry, store: MetadataStore) -> None:
    for alias in ("champion", "challenger", "previous"):
        with pytest.raises(UsageError, match=f"`{alias}` moves on evidence alone"):
            registry.set_alias("tips", alias, 1, "I am sure")
        with pytest.raises(UsageError, match="moves on evidence alone"):
            registry.move_aliases("tips", {"blue": 1, alias: 2}, "I am sure")
    judged(store, 1)
    registry.promote("tips", "1", "first")
    with pytest.raises(UsageError, match="moves on evidence alone"):
        registry.drop_alias("tips", "champion", "away with it")
    judged(store, 2, against=1)
    registry.promote("tips", "2", "next", to="challenger")
    registry.drop_alias("tips", "challenger", "it did not do well")
    assert registry.models()[0].aliases == {"champion": 1}


@pytest.mark.row(59)
def test_a_rollback_restores_the_previous_champion_in_one_recorded_step(
    registry: Registry, store: MetadataStore
) -> None:
    judged(store, 1)
    registry.promote("tips", "1", "first")
    judged(store, 2, against=1)
    registry.promote("tips", "2", "better")
    registry.rollback("tips", "p99 too slow")
    assert registry.models()[0].aliases == {"champion": 1}
    (move, *_) = registry.alias_history("tips", "champion")
    assert (move.version, move.replaced, move.why) == (1, 2, "p99 too slow")
    with pytest.raises(
        UsageError, match=r"no previous champion to go back to\. `champion` came to version 1 by .*too slow"
    ):
        registry.rollback("tips", "again")
    # What was rolled back was judged against the champion of now, and may come again.
    registry.promote("tips", "2", "it is fast now")
    assert registry.models()[0].aliases == {"champion": 2, "previous": 1}


def test_what_cannot_be_moved_is_told(registry: Registry, store: MetadataStore) -> None:
    judged(store, 1)
    for why in ("", "  "):
        with pytest.raises(UsageError, match="needs a reason"):
            registry.promote("tips", "1", why)
        with pytest.raises(UsageError, match="needs a reason"):
            registry.rollback("tips", why)
    with pytest.raises(UsageError, match="and not to `production`"):
        registry.promote("tips", "1", "why", to="production")
    with pytest.raises(UnknownRecord, match="no version 9"):
        registry.promote("tips", "9", "why")
    with pytest.raises(UsageError, match="no previous champion"):
        registry.rollback("tips", "why")
    registry.promote("tips", "1", "why")
    with pytest.raises(UsageError, match="is the champion already"):
        registry.promote("tips", "1", "why")


@pytest.mark.row(59)
def test_of_six_processes_that_roll_back_at_once_one_does(url: str, registry: Registry, store: MetadataStore) -> None:
    for version, against in ((1, None), (2, 1), (3, 2)):
        judged(store, version, against=against)
        registry.promote("tips", str(version), "next")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ROLLER, url],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    finally:
        answers = [process.communicate(timeout=600)[0].strip() for process in processes]
    assert sorted(answers).count("rolled back") == 1
    assert set(answers) <= {"rolled back", AliasMoved.code, UsageError.code}
    assert registry.models()[0].aliases == {"champion": 2}
    assert [move.version for move in registry.alias_history("tips", "champion")] == [2, 3, 2, 1]


@pytest.mark.row(70)
def test_of_two_promotions_at_once_the_second_stands_on_stale_evidence(
    registry: Registry, store: MetadataStore
) -> None:
    judged(store, 1)
    registry.promote("tips", "1", "first")
    judged(store, 2, against=1)
    judged(store, 3, against=1)
    ended: list[str] = []
    together = threading.Barrier(2)

    def promote(version: str) -> None:
        together.wait()
        try:
            registry.promote("tips", version, "mine")
            ended.append("promoted")
        except MlopsNbError as error:
            ended.append(error.code)

    threads = [threading.Thread(target=promote, args=(version,)) for version in ("2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended.count("promoted") == 1
    assert set(ended) <= {"promoted", AliasMoved.code, NotProven.code}
    assert registry.models()[0].aliases["previous"] == 1
