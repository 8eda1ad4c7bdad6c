"""From a URL to an engine, and from a driver's error to a sentence a person can act on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from mlops_nb.metadata.errors import StoreFailed, StoreUnusable

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

    from mlops_nb.errors import MlopsNbError

_BUSY_TIMEOUT_S = 30
_AS_OPENED = "as opened"
_WRITTEN = "the file that was written"
# libpq waits for ever for a host that does not answer, and for quarters of an hour for one that fell silent.
_SERVER = {
    "application_name": "mlops_nb",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_EXAMPLE = "A store's URL looks like `sqlite:///.mlops_nb/metadata.db` or `postgresql://user@host/database`."


def connect(url: str) -> Engine:
    """Return an engine for a store's URL; nothing is read or written yet, but SQLite's folder is made.

    Raises
    ------
    StoreUnusable
        When the URL is none, names a database we do not support, or its driver or folder is missing.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as failure:
        # The URL is not quoted: what cannot be parsed may hold a password.
        message = "The metadata store's URL (MLOPS_NB_METADATA, `metadata` in pyproject.toml) is not a database URL."
        raise StoreUnusable(message, hint=_EXAMPLE) from failure
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed)
    if backend != "postgresql":
        message = f"The metadata store {location(parsed)} would be a `{backend}` database, which is not supported."
        raise StoreUnusable(message, hint=_EXAMPLE)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        given = {name: value for name, value in _SERVER.items() if name not in parsed.query}
        return create_engine(parsed, pool_pre_ping=True, connect_args=given)
    except (ImportError, NoSuchModuleError) as failure:
        message = f"The metadata store {location(parsed)} needs a PostgreSQL driver that is not installed."
        raise StoreUnusable(message, hint="Install it: `pip install 'mlops_nb[postgresql]'`.") from failure


def location(url: URL) -> str:
    """Name a store in a message: its file, or its URL without the password."""
    if url.get_backend_name() == "sqlite" and url.database:
        return str(Path(url.database).absolute())
    # Which driver we use is our affair.
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def refusal(failure: DBAPIError, url: URL) -> MlopsNbError:
    """Turn a driver's error into one of ours that names the store and what to do."""
    where = location(url)
    cause = str(failure.orig).strip().partition("\n")[0]
    if isinstance(failure, IntegrityError):
        return StoreFailed(f"The metadata store {where} refused a record: {cause}.")
    match getattr(failure.orig, "sqlite_errorname", "").split("_")[:2]:
        case ["SQLITE", "NOTADB"]:
            return StoreUnusable(
                f"{where} is not an SQLite database.",
                hint="Name another file for the metadata store, or move this one away.",
            )
        case ["SQLITE", "CANTOPEN" | "READONLY" | "PERM" | "AUTH"]:
            return _unreachable(Path(where), cause)
        case ["SQLITE", "BUSY" | "LOCKED"]:
            return StoreFailed(
                f"The metadata store {where} was locked by another process for more than {_BUSY_TIMEOUT_S} s.",
                hint="Find the process that keeps it open for writing (a database browser?) and close it.",
            )
        case ["SQLITE", "FULL" | "IOERR"]:
            return StoreFailed(
                f"The metadata store {where} cannot be written: {cause}.",
                hint="Free space on its disk, then go on: mlops-nb resume last",
            )
        case ["SQLITE", "CORRUPT"]:
            return StoreUnusable(
                f"The metadata store {where} is damaged: {cause}.",
                hint="Restore it from a backup, or save what is left with `sqlite3 FILE .recover`.",
            )
        case _ if url.get_backend_name() == "sqlite":
            return StoreFailed(f"The metadata store {where} failed: {cause}.")
        case _:
            return _of_server(where, str(failure.orig), cause.removeprefix("connection failed: ").rstrip("."))


def _of_server(where: str, said: str, cause: str) -> MlopsNbError:
    # What a server refuses before a session begins comes as text without a code.
    if "authentication failed" in said or "no password supplied" in said:
        return StoreUnusable(
            f"The metadata store {where} does not take this user and password.",
            hint="Correct them in MLOPS_NB_METADATA or PGPASSWORD, or in ~/.pgpass, where libpq looks too.",
        )
    if "database" in said and "does not exist" in said:
        return StoreUnusable(
            f"The server of the metadata store {where} has no such database.",
            hint="Make it (`createdb NAME`), or correct the URL.",
        )
    return StoreFailed(
        f"The metadata store {where} failed: {cause}.",
        hint="Check that the server runs and can be reached, and run again: what is recorded stays, and what is done "
        "is not done again.",
    )


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        message = "A metadata store needs a file, so that other processes can read it."
        raise StoreUnusable(message, hint=_EXAMPLE)
    file = Path(url.database).absolute()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        message = f"The folder {file.parent} of the metadata store cannot be made: {failure.strerror}."
        raise StoreUnusable(message, hint="Name a folder that you may write to.") from failure
    # A relative path is fixed here: a notebook may change the working directory later.
    url = url.set(database=str(file))
    if file.is_file() and not _writable(file.parent):
        # No connection is kept: each looks at the file as it is by then.
        engine = create_engine(url, creator=lambda: _read_only(file), poolclass=NullPool)
        event.listen(engine, "connect", lambda _, record: record.info.update({_AS_OPENED: _state(file)}))
    else:
        engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _read_only(file: Path) -> sqlite3.Connection:
    """Open a file whose folder takes no new files, so that SQLite cannot put its log and shared memory beside it.

    Where a writer has put them there, they say what is going on; where not, nobody writes now.
    """
    mode = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{file.as_uri()}?{mode}", uri=True, timeout=_BUSY_TIMEOUT_S)


def check_unchanged(connection: Connection) -> None:
    """Refuse what was read from a file that nobody seemed to write, and somebody did.

    Raises
    ------
    StoreFailed
        When the file has changed since the connection was opened.
    """
    opened = connection.info.get(_AS_OPENED)
    file = Path(location(connection.engine.url))
    if opened is not None and _state(file) != opened:
        message = f"The metadata store {file} was written while it was read."
        raise StoreFailed(message, hint="Try again.")


def _state(file: Path) -> tuple[int, int] | None:
    """Return what changes when the file itself is written; None while a writer's log stands beside it."""
    if file.with_name(f"{file.name}-wal").exists():
        return None
    found = file.stat()
    return found.st_mtime_ns, found.st_size


def _configure(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, too late and never IMMEDIATE.
    connection.isolation_level = None
    # WAL with synchronous=NORMAL loses nothing when a process dies; when the power fails, the file stays whole and
    # at most the last moments are missing. FULL costs an fsync a step.
    connection.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and wants to write later is refused at once when another writer came between;
    # one that says so at its start waits its turn.
    if not connection.get_execution_options().get("mlops_nb_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    file = Path(location(connection.engine.url))
    written = connection.info.get(_WRITTEN)
    if written is not None and _identity(file) != written:
        # SQLite would go on writing to the file that has no name any more, and all of it would be lost.
        raise _unreachable(file, "another file stands there by now" if file.exists() else "no file stands there")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.info[_WRITTEN] = written or _identity(file)


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unreachable(file: Path, cause: str) -> StoreUnusable:
    if not file.exists() and _writable(file.parent):
        fact = f"The metadata store {file} is gone: it was removed or moved while it was open ({cause})."
        return StoreUnusable(fact, hint="Put it back, or run the notebook again: mlops-nb run NOTEBOOK")
    if file.is_dir():
        fact = f"{file} is a folder, not a metadata store."
    elif not _writable(file.parent):
        fact = f"The folder {file.parent} of the metadata store {file.name} cannot be written."
    elif file.exists() and not _writable(file):
        fact = f"The metadata store {file} cannot be written."
    else:
        fact = f"The metadata store {file} cannot be opened: {cause}."
    return StoreUnusable(fact, hint="Name a place that you may write to, or change its permissions.")


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
