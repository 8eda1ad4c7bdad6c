"""Runs are searched by what they measured and were given: on SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from mlops_nb.metadata import (
    GitState,
    MetadataStore,
    Origin,
    Parameter,
    PipelineVersion,
    PlannedStep,
    RunStart,
    Scrap,
    StepEnd,
    StoreFailed,
    UnknownRecord,
    Who,
)
from mlops_nb.metadata.engines import connect
from mlops_nb.metadata.revisions import upgrade
from mlops_nb.metadata.search import better
from mlops_nb.metadata.tables import REVISION_TABLE, metadata
from mlops_nb.metadata.where import WhereError, names_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ODD = 'a "quoted" 50% \\ café\n\U0001f600'


def record(  # noqa: PLR0913 - what runs differ in
    store: MetadataStore,
    name: str,
    metrics: dict[str, Any],
    *,
    parameters: dict[str, Any] | None = None,
    status: Any = "succeeded",
    pipeline: str = "taxi",
    day: int = 0,
    why: str = "",
) -> None:
    started = NOON + timedelta(days=day)
    store.start_run(
        RunStart(
            name,
            PipelineVersion(pipeline, "v1"),
            "taxi.ipynb",
            Origin("cli"),
            (PlannedStep("train", "t"),),
            tuple(Parameter(key, "any", value) for key, value in (parameters or {}).items()),
            git=GitState("abcdef0123456789"),
            why=why,
            who=Who("ada", "engine", 1),
            started=started,
        )
    )
    store.start_step(name, "train")
    store.finish_step(
        name, "train", StepEnd("succeeded", scraps=tuple(Scrap(key, value) for key, value in metrics.items()))
    )
    store.finish_run(name, status, at=started + timedelta(seconds=10 * (day + 1)))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetadataStore]:
    """Return a store of four runs, in each database; tests only read it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('searched') / 'metadata.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    with MetadataStore.open(url) as store:
        fill(store)
        yield store


def fill(store: MetadataStore) -> None:
    record(store, "a", {"rmse": 2.0, "scores": {"test": 0.5}}, parameters={"model": "hgb", "depth": 3}, why="first")
    record(store, "b", {"rmse": 1.0}, parameters={"model": "ridge", "depth": 10, "deep": True}, day=1)
    record(store, "c", {"rmse": 3.0, "odd name": 1}, parameters={"model": None, "depth": 2.5}, day=2, status="failed")
    record(store, "d", {"mae": 0.5}, parameters={"model": "HGB", "note": ODD}, day=3, pipeline="tips")


@pytest.mark.row(4)
@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("rmse < 2.5", "ba"),
        ("rmse <= 2 and params.model = 'hgb' and status = 'succeeded'", "a"),
        ("metrics.rmse == 1", "b"),
        ("scores.test > .4", "a"),
        ("`odd name` = 1", "c"),
        ("rmse > 2.5 or mae < 1", "dc"),
        ("rmse > 2.5 or rmse < 1.5 and params.model = 'ridge'", "cb"),
        ("(rmse > 2.5 or rmse < 1.5) and params.model = 'ridge'", "b"),
        # What is not there meets no comparison, and meets the contrary of every one.
        ("not rmse < 2.5", "dc"),
        ("rmse != 2", "cb"),
        ("rmse = null", "d"),
        ("rmse is not null", "cba"),
        ("params.model in ('hgb', \"ridge\")", "ba"),
        ("params.model not in ('hgb', 'ridge')", "dc"),
        ("params.model != 'hgb'", "dcb"),
        ("params.model = null", "c"),
        ("params.model like 'h_b'", "da"),
        ("params.model contains 'DG'", "b"),
        ("params.depth > 2.6", "ba"),
        ("params.depth = 10", "b"),
        ("params.depth = '10'", ""),
        ("params.deep = true", "b"),
        ("params.note contains '50%'", "d"),
        ("params.note contains 'é\n'", "d"),
        ("params.note contains 'n\U0001f600'", ""),
        ("params.note contains '\\\\ caf'", "d"),
        ("params.note = '" + ODD.replace("\\", "\\\\") + "'", "d"),
        ("run.pipeline = 'tips'", "d"),
        ("STATUS != 'failed' AND pipeline contains 'AX'", ""),
        ("status != 'failed' AND pipeline contains 'AX'", "ba"),
        ("started >= '2026-11-21' and started <= '2026-11-22'", "cb"),
        ("started = '2026-11-20'", "a"),
        ("started > '2026-11-22T12:00' and user = 'ada'", "d"),
        ("started = '2026-11-20T13:00:00+01:00'", "a"),
        ("seconds >= 30", "dc"),
        ("commit = 'abcd' and origin = 'cli' and why = 'first'", "a"),
        ("commit = 'b' or why != ''", "a"),
        ("id in ('a', 'z')", "a"),
    ],
)
def test_a_search_finds_the_runs_that_meet_it(searched: MetadataStore, where: str, found: str) -> None:
    if where.startswith("STATUS"):
        with pytest.raises(WhereError, match="No run has a metric `STATUS`"):
            searched.find_runs(where)
        return
    assert "".join(item.run.id for item in searched.find_runs(where)) == found


def test_what_the_search_names_comes_with_each_run(searched: MetadataStore) -> None:
    found = searched.find_runs("params.model != null and rmse > 0 and status = 'succeeded'")

    assert [(item.run.id, dict(item.values)) for item in found] == [
        ("b", {"params.model": "ridge", "rmse": 1.0}),
        ("a", {"params.model": "hgb", "rmse": 2.0}),
    ]
    assert [item.run.id for item in searched.find_runs(limit=2, offset=1)] == ["c", "b"]
    assert [item.run.id for item in searched.find_runs(pipeline="taxi", status="failed")] == ["c"]


@pytest.mark.row(4)
def test_the_best_comes_first(searched: MetadataStore) -> None:
    assert [(item.run.id, item.values["rmse"]) for item in searched.find_runs(by="rmse")] == [
        ("b", 1.0),
        ("a", 2.0),
        ("c", 3.0),
    ]
    (best,) = searched.find_runs("params.depth < 4", by="metrics.rmse", direction="max", status="succeeded", limit=1)
    assert (best.run.id, dict(best.values)) == ("a", {"params.depth": 3, "rmse": 2.0})
    assert [better(name) for name in ("rmse", "log_loss", "test.MAE", "accuracy", "mean_ap")] == [
        *("min", "min", "min", "max", "max")
    ]
    with pytest.raises(UnknownRecord, match="Did you mean `rmse`"):
        searched.find_runs(by="rmsee")


def test_a_withdrawn_attempt_measured_nothing(store: MetadataStore) -> None:
    store.start_run(RunStart("a", PipelineVersion("taxi", "v"), "t.ipynb", Origin("cli"), (PlannedStep("train", "t"),)))
    store.start_step("a", "train")
    store.finish_step("a", "train", StepEnd("succeeded", scraps=(Scrap("rmse", 9.0),)))
    store.reopen_step("a", "train", "it came back different")
    store.start_step("a", "train")
    store.finish_step("a", "train", StepEnd("succeeded", scraps=(Scrap("rmse", 1.0),)))

    assert store.find_runs("rmse = 9") == ()
    assert [item.values for item in store.find_runs(by="rmse", direction="max")] == [{"rmse": 1.0}]


def test_metrics_of_a_store_from_before_they_knew_their_run_are_found(url: str) -> None:
    with MetadataStore.open(url) as store:
        record(store, "a", {"rmse": 2.0})
        with store._engine.begin() as connection:
            facts = {
                name: connection.exec_driver_sql(f"SELECT * FROM {name}").mappings().all()  # noqa: S608
                for name in ("environment", "pipeline_version", "run", "step_run", "scrap", "metric")
            }
            # Back to where revision 0003 began: only a test may.
            for table in metadata.sorted_tables[::-1]:
                connection.exec_driver_sql(f"DROP TABLE {table.name}")
            connection.exec_driver_sql(f"DROP TABLE {REVISION_TABLE}")
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("DROP FUNCTION mlops_nb_append_only")
    engine = connect(url)
    upgrade(engine, "0003")
    with engine.begin() as connection:
        for name, rows in facts.items():
            for row in rows:
                old = {key: value for key, value in row.items() if (name, key) != ("metric", "run")}
                columns = ", ".join(f'"{key}"' for key in old)
                values = ", ".join(f":{key}" for key in old)
                connection.execute(text(f"INSERT INTO {name} ({columns}) VALUES ({values})"), old)  # noqa: S608
    engine.dispose()

    with MetadataStore.open(url) as store:
        assert [(found.run.id, found.values) for found in store.find_runs("rmse < 3")] == [("a", {"rmse": 2.0})]
        assert [found.run.id for found in store.find_runs(by="rmse")] == ["a"]
        with pytest.raises(StoreFailed, match="never change"), store._write() as connection:
            connection.exec_driver_sql("UPDATE metric SET run = 'b'")


def test_a_run_whose_process_is_gone_is_found_as_died(store: MetadataStore) -> None:
    version, plan = PipelineVersion("taxi", "v"), (PlannedStep("train", "t"),)
    store.start_run(RunStart("here", version, "t.ipynb", Origin("cli"), plan))
    gone = Who(store.who.user, store.who.host, 2**22 + 1, "0")
    store.start_run(RunStart("gone", version, "t.ipynb", Origin("cli"), plan, who=gone))

    assert [item.run.id for item in store.find_runs("status = 'died'")] == ["gone"]
    assert [item.run.id for item in store.find_runs("status = 'running'")] == ["here"]
    assert [item.run.status for item in store.find_runs("status in ('died', 'failed')")] == ["died"]
    assert [item.run.id for item in store.find_runs("not status = 'died'")] == ["here"]


@pytest.mark.parametrize(
    ("where", "place", "told"),
    [
        ("rmsee < 2", 0, "Did you mean `rmse`?"),
        ("rmse < 2 and model = 'hgb'", 13, "Did you mean `params.model`?"),
        ("params.modle = 'a'", 0, "Did you mean `params.model`?"),
        ("run.stats = 'a'", 0, "Did you mean `status`?"),
        ("status = 'sucseeded'", 9, "Did you mean `succeeded`?"),
        ("rmse < 'two'", 7, "is a number"),
        ("rmse < two", 7, "Quote it: 'two'"),
        ("rmse <", 6, "Here should be a value"),
        ("rmse cntains 'a'", 5, "Did you mean `contains`?"),
        ("rmse < 2 adn mae < 1", 9, "Did you mean `and`?"),
        ("(rmse < 2", 9, "a parenthesis should be closed"),
        ("rmse < 2)", 8, "Here the search should end"),
        ("params.model = 'hgb", 15, "never closed"),
        ("rmse < 2; drop table run", 8, "means nothing here"),
        ("started > 'tuesday'", 10, "no date"),
        ("params.model < 'b'", 15, "compares numbers"),
        ("params.model like 'b\\\\'", 18, "single backslash"),
        ("why = 3", 6, "is text"),
        ("rmse contains 'a'", 14, "is a number"),
        ("rmse < null", 7, "Nothing is compared"),
        ("(" * 60 + "rmse < 2" + ")" * 60, 50, "deeper than"),
        ("rmse < 1e999", 7, "too large"),
        ("params.model = 'a\0'", 17, "no text"),
    ],
)
def test_what_cannot_be_understood_is_refused_at_its_place(
    searched: MetadataStore, where: str, place: int, told: str
) -> None:
    with pytest.raises(WhereError) as refused:
        searched.find_runs(where)
    assert told in str(refused.value)
    assert refused.value.exit_code == 2
    line, caret = refused.value.message.splitlines()[-2:]
    assert caret.strip() == "^"
    assert caret.index("^") - len("  ") == place
    assert line[2:] == where.replace("\0", "?")[:100]


def test_an_empty_store_has_no_runs_whatever_is_searched(store: MetadataStore) -> None:
    assert store.find_runs("anything > 3", by="anything") == ()
    with pytest.raises(WhereError):
        store.find_runs("anything >")


def test_values_are_bound_and_never_part_of_the_query(searched: MetadataStore) -> None:
    hostile = "x'; DELETE FROM run; --"
    for where in (f'params.model = "{hostile}"', f'why contains "{hostile}"', f'run.id = "{hostile}"'):
        assert searched.find_runs(where) == ()
    with pytest.raises(WhereError, match="No run has a metric"):
        searched.find_runs(f"`{hostile}` < 3")
    assert len(searched.runs()) == 4


_WORDS = st.sampled_from(
    [
        *"()<>=,'\"`;.%",
        "and",
        "or",
        "not",
        "in",
        "like",
        "rmse",
        "params.model",
        "status",
        "1",
        "'a'",
        "null",
        "!=",
        "\\",
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(_WORDS, max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_text_is_parsed_or_refused_with_a_place(text: str) -> None:
    try:
        found = names_of(parse(text))
    except WhereError as refused:
        found, told = (), refused.message
    else:
        told = ""
    assert found or "^" in told


def test_a_page_is_searched_over_indexes(searched: MetadataStore) -> None:
    if "sqlite" not in searched._engine.url.drivername:
        pytest.skip("a server chooses by the size of its tables")
    asked: list[tuple[Any, Any]] = []

    def listen(*given: Any) -> None:
        asked.append((given[2], given[3]))

    event.listen(searched._engine, "before_cursor_execute", listen)
    searched.find_runs("rmse < 2.1 and params.model = 'hgb' and scores.test > 0", by="rmse", status="succeeded")
    event.remove(searched._engine, "before_cursor_execute", listen)
    scans = []
    with searched._engine.connect() as connection:
        for statement, values in asked:
            if statement.startswith("SELECT"):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                scans += [row[3] for row in plan if row[3].startswith("SCAN") and "INDEX" not in row[3]]
    assert asked
    assert {scan.split()[1] for scan in scans} <= {"ranked", "(subquery-1)"}, scans
