"""The tasks on Metaflow: a step each, in a process of its own, recorded and pickled in a local datastore.

Metaflow reads the text of a flow, so this writes one, beside which it is run: `on_metaflow.py WHAT` makes `flow.py`.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from tasks import tasks

_HEAD = """\
import sys

sys.path.insert(0, {here!r})
from metaflow import FlowSpec, step
from tasks import tasks

TASKS = {{task.name: task for task in tasks({what!r})}}


class Measured(FlowSpec):
    def _do(self, name):
        task = TASKS[name]
        returned = task.function(**{{given: getattr(self, given) for given in task.inputs}})
        for made in task.outputs:
            setattr(self, made, returned[made])
"""
_STEP = """
    @step
    def {method}(self):
        self._do({name!r})
{then}"""


def _text(what: str) -> str:
    names = [task.name for task in tasks(what)]
    methods = ["start", *names[1:-1], "end"]
    steps = [
        _STEP.format(
            method=method, name=name, then=f"        self.next(self.{methods[at + 1]})\n" if at + 1 < len(names) else ""
        )
        for at, (name, method) in enumerate(zip(names, methods, strict=True))
    ]
    head = _HEAD.format(here=str(Path(__file__).parent), what=what)
    return f"{head}{''.join(steps)}\n\nif __name__ == '__main__':\n    Measured()\n"


if __name__ == "__main__":
    place = Path("flow.py").resolve()
    place.write_text(_text(sys.argv[1]), encoding="utf-8")
    sys.argv = [str(place), "--no-pylint", "--quiet", "run"]
    runpy.run_path(str(place), run_name="__main__")
