"""The schema revision of a store: looked at whenever one is opened, and raised when it is old.

Looking costs two SELECTs; Alembic is imported only when there is something to migrate.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from mlops_nb.metadata.engines import location
from mlops_nb.metadata.errors import StoreFromNewerVersion, StoreUnusable
from mlops_nb.metadata.tables import HEAD, REVISION_TABLE, REVISIONS, metadata, run, step_run

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_WAL_WAIT_S = 30
# Any number does, as long as every version of mlops_nb takes the same.
_MIGRATION_LOCK = 0x6D6C6F70
# As Alembic makes it.
_REVISION_COLUMN = f"version_num VARCHAR(32) NOT NULL, CONSTRAINT {REVISION_TABLE}_pkc PRIMARY KEY (version_num)"


def ensure_newest(engine: Engine) -> None:
    """Bring a store to the newest revision, in one transaction; leave it alone if it is there already.

    Raises
    ------
    StoreFromNewerVersion
        When its revision is none that this version knows.
    StoreUnusable
        When the database belongs to something else.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    _use_wal(engine)
    upgrade(engine, HEAD)


def upgrade(engine: Engine, revision: str) -> None:
    """Migrate a store up to a revision, or make a new one. Several processes may try at once; one does it."""
    with engine.execution_options(mlops_nb_write=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        found = _revision(connection)
        if found is not None and REVISIONS.index(found) >= REVISIONS.index(revision):
            return
        if found is None and revision == HEAD:
            _make(connection)
            return
        # Imported here: 0.2 s that opening a store of today never pays.
        from alembic import command
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "mlops_nb.metadata:migrations")
        config.set_main_option("path_separator", "os")
        command.upgrade(config, revision)


def _make(connection: Connection) -> None:
    """Make a new store as all revisions would, without Alembic, whose import alone takes longer."""
    metadata.create_all(connection, checkfirst=False)
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(
            text(
                "CREATE FUNCTION mlops_nb_append_only() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'rows of % are facts and never change', TG_TABLE_NAME; END $$"
            )
        )
    for table in metadata.tables.values():
        if table in {run, step_run}:
            continue
        refuse = (
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table.name} are facts and never change'); END"
            if sqlite
            else "FOR EACH ROW EXECUTE FUNCTION mlops_nb_append_only()"
        )
        for act in ("UPDATE", "DELETE"):
            trigger = f"CREATE TRIGGER {table.name}_no_{act.lower()} BEFORE {act} ON {table.name} {refuse}"
            connection.execute(text(trigger))
    connection.execute(text(f"CREATE TABLE {REVISION_TABLE} ({_REVISION_COLUMN})"))
    connection.execute(text(f"INSERT INTO {REVISION_TABLE} VALUES ('{HEAD}')"))  # noqa: S608 - our own words


def _revision(connection: Connection) -> str | None:
    """Return a known revision, or None for an empty database."""
    tables = inspect(connection).get_table_names()
    if REVISION_TABLE not in tables:
        if tables:
            message = (
                f"{location(connection.engine.url)} is a database, but not a metadata store of mlops_nb: it holds the "
                f"table `{min(tables)}` and no `{REVISION_TABLE}`."
            )
            raise StoreUnusable(
                message,
                hint="Name another file, or an empty database, for the metadata store.",
            )
        return None
    found = str(connection.exec_driver_sql(f"SELECT version_num FROM {REVISION_TABLE}").scalar_one())  # noqa: S608
    if found not in REVISIONS:
        raise StoreFromNewerVersion(location(connection.engine.url), found, HEAD)
    return found


def _use_wal(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    # The switch needs the file for itself and does not wait as other statements do, so several processes that make
    # one store at the same time have to take turns here.
    give_up = time.monotonic() + _WAL_WAIT_S
    connection = engine.raw_connection()
    try:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
            except engine.dialect.loaded_dbapi.OperationalError as failure:
                busy = getattr(failure, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
                if not busy or time.monotonic() > give_up:
                    message = "PRAGMA journal_mode"
                    raise OperationalError(message, None, failure) from failure
                time.sleep(0.02)
            else:
                return
    finally:
        connection.close()
