"""What a kernel holds at the end of a run, told by the kernel itself: two runs are compared without moving a value.

A run that is to be compared ends with `tell`, which publishes a fingerprint of each variable, which variables share
objects, and where the random streams stand. It is called by a cell that is added to a notebook and leaves no name
behind.
"""

from __future__ import annotations

import json
import reprlib
import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactStore, CannotFingerprint, Trace, fingerprint
from mlops_nb.handover.ambient import KINDS, STREAMS, Baseline, streams_kept
from mlops_nb.handover.covariables import described, variables
from mlops_nb.handover.groups import deeply
from mlops_nb.handover.process_bound import ACTS_AT_ITS_END, end_quietly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTENTS_MIME = "application/vnd.mlops-nb.contents+json"
# Where `begin` keeps what it could not thaw.
_KEPT = "_mlops_nb_session"
_SHORT = frozenset({"int", "float", "bool", "str", "bytes", "complex", "NoneType", "list", "tuple", "dict", "set"})


@streams_kept()
def tell(label: str, numbers_to: str = "") -> None:
    """Publish what every variable holds, as an output of this cell.

    Parameters
    ----------
    label
        What the answer is for, given back with it.
    numbers_to
        The artifact store that takes the floating-point numbers of each variable, for a comparison with a tolerance;
        none are kept when empty.
    """
    from IPython import get_ipython
    from IPython.display import publish_display_data

    shell: Any = get_ipython()
    namespace = shell.user_ns
    held = variables(namespace, shell.user_ns_hidden)
    traces = {name: Trace() for name in held}
    told = {
        "label": label,
        "variables": {name: _told(held[name], namespace, traces[name], numbers_to) for name in sorted(held)},
        "sharing": _sharing(held, traces),
        "streams": _streams(namespace),
        # What could not be handed to this kernel, with the reason.
        "absent": dict(getattr(getattr(shell, _KEPT, None), "absent", {})),
    }
    # As in a step's kernel: what has not ended by now does nothing more.
    end_quietly(namespace, (ACTS_AT_ITS_END,))
    publish_display_data({CONTENTS_MIME: json.loads(json.dumps(told)), "text/plain": ""})  # type: ignore[no-untyped-call]


def _told(value: Any, namespace: Mapping[str, Any], trace: Trace, numbers_to: str) -> dict[str, Any]:
    kind = type(value)
    told: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}", "is": described(value)}
    if kind.__name__ in _SHORT and kind.__module__ == "builtins":
        told["is"] = f"{kind.__name__} {reprlib.repr(value)}"
    try:
        told["fingerprint"] = deeply(lambda: fingerprint(value, namespace=namespace, trace=trace))
    except (CannotFingerprint, RecursionError) as error:
        told["fingerprint"], told["why"] = "", str(error)
    if numbers_to and told["fingerprint"]:
        found: list[Any] = []
        frame = fingerprint(_without_numbers(value, found), namespace=namespace)
        if found:
            import numpy as np

            flat = np.concatenate([np.ravel(np.asarray(item, dtype="float64")) for item in found])
            told["numbers"] = ArtifactStore(numbers_to).put(flat.tobytes())[0]
            told["without_numbers"] = frame
    return told


def _without_numbers(value: Any, found: list[Any]) -> Any:
    """Return a value with its floating-point numbers taken out, and put those into `found`."""
    kind = type(value)
    if kind is float:
        found.append(value)
        return 0.0
    if kind in {list, tuple}:
        return [kind.__name__, *(_without_numbers(item, found) for item in value)]
    if kind is dict:
        return {key: _without_numbers(item, found) for key, item in value.items()}
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.floating) and value.dtype.kind == "f":
        found.append(value)
        return (kind.__name__, value.dtype.str, value.shape)
    if pandas is not None and kind is pandas.Series:
        return ("Series", value.index, value.name, str(value.dtype), _without_numbers(value.to_numpy(), found))
    if pandas is not None and kind is pandas.DataFrame:
        columns = [_without_numbers(value.iloc[:, place], found) for place in range(value.shape[1])]
        return ("DataFrame", value.index, value.columns, columns)
    return value


def _sharing(held: Mapping[str, Any], traces: Mapping[str, Trace]) -> list[list[str]]:
    """Return the sets of variables that hold one mutable object, or arrays over one memory, each sorted."""
    met: dict[int, set[str]] = {}
    for name, trace in traces.items():
        for key in trace.shared:
            met.setdefault(key, set()).add(name)
    together = {tuple(sorted(names)) for names in met.values() if len(names) > 1}
    return sorted(map(list, together | set(_overlapping(held))))


def _overlapping(held: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    numpy = sys.modules.get("numpy")
    arrays = sorted(name for name in held if numpy is not None and type(held[name]) is numpy.ndarray)
    for place, one in enumerate(arrays):
        for other in arrays[place + 1 :]:
            if numpy is not None and numpy.may_share_memory(held[one], held[other]):
                yield (one, other)


def _streams(namespace: Mapping[str, Any]) -> dict[str, str]:
    baseline = Baseline.now()
    return {
        kind: fingerprint(KINDS[kind].read(baseline), namespace=namespace)
        for kind in sorted(STREAMS)
        if KINDS[kind].module in sys.modules
    }
