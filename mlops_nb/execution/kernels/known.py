"""Which kernels this machine has, and what a kernel can import; asked before anything runs.

Nothing heavy is imported for the usual answer, which is this very environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.snapshot import Environment, packages_of, read_environment

_NATIVE = "python3"
# What starts ipykernel, in whatever command a kernelspec has; what stands before it starts the interpreter.
_LAUNCHERS = ("ipykernel_launcher", "ipykernel")
_ASK = (
    "import json, os, platform, sys; sys.path[:1] = []; "
    "print(json.dumps([platform.python_version(), platform.python_implementation(), "
    "sys.platform + '-' + platform.machine(), [os.path.abspath(entry) for entry in sys.path if entry]]))"
)
_TIMEOUT_S = 60


def missing_kernel(name: str) -> tuple[str, str] | None:
    """Return what is wrong with a kernel's name and what to do, or None when this machine has that kernel."""
    # ipykernel brings it; looking for it would import a quarter of a second of jupyter_client into every plan.
    if name == _NATIVE:
        return None
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        manager.get_kernel_spec(name)
    except NoSuchKernel:
        known = sorted(manager.find_kernel_specs())
        message = f"There is no kernel named {name!r} on this machine.{did_you_mean(name, known)}"
        return message, f"Kernels here: {', '.join(known) or 'none'}. Choose one in JupyterLab, or install it."
    return None


def require_kernel(name: str) -> None:
    """Refuse a kernel that this machine does not have.

    Raises
    ------
    UsageError
        When no kernelspec has that name, with those that there are.
    """
    wrong = missing_kernel(name)
    if wrong is not None:
        raise UsageError(wrong[0], hint=wrong[1])


def is_here(interpreter: str) -> bool:
    """Say whether an interpreter is that of this environment; one file may stand in many environments."""
    here, there = Path(sys.executable), Path(interpreter)
    return there.parent == here.parent and there.resolve() == here.resolve()


def environment_of(name: str) -> Environment:
    """Return what a kernel's steps can import: this environment, or that of the kernel when it is another one.

    Parameters
    ----------
    name
        The kernelspec's name; this environment where no kernel has it.

    Raises
    ------
    UsageError
        When the kernel's interpreter does not start.
    """
    spec = _spec(name)
    command = list(spec.get("argv", ()))
    at = next((place for place, word in enumerate(command[1:], 1) if word in _LAUNCHERS), 0)
    # `python` alone is what jupyter_client puts this interpreter in for.
    plain = {"python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"}
    if at < 2 or command[at - 1] != "-m" or command[0] in plain or is_here(command[0]):  # noqa: PLR2004 - python -m
        return read_environment()
    return _ask([*command[: at - 1], "-c", _ASK], name, spec.get("env", {}))


def _ask(command: list[str], name: str, env: dict[str, str]) -> Environment:
    try:
        done = subprocess.run(  # noqa: S603 - the kernel's own command, as Jupyter starts it
            command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S, env={**os.environ, **env}
        )
        python, implementation, platform, path = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
        message = f"The kernel {name!r} has an environment of its own, and its Python does not start: {''.join(said)}"
        raise UsageError(message, hint="Choose another kernel in JupyterLab, or install this one again.") from error
    return Environment(python, implementation, platform, packages_of(path), tuple(path))


def _spec(name: str) -> dict[str, Any]:
    if name == _NATIVE:
        # Somebody may have installed another environment's kernel under this name.
        from jupyter_core.paths import jupyter_path

        places = [Path(folder) / name / "kernel.json" for folder in jupyter_path("kernels")]
        file = next((place for place in places if place.is_file()), None)
        if file is None:
            return {}
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return {}
    return {"argv": spec.argv, "env": spec.env}
