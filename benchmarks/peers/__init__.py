"""Other tools that run steps, each in an environment of its own: what they take for the same work.

`tasks.py` and the `on_*.py` run in those environments, where there is no mlops_nb.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import notebooks
from benchmarks.report import Chapter, line
from benchmarks.timing import BIN, in_turns, of_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.timing import Sample

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".environments"
TOOLS = ("kedro", "metaflow", "dagster")
# What the example imports.
_PACKAGES = ("pandas", "scikit-learn", "matplotlib", "seaborn", "pyarrow")
_QUIET = {
    "DO_NOT_TRACK": "1",
    "KEDRO_DISABLE_TELEMETRY": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "METAFLOW_USER": "benchmark",
    "MPLBACKEND": "agg",
}
WORKS = ("five small steps", "`adult_income`")
WHOLE = "Papermill, one notebook"


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure five small steps and the example on each tool, as commands from start to end."""
    pythons = {tool: _environment(tool) for tool in TOOLS}
    five = notebooks.write(folder / "five" / "five.ipynb", notebooks.trivial_cells(5))
    example = notebooks.copy_example("adult_income", folder / "example")
    exported = example.parents[1] / "pipelines" / "adult_income" / "modules"
    of_process(["mlops-nb", "export", example.name], example.parent)
    found: dict[str, Sample] = {}
    lines = []
    for work, notebook, what, times in (
        (WORKS[0], five, "five", 3 if quick else 7),
        (WORKS[1], example, str(exported), 1 if quick else 3),
    ):
        ours = partial(of_process, ["mlops-nb", "run", notebook.name, "--fresh"], notebook.parent)
        # The first run of a notebook is a chain, and starts the template.
        ours()
        actions: dict[str, Callable[[], Sample]] = {
            "mlops_nb": ours,
            WHOLE: partial(of_process, ["papermill", notebook.name, "out.ipynb"], notebook.parent),
        }
        for tool in TOOLS:
            command = [pythons[tool], HERE / f"on_{tool}.py", what]
            # The folder where the data are.
            actions[tool] = partial(of_process, command, notebook.parent, environment=_QUIET)
        found = in_turns(actions, times)
        lines += [line(work, found, "mlops_nb", against) for against in (*TOOLS, WHOLE)]
    how = (
        "Each command from its start to its end, everything anew. Of the example, the peers run the functions that "
        "`mlops-nb export` writes. They do not do the same: Kedro's runner keeps what passes between its nodes in the "
        "memory of one process and records nothing; Dagster runs its ops in one process, pickles what they return and "
        "records events; Metaflow starts a process a step, pickles and records, as we start a kernel a step, keep what "
        "passed and record. Papermill runs every cell of the notebook, exploration and checks included, in one kernel. "
        f"Versions: {', '.join(f'{tool} {_version(python, tool)}' for tool, python in pythons.items())}."
    )
    return Chapter("Other tools", how, tuple(lines))


def _environment(tool: str) -> Path:
    """Return the Python of a tool's environment, made first where it is missing.

    Raises
    ------
    RuntimeError
        When its packages cannot be installed.
    """
    place = ENVIRONMENTS / tool
    python = place / "bin" / "python"
    done = place / "installed"
    if not done.exists():
        print(f"installing {tool} into {place}", file=sys.stderr, flush=True)
        subprocess.run([BIN / "python", "-m", "venv", "--clear", place], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", tool, *_PACKAGES]
        ended = subprocess.run(install, capture_output=True, text=True, check=False)
        if ended.returncode:
            message = f"{tool} cannot be installed: {ended.stderr[-1000:]}"
            raise RuntimeError(message)
        done.touch()
    return python


def _version(python: Path, tool: str) -> str:
    code = f"from importlib.metadata import version; print(version({tool!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    return done.stdout.strip()
