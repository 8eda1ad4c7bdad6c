from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

import mlops_nb
from mlops_nb.errors import UsageError
from mlops_nb.metadata import (
    MetadataStore,
    Origin,
    PipelineVersion,
    RunStart,
    StoreFailed,
    StoreFromNewerVersion,
    StoreUnusable,
)
from mlops_nb.metadata.engines import connect
from mlops_nb.metadata.revisions import upgrade
from mlops_nb.metadata.tables import HEAD, REVISION_TABLE, REVISIONS, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.metadata.conftest import StartRun

CHECKOUT = Path(mlops_nb.__file__).parents[1]
FACTS = set(metadata.tables) - {"run", "step_run"}


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@contextmanager
def without_privileges() -> Iterator[Path]:
    """Give a folder outside of pytest's private ones and, for root, who may write anywhere, another user's rights."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    root = os.geteuid() == 0
    try:
        if root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_new_store_is_made_with_its_folder_in_wal_mode(url: str) -> None:
    MetadataStore.open(url).close()

    with closing(sqlite3.connect(file_of(url))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_relative_file_stays_where_it_was_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with MetadataStore.open("sqlite:///metadata.db") as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.runs()

        assert store.where == str(tmp_path / "metadata.db")
    assert not (tmp_path / "elsewhere/metadata.db").exists()


def test_a_new_store_has_the_tables_that_the_code_knows(url: str, store: MetadataStore) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": REVISION_TABLE, "compare_type": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_the_revisions_that_the_code_knows_are_those_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", "mlops_nb.metadata:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))
    assert scripts.get_heads() == [HEAD]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_migration_that_fails_leaves_the_store_as_it_was(url: str) -> None:
    engine = connect(url)
    upgrade(engine, REVISIONS[0])
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER scrap_no_update AFTER INSERT ON scrap BEGIN SELECT 1; END")
    engine.dispose()

    with pytest.raises(StoreFailed, match="scrap_no_update already exists"):
        MetadataStore.open(url)

    with closing(sqlite3.connect(file_of(url))) as connection:
        assert connection.execute(f"SELECT version_num FROM {REVISION_TABLE}").fetchall() == [(REVISIONS[0],)]  # noqa: S608
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall() == [
            ("scrap_no_update",)
        ]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_store_from_a_newer_version_is_named_with_both_revisions_and_not_touched(url: str) -> None:
    MetadataStore.open(url).close()
    with closing(sqlite3.connect(file_of(url))) as connection, connection:
        connection.execute(f"UPDATE {REVISION_TABLE} SET version_num = '0999'")  # noqa: S608
    before = file_of(url).read_bytes()

    with pytest.raises(StoreFromNewerVersion) as refused:
        MetadataStore.open(url)

    message = str(refused.value)
    assert str(file_of(url)) in message
    assert "`0999`" in message
    assert f"`{HEAD}`" in message
    assert "Upgrade mlops_nb" in message
    assert isinstance(refused.value, UsageError)
    assert file_of(url).read_bytes() == before


@pytest.mark.parametrize("content", [b"run,metric\n1,0.5\n" * 100, b"\x89PNG" * 1000])
def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "runs.csv"
    file.write_bytes(content)

    with pytest.raises(StoreUnusable, match=r"runs\.csv is not an SQLite database"):
        MetadataStore.open(f"sqlite:///{file}")

    assert file.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
    before = file.read_bytes()

    with pytest.raises(StoreUnusable, match="is a database, but not a metadata store"):
        MetadataStore.open(f"sqlite:///{file}")

    assert file.read_bytes() == before


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="is a folder"):
        MetadataStore.open(f"sqlite:///{tmp_path}")


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnusable, match="cannot be made"):
        MetadataStore.open(f"sqlite:///{tmp_path}/file/metadata.db")


def test_a_folder_that_takes_no_new_store_is_named() -> None:
    with without_privileges() as folder:
        folder.chmod(0o555)

        with pytest.raises(StoreUnusable) as refused:
            MetadataStore.open(f"sqlite:///{folder}/metadata.db")

        assert f"The folder {folder} of the metadata store metadata.db cannot be written" in str(refused.value)


@pytest.mark.parametrize("writes", [False, True])
def test_a_store_that_may_only_be_read_is_read(writes: bool) -> None:  # noqa: FBT001
    with without_privileges() as folder:
        url = f"sqlite:///{folder}/metadata.db"
        version = PipelineVersion("taxi", "v1", {})
        with MetadataStore.open(url) as store:
            store.start_run(RunStart("r1", version, "taxi.ipynb", Origin("cli"), ()))
        # Somebody who may write there has it open, with what is not in the file itself yet.
        with closing(sqlite3.connect(folder / "metadata.db")) as elsewhere:
            if writes:
                elsewhere.execute("UPDATE run SET why = 'told later'")
                elsewhere.commit()
            folder.chmod(0o555)

            with MetadataStore.open(url) as store:
                assert [run.why for run in store.runs()] == (["told later"] if writes else [""])
                with pytest.raises(StoreUnusable, match=f"The folder {folder} of the metadata store .* cannot be wri"):
                    store.start_run(RunStart("r2", version, "taxi.ipynb", Origin("cli"), ()))
            folder.chmod(0o755)


def test_what_is_written_while_it_is_read_without_a_trace_is_not_returned() -> None:
    with without_privileges() as folder:
        url = f"sqlite:///{folder}/metadata.db"
        MetadataStore.open(url).close()
        folder.chmod(0o555)
        with MetadataStore.open(url) as store, contextlib.ExitStack() as reading:
            reading.enter_context(store._read())
            os.utime(folder / "metadata.db")

            with pytest.raises(StoreFailed, match="was written while it was read"):
                reading.close()


def test_a_folder_that_cannot_be_made_is_named(url: str) -> None:
    with without_privileges() as folder:
        folder.chmod(0o555)

        with pytest.raises(StoreUnusable, match="cannot be made: Permission denied"):
            MetadataStore.open(f"sqlite:///{folder}/new/metadata.db")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("metadata.db", "not a database URL"),
        ("", "not a database URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://ada:secret@host/db", "`mysql` database, which is not supported"),
        ("postgresql+nothing://ada:secret@host/db", "needs a PostgreSQL driver"),
    ],
)
def test_a_url_that_names_no_store_is_refused_without_showing_a_password(url: str, message: str) -> None:
    with pytest.raises(StoreUnusable, match=message) as refused:
        MetadataStore.open(url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_store_of_today_opens_within_15_ms_and_without_alembic(url: str) -> None:
    MetadataStore.open(url).close()
    program = (
        "import sys, time\n"
        "from mlops_nb.metadata import MetadataStore\n"
        f"MetadataStore.open({url!r}).close()\n"
        "for _ in range(20):\n"
        "    start = time.perf_counter()\n"
        f"    store = MetadataStore.open({url!r})\n"
        "    print(time.perf_counter() - start)\n"
        "    store.close()\n"
        "print('alembic' in sys.modules)\n"
    )

    answer = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    *seconds, alembic = answer.stdout.split()
    assert alembic == "False"
    assert min(map(float, seconds)) < 0.015


def test_the_values_are_imported_without_sqlalchemy() -> None:
    program = "import sys; from mlops_nb.metadata import RunStart; print('sqlalchemy' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"


def test_the_database_itself_keeps_facts_from_change(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    listed = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if store._engine.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with store._engine.connect() as connection:
        guarded = connection.exec_driver_sql(listed).scalars().all()
    assert set(guarded) == {f"{table}_no_{act}" for table in FACTS for act in ("update", "delete")}

    for statement in ("UPDATE execution_event SET status = 'x'", "DELETE FROM execution_event"):
        refused = pytest.raises(DBAPIError, match="rows of execution_event are facts and never change")
        with store._engine.connect() as connection, refused:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_another_writer_is_waited_for(store: MetadataStore, start_run: StartRun) -> None:
    with closing(sqlite3.connect(store.where, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        program = (
            "from mlops_nb.metadata import MetadataStore, RunStart, PipelineVersion, Origin\n"
            f"with MetadataStore.open('sqlite:///{store.where}') as store:\n"
            "    print('open', flush=True)\n"
            "    store.start_run(RunStart('waits', PipelineVersion('p', 'v'), 'p.ipynb', Origin('api'), ()))\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE) as waiting:
            assert waiting.stdout is not None
            waiting.stdout.readline()
            time.sleep(0.3)
            assert store.runs() == ()
            other.execute("COMMIT")

    assert waiting.returncode == 0
    assert [run.id for run in store.runs()] == ["waits"]


def test_the_schema_uses_no_table_name_of_alembics_own(store: MetadataStore) -> None:
    # Another program's Alembic in the same PostgreSQL database must not meet ours.
    assert "alembic_version" not in inspect(store._engine).get_table_names()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_store_that_another_process_is_making_is_waited_for(url: str) -> None:
    file_of(url).parent.mkdir()
    with closing(sqlite3.connect(file_of(url), isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        later = threading.Timer(0.3, other.execute, ["COMMIT"])
        later.start()

        with MetadataStore.open(url) as store:
            assert store.runs() == ()
        later.join()
