from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from mlops_nb.metadata import AliasMoved, Artifact, Candidate, MetadataStore, StoreFailed, UnknownRecord
from mlops_nb.validation import Finding, Verdict, gravest

if TYPE_CHECKING:
    from tests.metadata.conftest import StartRun

JUDGED = Verdict(
    "model-metrics",
    "tips 1",
    "refuse",
    (Finding("WORSE_THAN_CHAMPION", "mae", "mae rose by 0.2 dollars.", details={"change": 0.2, "nan": float("nan")}),),
    {"test": "ab" * 32},
)


def with_versions(store: MetadataStore, count: int) -> None:
    for number in range(count):
        store.record_artifact(Artifact(f"a{number}", "model", "file:m", 5))
        store.add_model_version("tips", Candidate(f"a{number}"))


def test_a_verdict_of_a_step_and_of_a_version_is_read_back_whole(store: MetadataStore, start_run: StartRun) -> None:
    start_run("r1", "load train")
    with_versions(store, 2)
    first = store.add_verdict(JUDGED.to_json(), run="r1", step="train")
    second = store.add_verdict(Verdict("leak", "tips 2", "pass").to_json(), run="r1", model="tips", version=2)
    assert [(v.id, v.step, v.judge, v.decision) for v in store.verdicts(run="r1")] == [
        (first, "train", "model-metrics", "refuse"),
        (second, None, "leak", "pass"),
    ]
    back = Verdict.from_json(store.verdicts(run="r1")[0].content)
    assert (back.judge, back.subject, back.decision) == ("model-metrics", "tips 1", "refuse")
    assert repr(back.findings) == repr(JUDGED.findings)
    assert [v.subject for v in store.verdicts(model="tips", version=2)] == ["tips 2"]
    assert store.verdicts(model="tips", version=1) == ()


def test_a_verdict_of_what_is_not_there_is_refused(store: MetadataStore) -> None:
    with pytest.raises(UnknownRecord, match="no run `r9`"):
        store.add_verdict(JUDGED.to_json(), run="r9")
    with pytest.raises(UnknownRecord, match="Model `tips` has no version 3"):
        store.add_verdict(JUDGED.to_json(), model="tips", version=3)
    assert store.verdicts() == ()


def test_verdicts_never_change(store: MetadataStore) -> None:
    store.add_verdict(JUDGED.to_json())
    for statement in ("DELETE FROM verdict", "UPDATE verdict SET decision = 'pass'"):
        with pytest.raises(StoreFailed, match="are facts and never change"), store._write() as connection:
            connection.execute(text(statement))


def test_an_alias_moves_on_verdicts_and_only_from_where_it_was_seen(store: MetadataStore) -> None:
    with_versions(store, 3)
    verdict = store.add_verdict(Verdict("leak", "tips 1", "pass").to_json(), model="tips", version=1)
    store.move_aliases("tips", {"champion": 1}, "first", verdicts=[verdict], expected={"champion": None})
    with pytest.raises(AliasMoved, match="points to version 1 now, and no longer to version 2"):
        store.move_aliases("tips", {"champion": 3, "previous": 2}, "late", expected={"champion": 2})
    assert store.aliases("tips") == {"champion": 1}
    assert [move.verdicts for move in store.alias_moves("tips")] == [(verdict,)]


def test_the_gravest_of_several_decisions_counts() -> None:
    def deciding(*decisions: str) -> str:
        return gravest(Verdict("a", "b", decision) for decision in decisions)  # type: ignore[arg-type]

    assert deciding() == "pass"
    assert deciding("pass", "retrain") == "retrain"
    assert deciding("stop", "retrain", "refuse") == "stop"


def test_the_data_that_a_version_was_judged_on_is_kept_with_it(store: MetadataStore) -> None:
    with_versions(store, 2)
    for data in ("d1", "d2", "d1"):
        store.add_verdict(
            Verdict("model-metrics", "tips 2", "pass", (), {"data": data}).to_json(), model="tips", version=2
        )
    store.add_verdict(Verdict("leak", "tips 2", "pass").to_json(), model="tips", version=2)
    first, second = store.kept_models()
    assert dict(first.artifacts) == {"model": "a0"}
    assert dict(second.artifacts) == {"model": "a1", "evaluation data": "d1", "evaluation data 2": "d2"}
