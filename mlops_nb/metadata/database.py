"""The connection to a store: opened, brought to the newest revision, read and written in transactions."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError, OperationalError

from mlops_nb.metadata.engines import check_unchanged, connect, location, refusal
from mlops_nb.metadata.liveness import this_process
from mlops_nb.metadata.revisions import ensure_newest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sqlalchemy import Connection, Engine, Insert, Table

    from mlops_nb.metadata.records import Who

# A server that is started anew is back within seconds, and a run of hours need not end for that.
_PATIENCE_S = 10.0
_AGAIN_S = 0.2


class Database:
    """An open store. Threads may share it; a forked process opens its own.

    Parameters
    ----------
    engine
        A connected engine of `engines.connect`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(mlops_nb_write=True)
        # What several SELECTs of one question see belongs together; SQLite's transactions are so anyway.
        self._served = engine.dialect.name != "sqlite"
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ") if self._served else engine
        self._lost_at: float | None = None
        self._here = threading.local()
        self._who = this_process()

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at a URL, made or migrated first where needed.

        Parameters
        ----------
        url
            `sqlite:///PATH` (kept in WAL mode, its folder made if missing) or `postgresql://…`.

        Raises
        ------
        StoreFromNewerVersion
            When a newer version of mlops_nb wrote it. Nothing is changed.
        StoreUnusable
            When the URL names no database, another program's database, or a place that cannot be written.
        """
        engine = connect(url)
        try:
            ensure_newest(engine)
        except DBAPIError as failure:
            engine.dispose()
            raise refusal(failure, engine.url) from failure
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Let go of the database. Closing twice is harmless."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return the open store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()

    @property
    def where(self) -> str:
        """The store's file, or its URL without the password."""
        return location(self._engine.url)

    @property
    def who(self) -> Who:
        """The process that writes."""
        if self._who.pid != os.getpid():
            self._who = this_process()
        return self._who

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that this thread writes within the block one transaction: it is all recorded, or none of it."""
        with self._write():
            yield

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        outer: Connection | None = getattr(self._here, "connection", None)
        if outer is not None:
            yield outer
            return
        with self._refusals(), self._connect(self._writer) as connection, connection.begin():
            self._here.connection = connection
            try:
                yield connection
            finally:
                self._here.connection = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        outer: Connection | None = getattr(self._here, "connection", None)
        if outer is not None:
            yield outer
            return
        with self._refusals(), self._connect(self._reader) as connection:
            yield connection
            check_unchanged(connection)

    def _connect(self, engine: Engine) -> Connection:
        """Return a connection. A server that went away after the store was opened is waited for, once for a while."""
        while True:
            try:
                connection = engine.connect()
            except OperationalError:
                now = time.monotonic()
                self._lost_at = now if self._lost_at is None else self._lost_at
                if not self._served or now - self._lost_at > _PATIENCE_S:
                    raise
                time.sleep(_AGAIN_S)
            else:
                self._lost_at = None
                return connection

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as failure:
            raise refusal(failure, self._engine.url) from failure


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def insert_new(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that leaves a row alone that is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite_insert(table).on_conflict_do_nothing()
    # The dialect takes 0.1 s to import and is not for those who use SQLite.
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return postgresql_insert(table).on_conflict_do_nothing()
