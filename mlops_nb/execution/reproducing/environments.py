"""An environment built anew from what a run recorded: a virtual environment with those very versions.

uv makes it where there is one, otherwise venv and pip do. It is kept under the hash of its requirements and used again.
mlops_nb itself comes into it as it is here: the one that asks is the one that answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.execution.reproducing.reproduction import CannotReproduce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DONE = "mlops_nb.ready"
_JUPYTER = Path("kernels_of_the_run")
_SAID_LINES = 12
_HERE = "Reproduce it in the current environment: without `--env rebuild`."


def rebuild(requirements: str, python: str, kernel: str, home: Path, listen: Callable[[str], None]) -> Path:
    """Return the interpreter of an environment with these packages, which is made when there is none yet.

    Parameters
    ----------
    requirements
        The packages, in pip's format; all of them, since nothing else is installed.
    python
        The version of Python that the run had, such as `3.11.7`. Another patch release will do.
    kernel
        The name of the notebook's kernel, under which this environment's is found.
    home
        The folder of environments.
    listen
        Told in a sentence what takes long.

    Raises
    ------
    CannotReproduce
        When there is no such Python, or the packages cannot be installed; with what the installer said.
    """
    minor = ".".join(python.split(".")[:2])
    text = f"{minor}\n{requirements}"
    folder = home / hashlib.sha256(text.encode()).hexdigest()[:16]
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / _DONE).exists():
        # What an interrupted making has left cannot be told from what is whole.
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        listen(f"making an environment with Python {minor} and {requirements.count('==')} packages in {folder}")
        _make(folder, minor)
        file = folder / "requirements.txt"
        file.write_text(requirements, encoding="utf-8")
        _install(interpreter, file)
        (folder / _DONE).touch()
    _bring_mlops_nb(folder, interpreter)
    _bring_kernel(folder, interpreter, kernel)
    return interpreter


def call_in(interpreter: Path, arguments: Sequence[str]) -> int:
    """Call the command of this mlops_nb in another environment, and return its exit code."""
    code = "from mlops_nb.cli import main; main()"
    # The user's own site-packages and PYTHONPATH belong to the environment that is left.
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    environment |= {"PYTHONNOUSERSITE": "1", "VIRTUAL_ENV": str(interpreter.parents[1])}
    # A kernel of the same name that this user or JUPYTER_PATH has belongs to another environment.
    environment["JUPYTER_PATH"] = str(interpreter.parents[1] / _JUPYTER)
    environment["PATH"] = os.pathsep.join([str(interpreter.parent), environment.get("PATH", "")])
    return subprocess.run([interpreter, "-c", code, *arguments], env=environment, check=False).returncode  # noqa: S603


def _make(folder: Path, minor: str) -> None:
    uv = shutil.which("uv")
    if uv is not None:
        _call([uv, "venv", "--quiet", "--python", minor, str(folder)], f"uv cannot make an environment with {minor}")
        return
    here = ".".join(map(str, sys.version_info[:2]))
    found = sys.executable if here == minor else shutil.which(f"python{minor}")
    if found is None:
        message = f"The run had Python {minor}, and there is none here."
        raise CannotReproduce(message, hint=f"Install Python {minor}, or uv, which fetches it.")
    _call([found, "-m", "venv", str(folder)], f"Python {minor} cannot make an environment")


def _install(interpreter: Path, file: Path) -> None:
    # All packages are named with their versions: nothing is to be resolved, and nothing else to come along.
    uv = shutil.which("uv")
    given = ["--no-deps", "--quiet", "-r", str(file)]
    if uv is not None:
        command = [uv, "pip", "install", "--python", str(interpreter), *given]
    else:
        # Most of the modules will never be imported; Python compiles the others when they are.
        pip = ["pip", "install", "--no-compile", "--disable-pip-version-check", "--no-input"]
        command = [str(interpreter), "-m", *pip, *given]
    _call(command, "The packages of the run cannot be installed")


def _bring_mlops_nb(folder: Path, interpreter: Path) -> None:
    """Let the environment find the mlops_nb that runs here, and its version, but nothing else of this one."""
    place = folder / "with_mlops_nb"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    package = Path(__file__).parents[2]
    shutil.copytree(package, place / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        found = distribution("mlops_nb")
    except PackageNotFoundError:
        found = None
    if found is not None:
        told = place / f"mlops_nb-{found.version}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(found.read_text("METADATA") or "", encoding="utf-8")
    site = _call([str(interpreter), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], "It does not run")
    Path(site.strip()).joinpath("mlops_nb.pth").write_text(f"{place}\n", encoding="utf-8")


def _bring_kernel(folder: Path, interpreter: Path, name: str) -> None:
    """Give the environment's kernel the name that the notebook asks for; the name may come from another machine."""
    if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name) is None:
        return
    argv = [str(interpreter), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    place = folder / _JUPYTER / "kernels" / name
    place.mkdir(parents=True, exist_ok=True)
    told = {"argv": argv, "display_name": name, "language": "python"}
    (place / "kernel.json").write_text(json.dumps(told), encoding="utf-8")


def _call(command: Sequence[str], what: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, fixed words
    except OSError as error:
        message = f"{what}: {error.strerror or error}."
        raise CannotReproduce(
            message, hint="Reproduce it in the current environment: without `--env rebuild`."
        ) from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-_SAID_LINES:]
        # An address may hold a password.
        shown = re.sub(r"://[^/@\s]+@", "://…@", "\n".join(said))
        message = f"{what}:\n{shown}"
        raise CannotReproduce(message, hint=_HERE)
    return done.stdout
