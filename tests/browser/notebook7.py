"""A Notebook 7 of the tests' own. Ploomber wants Notebook 6, so it has an environment beside the one that is tested."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import secrets
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import Lab, _await, _end, _free_port
from tests.cli.command import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_WANTED = "notebook>=7,<8"


def notebook7_python() -> Path:
    """Return the Python of an environment with Notebook 7, made once for a user and an environment that is tested.

    The test is skipped where it cannot be made: without a package index, for example.
    """
    # The person's own folder, not the one that the tests call home, which is new each time.
    cache = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "mlops_nb-tests"
    cache.mkdir(parents=True, exist_ok=True)
    tested = sysconfig.get_path("purelib")
    folder = cache / f"notebook7-{hashlib.sha256(f'{sys.version} {tested}'.encode()).hexdigest()[:12]}"
    python, ready = folder / "bin" / "python", folder / "ready"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            for command in (
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _WANTED],
            ):
                made = subprocess.run(command, capture_output=True, text=True, check=False)
                if made.returncode:
                    pytest.skip(f"An environment with Notebook 7 cannot be made here: {made.stderr.strip()[-300:]}")
            # What mlops_nb itself needs comes from the environment that is tested, after what Notebook 7 brings.
            site = next((folder / "lib").glob("python*")) / "site-packages"
            (site / "tested.pth").write_text(tested, encoding="utf-8")
            ready.touch()
    return python


@contextmanager
def start_notebook7(root: Path) -> Iterator[Lab]:
    """Run a Notebook 7 over a folder, with the extension that is installed in the environment under test."""
    python = notebook7_python()
    beside = root / ".lab"
    beside.mkdir(exist_ok=True)
    token, port = secrets.token_hex(16), _free_port()
    here = Path(sysconfig.get_path("data"))
    options = [
        *(f"--port={port}", "--ServerApp.port_retries=0", "--no-browser", "--allow-root"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"),
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    found = environment(
        JUPYTER_PATH=str(here / "share" / "jupyter"),
        JUPYTER_CONFIG_PATH=str(here / "etc" / "jupyter"),
        JUPYTER_CONFIG_DIR=str(beside / "config"),
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    log = beside / "notebook7.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [str(python), "-m", "notebook", *options],
            env=found,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _await(process, port, token, log)
        yield Lab(f"http://127.0.0.1:{port}", token, root)
    finally:
        _end(process)
