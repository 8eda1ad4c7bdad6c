"""A store on a server: what happens when connections break, and what its errors tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_nb.metadata import MetadataStore, StoreFailed, StoreUnusable
from mlops_nb.metadata.engines import connect
from tests.postgresql import PASSWORD

if TYPE_CHECKING:
    from tests.metadata.conftest import StartRun
    from tests.postgresql import Server

pytestmark = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


def test_a_connection_that_broke_between_two_facts_is_replaced(
    store: MetadataStore, start_run: StartRun, url: str, postgresql: Server
) -> None:
    start_run("run-1")

    assert postgresql.throw_out(url) > 0
    store.start_step("run-1", "load")
    assert postgresql.throw_out(url) > 0

    assert [step.status for step in store.run("run-1").steps] == ["running", "pending"]


def test_a_connection_that_breaks_within_a_transaction_leaves_nothing_of_it(
    store: MetadataStore, start_run: StartRun, url: str, postgresql: Server
) -> None:
    start_run("run-1")

    def broken() -> None:
        with store.transaction():
            store.start_step("run-1", "load")
            postgresql.throw_out(url)
            store.finish_run("run-1", "succeeded")

    with pytest.raises(StoreFailed, match="failed: ") as failed:
        broken()

    assert PASSWORD.replace(" ", "%20") not in str(failed.value)
    record = store.run("run-1")
    assert (record.run.status, [step.status for step in record.steps]) == ("running", ["pending", "pending"])
    assert [line.status for line in record.history] == ["running"]


def test_what_one_question_reads_belongs_together(store: MetadataStore, start_run: StartRun, url: str) -> None:
    start_run("run-1")
    with MetadataStore.open(url) as other, other._read() as reading:
        before = reading.exec_driver_sql("SELECT count(*) FROM run").scalar_one()
        start_run("run-2")

        assert reading.exec_driver_sql("SELECT count(*) FROM run").scalar_one() == before


def test_two_writers_who_refer_to_what_the_other_holds_do_not_wait_for_each_other(
    store: MetadataStore, start_run: StartRun, url: str
) -> None:
    start_run("run-1")
    with MetadataStore.open(url) as other, store.transaction():
        # Holds the row of the step, and refers to the row of the run.
        store.start_step("run-1", "load")
        # Holds the row of the run.
        other.note("run-1", None, "noted")
        store.start_step("run-1", "train")

    told = [line.status for line in store.run("run-1").history]
    assert sorted(told) == ["noted", "running", "running", "running"]


def test_the_database_of_another_program_is_refused_and_not_touched(url: str, postgresql: Server) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num text)")

    with pytest.raises(StoreUnusable, match="is a database, but not a metadata store of mlops_nb"):
        MetadataStore.open(url)

    with engine.begin() as connection:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert connection.exec_driver_sql(tables).scalars().all() == ["alembic_version"]
    engine.dispose()
