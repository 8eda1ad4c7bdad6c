"""The state before a step of a past run, loaded into a kernel where a person looks at it and mends.

It is what `begin` loads for a run, with three differences: it says what came and what did not, it goes on without what
cannot be had any more, and it can be called again, to stand where the step began once more.
"""

from __future__ import annotations

import html
import json
import os
import reprlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.errors import MlopsNbError
from mlops_nb.handover.covariables import Process, thaw, thaw_one
from mlops_nb.handover.kernel import begin
from mlops_nb.handover.state import Covariable, State

if TYPE_CHECKING:
    from collections.abc import Iterable

REOPENED_MIME = "application/vnd.mlops-nb.reopened+json"
GONE = "its stored value is no longer there"
_SHORT = (bool, int, float, complex, str, bytes, type(None))
# Rows that a person reads; the rest is counted.
_SHOWN = 40
_HAD, _LEFT = "had", "left"
# Where `begin` keeps its session.
_KEPT = "_mlops_nb_session"


def load(  # noqa: PLR0913 - what a step began with
    store_url: str,
    state_digest: str,
    parts: Iterable[str] | None = None,
    number: int = 0,
    *,
    folder: str = "",
    seed: int | None = None,
    left: bool = False,
) -> None:
    """Load the state before a step, or after it, and show what was loaded.

    Parameters
    ----------
    store_url
        The artifact store.
    state_digest
        Digest of the stored `State`; empty for the first step.
    parts
        Names that the step was given, with what they need; all of them when `None`.
    number
        The execution count of the step's first cell in the notebook, where a step reads the history.
    folder
        Where the source notebook is: relative paths and modules beside it are found from there.
    seed
        Where the random streams of the run's kernels started.
    left
        Say that it is the state after the step.
    """
    from IPython import get_ipython

    shell: Any = get_ipython()
    stand_in(folder)
    store = ArtifactStore(store_url)
    known = State.from_json(store.get(state_digest)) if state_digest else State()
    state = _without_what_is_gone(known, store)
    wanted = None if parts is None else list(parts)
    try:
        _begin(store, state, known, state_digest, wanted, number, seed)
    except MlopsNbError:
        raise
    except Exception:  # noqa: BLE001 - whatever a value's own code raises when it is read back
        state = _without_what_fails(state, wanted, Process(store, shell.user_ns))
        _begin(store, state, known, state_digest, wanted, number, seed)
    # Nobody asks a kernel that a person works in which files it opened.
    getattr(shell, _KEPT).files.stop()
    if number:
        _count_on(shell, number)
    lost = {f"@{kind}": "a fresh kernel's is there instead" for kind in known.ambient.keys() - state.ambient.keys()}
    _show(state if wanted is None else state.only(wanted), state, shell, lost, _LEFT if left else _HAD)


def _count_on(shell: Any, number: int) -> None:
    """Have the next cell counted as that number; when IPython counts this one depends on its version."""

    def count(*_: object) -> None:
        shell.events.unregister("post_run_cell", count)
        shell.execution_count = number

    shell.events.register("post_run_cell", count)


def _begin(  # noqa: PLR0913, PLR0917 - what `begin` takes, and what it is chosen from
    store: ArtifactStore,
    state: State,
    known: State,
    digest: str,
    parts: list[str] | None,
    number: int,
    seed: int | None,
) -> None:
    if state is not known:
        digest = store.put(state.to_json().encode())[0]
    begin(store.url, digest, parts, number, seed=seed, imports_as_told=False)


def stand_in(folder: str) -> None:
    """Work where the source notebook is, and find modules there, as a kernel of that notebook does."""
    if not folder:
        return
    os.chdir(folder)
    if not {"", folder} & set(sys.path):
        sys.path.insert(0, folder)


def _without_what_is_gone(state: State, store: ArtifactStore) -> State:
    """Return the state with a problem where the store lacks a value; the state itself when it lacks none."""
    items = (*state.covariables, *state.hidden, *state.ambient.values())
    gone = {item.blob for item in items if item.blob and not item.problem and not store.has(item.blob)}
    return _marked(state, {item.names: GONE for item in items if item.blob in gone}) if gone else state


def _without_what_fails(state: State, parts: list[str] | None, process: Process) -> State:
    """Return the state with a problem where a value cannot be read back, and why."""
    wanted = state if parts is None else state.only(parts)
    everything = {name for item in (*wanted.hidden, *wanted.covariables) for name in item.names}
    values, absent = thaw(wanted, process, everything)
    why: dict[tuple[str, ...], str] = {}
    for item in (*wanted.hidden, *wanted.covariables, *wanted.ambient.values()):
        if item.problem or item.fingerprint == "default" or set(item.names) <= values.keys() | absent.keys():
            continue
        try:
            found = thaw_one(item, process)
            if item.names == ("cwd",):
                os.stat(found["cwd"])  # noqa: PTH116 - the error that going there would give
        except Exception as error:  # noqa: BLE001 - as above
            why[item.names] = f"it cannot be read back: {type(error).__name__}: {error}"
    return _marked(state, why)


def _marked(state: State, why: dict[tuple[str, ...], str]) -> State:
    def marked(item: Covariable) -> Covariable:
        return replace(item, problem=why[item.names], blob="", inline="") if item.names in why else item

    return State(
        tuple(map(marked, state.covariables)),
        tuple(map(marked, state.hidden)),
        # Ambient state has no way to be absent; what a fresh kernel has stands in for it.
        {kind: item for kind, item in state.ambient.items() if item.names not in why},
        state.imports,
    )


def _show(given: State, state: State, shell: Any, lost: dict[str, str], how: str) -> None:
    """Show what the kernel holds now: for a person as a table, for a program as JSON."""
    namespace: dict[str, Any] = shell.user_ns
    items = {name: item for name, item in sorted(given.by_name().items()) if not name.startswith("@")}
    loaded = {name: _told(name, item, namespace) for name, item in items.items() if name in namespace}
    why: dict[str, str] = getattr(shell, _KEPT).absent
    absent = {name: why.get(name) or item.problem or GONE for name, item in items.items() if name not in namespace}
    absent |= lost
    further = sorted(name for name in state.by_name().keys() - items.keys() if not name.startswith("@"))
    told = {"loaded": loaded, "absent": absent, "not_given": further, "folder": os.getcwd()}  # noqa: PTH109
    notes = []
    if sys.flags.hash_randomization:
        notes.append(
            "Sets of texts may have another order than in the run: this kernel was started without PYTHONHASHSEED=0."
        )
    if further:
        shown = ", ".join(further[:_SHOWN]) + (", …" if len(further) > _SHOWN else "")
        notes.append(f"Not given to the step, because it does not read them: {shown}.")
    from IPython.display import publish_display_data

    publish_display_data(
        {  # type: ignore[no-untyped-call]
            REOPENED_MIME: json.loads(json.dumps(told)),
            "text/plain": _text(loaded, absent, notes, how),
            "text/html": _html(loaded, absent, notes, how),
        }
    )


def _told(name: str, item: Covariable, namespace: dict[str, Any]) -> dict[str, Any]:
    value = namespace[name]
    told = {"what": item.types.get(name, type(value).__name__), "bytes": item.bytes}
    if type(value) in _SHORT:
        told["value"] = reprlib.repr(value)
    if len(item.names) > 1:
        told["with"] = [other for other in item.names if other != name]
    return told


def _rows(loaded: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    rows = []
    for name, told in list(loaded.items())[:_SHOWN]:
        what = f"{told['what']} {told.get('value', '')}".rstrip()
        if told.get("with"):
            what += f", shares objects with {', '.join(told['with'])}"
        rows.append((name, what, _size(told["bytes"])))
    return rows


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 - SI
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _text(loaded: dict[str, Any], absent: dict[str, str], notes: list[str], how: str) -> str:
    rows = _rows(loaded)
    wide = max((len(name) for name, *_ in rows), default=0)
    lines = [f"Loaded, as the step {how} it: {_counted(loaded)}"]
    lines += [f"  {name:{wide}}  {what}  ({size})" for name, what, size in rows]
    lines += [f"  and {len(loaded) - len(rows)} more"] if len(rows) < len(loaded) else []
    lines += [f"Not loaded: {name}: {why}" for name, why in absent.items()]
    return "\n".join((*lines, *notes))


def _html(loaded: dict[str, Any], absent: dict[str, str], notes: list[str], how: str) -> str:
    escaped = html.escape
    left = ' style="text-align: left"'
    rows = _rows(loaded)
    body = "".join(
        f"<tr><td{left}><code>{escaped(name)}</code></td><td{left}>{escaped(what)}</td><td>{escaped(size)}</td></tr>"
        for name, what, size in rows
    )
    more = f"<p>and {len(loaded) - len(rows)} more</p>" if len(rows) < len(loaded) else ""
    lost = "".join(f"<li><code>{escaped(name)}</code>: {escaped(why)}</li>" for name, why in absent.items())
    lost = f"<p><b>Not loaded</b></p><ul>{lost}</ul>" if lost else ""
    said = "".join(f"<p><small>{escaped(note)}</small></p>" for note in notes)
    return f"<p><b>Loaded, as the step {how} it:</b> {_counted(loaded)}</p><table>{body}</table>{more}{lost}{said}"


def _counted(loaded: dict[str, Any]) -> str:
    return f"{len(loaded)} variable{'' if len(loaded) == 1 else 's'}"
