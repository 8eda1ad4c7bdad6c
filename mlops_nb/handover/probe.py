"""What a person's own kernel holds, told when they ask for it: fingerprints that can be held against a pipeline's.

Nothing is run in a kernel behind a person's back: JupyterLab shows the call of `probe` and runs it when they say so. It
binds no name, changes no value, and leaves nothing but its output.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_nb.handover.covariables import described, variables
from mlops_nb.handover.groups import UNKNOWN, groups_of

PROBE_MIME = "application/vnd.mlops-nb.probe+json"


def probe_call(tokens: dict[str, str]) -> str:
    """Return the line of Python that tells what a kernel holds.

    Parameters
    ----------
    tokens
        What identifies the object that a variable holds, by its name, as the pipeline's state has it: a value that
        refers to another variable's object is told apart by that.
    """
    # A literal of a text, so that nothing in a name is code.
    return f'__import__("mlops_nb.handover.probe", fromlist=["probe"]).probe({json.dumps(tokens)!r})'


def probe(tokens: str) -> None:
    """Publish what every variable of this kernel holds, as an output of this cell.

    Parameters
    ----------
    tokens
        What identifies the objects of variables, as JSON.
    """
    from IPython import get_ipython
    from IPython.display import publish_display_data

    shell: Any = get_ipython()
    held = variables(shell.user_ns, shell.user_ns_hidden)
    by_id = {id(held[name]): token for name, token in json.loads(tokens).items() if name in held}
    groups = [
        {
            "names": list(group.names),
            # Without PYTHONHASHSEED=0 sets of texts have an order that says nothing of the pipeline's.
            "fingerprint": "" if group.fingerprint.startswith(UNKNOWN) or group.trace.unordered else group.fingerprint,
            "is": {name: described(held[name]) for name in group.names},
        }
        for group in groups_of(held, shell.user_ns, by_id)
    ]
    told = {"groups": groups}
    publish_display_data({PROBE_MIME: told, "text/plain": f"{len(held)} variables looked at"})  # type: ignore[no-untyped-call]
