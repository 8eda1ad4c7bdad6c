"""JupyterLab's server extension: plan, run, follow, explain and promote over REST, for the front end in `extension/`.

`openapi.json` is what it answers, and every request is checked against it. A run is a process of its own (`job`) that
outlives the server; the record and the events in the run's folder are the truth, and `following` only passes them on.
Nothing of a notebook is executed in the server's process.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "mlops_nb.jupyter"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    # Imported here: the process of a run is a module of this room, and needs no server.
    from mlops_nb.jupyter.extension import load

    load(serverapp)
