"""Other versions of Jupyter than the one that is tested with, each in an environment of its own beside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.lab import Lab, serve, start_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

# Ploomber wants Notebook 6, so the environment that is tested can have no other.
_NOTEBOOK7 = "notebook>=7,<8"


def python_with(wanted: str) -> Path:
    """Return the Python of an environment with a package, made once for a user and an environment that is tested.

    The test is skipped where it cannot be made: without a package index, for example.

    Parameters
    ----------
    wanted
        A requirement as pip reads it: `"notebook>=7,<8"`.
    """
    # The person's own folder, not the one that the tests call home, which is new each time.
    cache = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "mlops_nb-tests"
    cache.mkdir(parents=True, exist_ok=True)
    tested = sysconfig.get_path("purelib")
    key = hashlib.sha256(f"{sys.version} {tested} {wanted}".encode()).hexdigest()[:12]
    folder = cache / f"{re.split('[^a-z0-9]', wanted)[0]}-{key}"
    python, ready = folder / "bin" / "python", folder / "ready"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            for command in (
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted],
            ):
                made = subprocess.run(command, capture_output=True, text=True, check=False)
                if made.returncode:
                    pytest.skip(f"An environment with {wanted} cannot be made here: {made.stderr.strip()[-300:]}")
            # What mlops_nb itself needs comes from the environment that is tested, after what the other one brings.
            site = next((folder / "lib").glob("python*")) / "site-packages"
            (site / "tested.pth").write_text(tested, encoding="utf-8")
            ready.touch()
    return python


@contextmanager
def start_notebook7(root: Path) -> Iterator[Lab]:
    """Run a Notebook 7 over a folder, with the extension that is installed in the environment under test."""
    command = [str(python_with(_NOTEBOOK7)), "-m", "notebook", "--JupyterNotebookApp.expose_app_in_browser=True"]
    with serve(command, root, **_tested(root)) as started:
        yield started


@contextmanager
def start_other_lab(root: Path, version: str) -> Iterator[Lab]:
    """Run a JupyterLab of another version, as `"4.2"`, with the extension of the environment under test."""
    with start_lab(root, python=python_with(f"jupyterlab=={version}.*"), **_tested(root)) as started:
        yield started


def _tested(root: Path) -> dict[str, Any]:
    """Say where the extension is that is tested, and nothing of the person's own settings."""
    here = Path(sysconfig.get_path("data"))
    return {
        "JUPYTER_PATH": str(here / "share" / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(here / "etc" / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(root / ".lab" / "config"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
