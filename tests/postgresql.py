"""A real PostgreSQL server for tests: in a temporary folder, on a free port, gone when they are done."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

PASSWORD = "correct horse"  # noqa: S105 - of a server that lives as long as the tests
_USER = "ada"
_PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *Path("/opt/homebrew/opt").glob("p*/bin"))
_WAIT_S = "60"


class NoServerError(Exception):
    """This machine has no PostgreSQL server."""


class Server:
    """A server that listens on this machine alone and wants a password.

    Raises
    ------
    NoServerError
        When PostgreSQL is not installed.
    """

    def __init__(self) -> None:
        path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, _PLACES)])
        found = {name: shutil.which(name, path=path) for name in ("initdb", "pg_ctl")}
        if missing := [name for name, place in found.items() if place is None]:
            message = f"PostgreSQL's `{missing[0]}` is not on this machine (on Debian: apt-get install postgresql)"
            raise NoServerError(message)
        # Where it really is: the other programs lie beside it.
        self._bin = Path(str(found["initdb"])).resolve().parent
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        # It refuses to run as root.
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        (self._folder / "password").write_text(PASSWORD, encoding="utf-8")
        # Nobody needs the data after a crash of the machine.
        self._call(
            *("initdb", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
            *(f"--username={_USER}", f"--pwfile={self._folder / 'password'}", str(self._folder / "data")),
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "max_connections": 200,
        }
        given = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._call("pg_ctl", "start", "--wait", f"--timeout={_WAIT_S}", f"--options={given}", *self._place)

    def stop(self) -> None:
        """Stop the server; whoever is connected is thrown out."""
        self._call("pg_ctl", "stop", "--mode=immediate", "--wait", f"--timeout={_WAIT_S}", *self._place)

    def remove(self) -> None:
        """Stop the server for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Return the URL of a database of this server."""
        return f"postgresql://{_USER}:{password.replace(' ', '%20')}@127.0.0.1:{self._port}/{database}"

    def execute(self, statement: str) -> list[Any]:
        """Execute a statement as the server's administrator, and return its rows."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def throw_out(self, url: str) -> int:
        """End all connections to a database, and return how many there were."""
        name = url.rpartition("/")[2]
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
        return len(self.execute(ended))

    @property
    def _place(self) -> tuple[str, ...]:
        return (f"--pgdata={self._folder / 'data'}", f"--log={self._folder / 'log'}")

    def _call(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        # Not a pipe: the server keeps its end of it open.
        with (self._folder / f"{program}.out").open("w") as out:
            done = subprocess.run(
                command, cwd=self._folder, stdout=out, stderr=subprocess.STDOUT, check=False, **self._as
            )
        said = (self._folder / f"{program}.out").read_text(encoding="utf-8")
        assert done.returncode == 0, f"{program} ended with {done.returncode}: {said}"
