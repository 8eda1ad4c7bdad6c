"""A store of every released revision, with rows in every table, becomes one of today, in each database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import MetaData, Table, insert, inspect, select, text

from mlops_nb.metadata import MetadataStore, Origin, PipelineVersion, RunStart, StoreFailed, StoreFromNewerVersion
from mlops_nb.metadata.engines import connect
from mlops_nb.metadata.revisions import upgrade
from mlops_nb.metadata.tables import HEAD, REVISION_TABLE, REVISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Engine

# As the first release kept them: times in microseconds, JSON as text.
_STEP = {"run": "old", "pipeline": "taxi", "attempt": 1, "version": "v", "notebook": "old.ipynb", "reason": ""}
_DONE = {"status": "succeeded", "started": 1_000_001, "finished": 3_000_001, "seconds": 2.0}
_NOTHING = {"key_components": "{}", "outcome": "{}"}
ROWS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "pipeline_version": ({"name": "taxi", "hash": "v1", "dag": '{"edges":[["load","train"]]}', "created": 0},),
    "environment": ({"hash": "e1", "content": '{"python":"3.11.7"}'},),
    "run": (
        {
            "id": "old",
            "pipeline": "taxi",
            "version": "v1",
            "notebook": "taxi.ipynb",
            "status": "succeeded",
            "started": 1_000_001,
            "finished": 9_000_001,
            "executor": "local",
            "environment": "e1",
            "who_user": "ada",
            "who_host": "h",
            "who_pid": 1,
            "who_process": "",
            "origin_kind": "cli",
            "origin_detail": "",
            "git_commit": "c0ffee",
            "git_dirty": True,
            "git_diff_hash": "d",
            "why": "",
            "reason": "",
        },
    ),
    "step_run": (
        {**_STEP, **_DONE, "step": "load", "position": 0, "key": "k1", "key_components": '{"a":1}', "outcome": "{}"},
        {**_STEP, **_DONE, **_NOTHING, "step": "train", "position": 1, "key": "k2", "error": None},
    ),
    "execution_event": ({"run": "old", "step": None, "status": "succeeded", "at": 9_000_001, "who": "ada", "why": ""},),
    "parameter": (
        {"run": "old", "step": None, "name": "alpha", "type": "float", "value": '{"$float":"nan"}'}
        | {"source": "default", "secret": False},
    ),
    "scrap": ({"step_run": 2, "name": "mae", "value": "1.5", "kind": "json"},),
    "metric": ({"step_run": 2, "pipeline": "taxi", "name": "mae", "value": 1.5},),
    "artifact": (
        {"hash": "a1", "kind": "model", "uri": "file:m", "bytes": 5} | {"media_type": "", "rows": None, "created": 2},
    ),
    "event": ({"run": "old", "step_run": 2, "artifact": "a1", "direction": "output", "name": "tips", "at": 2},),
    "model": ({"name": "tips", "created": 2},),
    "model_version": (
        {"model": "tips", "version": 1, "digest": "a1", "artifact": "a1", "format": "skops", "metrics": "{}"}
        | {"signature": "{}", "sample_input": None, "environment": "e1", "run": "old", "step": "train"}
        | {"created": 2, "who": "ada"},
    ),
    "model_reproduction": (
        {"model": "tips", "version": 1, "run": "old", "step": "load", "metrics": "{}", "at": 3, "who": "ada"},
    ),
    "alias_move": (
        {"model": "tips", "alias": "champion", "version": 1, "replaced": None} | {"at": 4, "who": "a", "why": "b"},
    ),
}


def make_old_store(url: str, revision: str) -> None:
    engine = connect(url)
    upgrade(engine, revision)
    tables = tables_of(engine)
    # What came later than the first release is not in this list, and need not be: it has tests of its own.
    assert set(ROWS) <= set(tables)
    with engine.begin() as connection:
        for name, rows in ROWS.items():
            for row in rows:
                connection.execute(insert(tables[name]), row)
    engine.dispose()


def tables_of(engine: Engine) -> dict[str, Table]:
    found = MetaData()
    found.reflect(engine)
    return dict(found.tables)


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the tables that a first release had, with the columns it had."""
    tables = tables_of(engine)
    with engine.connect() as connection:
        return {
            name: [
                {key: value for key, value in row._mapping.items() if key in rows[0]}
                for row in connection.execute(select(tables[name]))
            ]
            for name, rows in ROWS.items()
        }


def flat(given: Any) -> Iterator[Any]:
    """Yield what is in nested dictionaries, with the names."""
    if not isinstance(given, dict):
        yield given
        return
    for name, item in given.items():
        yield name
        yield from flat(item)


def schema(url: str) -> dict[str, Any]:
    """Return all that the database knows of its tables, without the order in which a table's columns came."""
    engine = connect(url)
    with engine.connect() as connection:
        seen = inspect(connection)
        told = {
            name: {
                "columns": sorted(repr({**column, "type": str(column["type"])}) for column in seen.get_columns(name)),
                "key": seen.get_pk_constraint(name),
                "foreign": sorted(map(repr, seen.get_foreign_keys(name))),
                "unique": sorted(map(repr, seen.get_unique_constraints(name))),
                "indexes": sorted(repr(list(map(str, flat(index)))) for index in seen.get_indexes(name)),
            }
            for name in seen.get_table_names()
        }
        triggers = (
            "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
            if engine.dialect.name == "sqlite"
            else "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
            "UNION SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'mlops%'"
        )
        told["triggers"] = {name: " ".join(sql.split()) for name, sql in connection.execute(text(triggers))}
    engine.dispose()
    return told


def test_a_new_store_is_what_all_revisions_make(url: str, request: pytest.FixtureRequest) -> None:
    MetadataStore.open(url).close()
    server = request.getfixturevalue("postgresql") if url.startswith("postgresql") else None
    other = server.new_database() if server is not None else f"{url}.migrated"
    for revision in REVISIONS:
        # One by one, each from the one before.
        engine = connect(other)
        upgrade(engine, revision)
        engine.dispose()
    made = schema(url)
    assert made == schema(other)
    assert len(made["triggers"]) >= 26


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_store_of_every_revision_is_migrated_and_keeps_all_its_rows(url: str, revision: str) -> None:
    make_old_store(url, revision)
    engine = connect(url)
    before = contents(engine)
    engine.dispose()
    assert all(before.values())

    with MetadataStore.open(url) as store:
        assert contents(store._engine) == before
        record = store.run("old")
        assert (record.run.who.user, record.run.started.microsecond, record.run.git and record.run.git.dirty) == (
            *("ada", 1),
            True,
        )
        assert [(step.step, step.status, step.seconds) for step in record.steps] == [
            ("load", "succeeded", 2.0),
            ("train", "succeeded", 2.0),
        ]
        assert record.steps[0].key_components == {"a": 1}
        assert [(scrap.step, scrap.name, scrap.value) for scrap in record.scraps] == [("train", "mae", 1.5)]
        assert str(record.parameters[0].value) == "nan"
        assert [link.artifact.hash for link in record.artifacts] == ["a1"]
        assert [change.status for change in record.history] == ["succeeded"]
        assert record.environment == {"python": "3.11.7"}
        assert store.best_run("taxi", "mae", "min").run.id == "old"
        assert store.aliases("tips") == {"champion": 1}
        assert store.model_versions("tips")[0].run == "old"
        assert [again.step for again in store.reproductions("tips", 1)] == ["load"]
        with store._engine.connect() as connection:
            assert connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar_one() == HEAD  # noqa: S608

        # And it takes new facts, while the old ones stay.
        store.start_run(RunStart("new", PipelineVersion("taxi", "v2"), "taxi.ipynb", Origin("cli"), ()))
        store.finish_run("new", "succeeded")
        assert [run.id for run in store.runs()] == ["new", "old"]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migrated_store_refuses_to_change_its_old_facts(url: str, revision: str) -> None:
    make_old_store(url, revision)

    with MetadataStore.open(url) as store:
        for table in set(ROWS) - {"run", "step_run"}:
            for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {next(iter(ROWS[table][0]))} = NULL"):  # noqa: S608
                with pytest.raises(StoreFailed, match="are facts and never change"), store._write() as connection:
                    connection.execute(text(statement))


def test_a_store_from_a_newer_version_is_refused_and_not_touched(url: str) -> None:
    make_old_store(url, HEAD)
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '0999'"))  # noqa: S608
    before = json.dumps(contents(engine), default=str)

    with pytest.raises(StoreFromNewerVersion, match=f"revision `0999`, this version knows revisions up to `{HEAD}`"):
        MetadataStore.open(url)

    assert json.dumps(contents(engine), default=str) == before
    engine.dispose()
