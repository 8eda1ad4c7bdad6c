"""What runs in a step's kernel before and after the user's cells.

`begin` thaws the state before the step; `end` freezes what the step made of it and answers with the evidence, as an
output of the executed notebook. Both are called by cells that the pipeline adds to a step's notebook and leave no name
behind. This side of a kernel never touches the metadata store: the executed notebook and the artifact store are the
only wires back.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec

from mlops_nb.artifacts import ArtifactStore, fingerprint, project_modules
from mlops_nb.handover.ambient import (
    EARLY,
    KINDS,
    REFERRED_TO,
    STREAMS,
    Baseline,
    read_ambient,
    reset_ambient,
    streams_kept,
    write_ambient,
)
from mlops_nb.handover.asked import put_questions
from mlops_nb.handover.background import RUNNING, STILL_RUNS, children, running
from mlops_nb.handover.covariables import Process, came_back_different, freeze, thaw, thaw_one, variables
from mlops_nb.handover.found_first import found_in
from mlops_nb.handover.hooks import spare_hooks
from mlops_nb.handover.import_filters import IMPORT_FILTERS
from mlops_nb.handover.kept import CHANGED_IN_PLACE, leave_to_import, told_of_changes
from mlops_nb.handover.launched import reaching_joblib
from mlops_nb.handover.module_state import BOUND, MODULE
from mlops_nb.handover.outside import Outside
from mlops_nb.handover.patches import ACTIVE, PATCHES, STAYS_ACTIVE, Libraries, mock_is_active, of_modules
from mlops_nb.handover.process_bound import end_quietly, let_variables_end
from mlops_nb.handover.process_state import (
    HISTORY,
    NOBODY_LOOKED,
    read_process_state,
    write_process_state,
)
from mlops_nb.handover.project_code import CODE, watch_imports
from mlops_nb.handover.seeding import begin_streams
from mlops_nb.handover.state import Covariable, Delta, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EVIDENCE_MIME = "application/vnd.mlops-nb.evidence+json"
_KINDS_OF_FILES = ("read", "written", "asked", "timed", "dated", "imported")
_KEPT = "_mlops_nb_session"
_BASELINE = "_mlops_nb_baseline"
_P = ParamSpec("_P")


@dataclass
class _Session:
    """What `begin` knows and `end` needs; kept on the shell, not in the notebook's namespace."""

    process: Process
    state: State
    known: State
    baseline: Baseline
    files: Outside
    patched: tuple[tuple[str, str, str], ...] = ()
    libraries: Libraries = NOBODY_LOOKED
    children: frozenset[int] = frozenset()
    absent: dict[str, str] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def prepare(seed: int | None = None) -> None:
    """Note what a fresh kernel looks like, before prelude cells are replayed in it; with a seed, it starts there."""
    _listen(seed)
    setattr(_shell(), _BASELINE, Baseline.now())


def _listen(seed: int | None) -> None:
    """Be told from now on of what the notebook's code does, and spare it what others do; with a seed, start there."""
    watch_imports()
    IMPORT_FILTERS.watch()
    put_questions()
    let_variables_end()
    spare_hooks(_shell())
    begin_streams(_shell(), seed)


class CameBackDifferent(Exception):  # noqa: N818 - the name of the fact, which the run reads from the notebook
    """Values that were thawed are not what was frozen; the message is a JSON list of their names."""


def _collected_later(act: Callable[_P, None]) -> Callable[_P, None]:
    """Keep the cyclic collector from walking through all that the notebook holds again and again meanwhile."""

    @functools.wraps(act)
    def without_collector(*args: _P.args, **kwargs: _P.kwargs) -> None:
        enabled = gc.isenabled()
        gc.disable()
        try:
            act(*args, **kwargs)
        finally:
            if enabled:
                gc.enable()

    return without_collector


def begin(  # noqa: PLR0913 - what a step begins with
    store_url: str,
    state_digest: str,
    parts: Iterable[str] | None = None,
    number: int = 0,
    *,
    unchecked: Iterable[str] = (),
    seed: int | None = None,
    folders: Iterable[str] = (),
    imports_as_told: bool = True,
) -> None:
    """Thaw the state before a step into this kernel's namespace.

    Parameters
    ----------
    store_url
        The artifact store.
    state_digest
        Digest of the stored `State`; empty for the first step.
    parts
        Names to thaw, with what they need; all of them when `None`.
    number
        The execution count of the step's first cell in the notebook, where a step reads the history.
    unchecked
        Names of which no step has looked yet whether they come back as what they were.
    seed
        Where the random streams of a fresh kernel start, when `prepare` has not said so.
    folders
        Those in which it is noted what is opened in C.
    imports_as_told
        Whether the modules beside the notebook have to be what they were where they were imported first.

    Raises
    ------
    CameBackDifferent
        When some of those names did not, or the import of a module made something else.
    """
    started = perf_counter()
    _listen(seed)
    shell = _shell()
    namespace = shell.user_ns
    process = Process(ArtifactStore(store_url), namespace)
    known = State.from_json(process.store.get(state_digest)) if state_digest else State()
    state = known if parts is None else known.only(parts)
    session = _Session(process, state, known, getattr(shell, _BASELINE, None) or Baseline.now(), Outside())
    setattr(shell, _KEPT, session)
    for kind in (*EARLY, *REFERRED_TO):
        _restore(session, kind)
    values, session.absent = thaw(state, process, unchecked)
    if different := came_back_different(state, values, process, unchecked):
        raise CameBackDifferent(json.dumps(different))
    # What replayed prelude cells bound may be out of date: only the state says what there is.
    for name in variables(namespace, shell.user_ns_hidden):
        del namespace[name]
    namespace.update({name: value for name, value in values.items() if not name.startswith("@")})
    _import_again(state)
    told = {name: value for name, value in values.items() if name.startswith(CODE)}
    if imports_as_told and (different := watch_imports().made_something_else(told)):
        raise CameBackDifferent(json.dumps(different))
    # After the variables: thawing them may import modules, which may set filters and options.
    _restore_process(session, values)
    if number:
        shell.execution_count = number
        for typed in (namespace["_ih"], shell.history_manager.input_hist_raw):
            typed[:] = [*typed[:number], *[""] * (number - len(typed))] if HISTORY in values else [""] * number
    _look_before(session, namespace)
    session.children = children()
    session.seconds = perf_counter() - started
    session.files.listen(folders)


@streams_kept()
def _look_before(session: _Session, namespace: dict[str, Any]) -> None:
    """Note what there is before the step's cells run, and hold on to nothing of it."""
    session.streams = _stream_prints(read_ambient(session.baseline), namespace)
    thawed = set(session.state.covariables)
    elsewhere = [item for item in session.known.covariables if item not in thawed]
    session.process.roots.let_go(frozenset(oid for item in elsewhere for oid in item.refs))
    session.libraries = watch_imports().libraries = Libraries.now(namespace)


def _import_again(state: State) -> None:
    for module in state.imports:
        if module.startswith(MODULE):
            # What the import of a module beside the notebook does, it has done: a later import must not do it again.
            with suppress(Exception):
                importlib.import_module(module.removeprefix(MODULE))
        # `import a.b` binds `a` alone; that `a.b` is there is part of what the notebook's `a` was.
        elif sys.modules.get(module.split(".")[0]) is not None:
            importlib.import_module(module)


def _restore_process(session: _Session, values: dict[str, Any]) -> None:
    for kind in KINDS:
        if kind not in EARLY:
            _restore(session, kind)
    items = session.state.by_name()
    for name, value in values.items():
        if name.startswith((MODULE, BOUND)):
            alone = len(items[name].names) == 1 and not items[name].refs
            watch_imports().put(name, value, items[name].fingerprint if alone else "")
        elif name.startswith("@"):
            write_process_state(_shell(), name, value)
    session.patched = tuple(values.get(PATCHES, ()))


def go_on(
    store_url: str, state_digest: str, parts: Iterable[str] | None = None, *, folders: Iterable[str] = ()
) -> None:
    """Begin another step in the kernel of the one before: its namespace is the state, and more than can be stored.

    What the state has and the kernel lacks is thawed: steps between may have run elsewhere.
    """
    del store_url, parts
    shell = _shell()
    session: _Session = getattr(shell, _KEPT)
    namespace = shell.user_ns
    state = State.from_json(session.process.store.get(state_digest))
    session.known = session.state = state
    session.absent = {name: item.problem for item in state.covariables if item.problem for name in item.names}
    held = variables(namespace, shell.user_ns_hidden)
    missing = [
        name for name in state.by_name() if name not in held and name not in session.absent and not name.startswith("@")
    ]
    if missing:
        values, _ = thaw(state.only(missing), session.process)
        namespace.update({name: values[name] for name in missing if name in values})
    _look_before(session, namespace)
    session.files.listen(folders)


@_collected_later
def end(  # noqa: PLR0913 - what is known of a step
    step: str,
    imports: Iterable[str] = (),
    patches: Iterable[str] = (),
    *,
    history: bool = False,
    kept: Iterable[str] = (),
    changes: Iterable[str] = (),
) -> None:
    """Freeze what a step changed and publish the evidence as an output of this cell.

    Parameters
    ----------
    step
        The step's name, which identifies the objects it made.
    imports
        The dotted modules that its import statements name.
    patches
        Attributes of imported things that the notebook has set so far.
    history
        Whether some step reads `_`, `In` or `Out`.
    kept
        Names whose values were seen to come back as something else: they stay in this process.
    changes
        Dotted names of imported things that the step's text changes in place.
    """
    started = perf_counter()
    shell = _shell()
    session: _Session = getattr(shell, _KEPT)
    session.files.stop()
    namespace = shell.user_ns
    held = variables(namespace, shell.user_ns_hidden)
    with streams_kept():
        watch = watch_imports()
        watch.libraries = None
        uncarried = told_of_changes(namespace, set(changes).difference(patches), of_modules(session.patched))
        held |= read_process_state(shell, patches, session.patched, session.libraries, imports, history=history)
        # A step that goes on in this process has made none of them.
        session.patched = tuple(dict.fromkeys((*session.patched, *held.get(PATCHES, ()))))
        patched = frozenset(session.patched)
        held |= watch.variables(patched)
        leave_to_import(watch.made_by_import(held))
        store = session.process.store
        found = freeze(held, session.known, session.process, step, kept)
        changed_code = watch.changed_code(patched)
        by_import = [item for item in found if _comes_by_import(item)]
        told = watch.told_of_imports(changed_code, {name for item in by_import for name in item.names})
        changed = (
            *(watch.naming(item) for item in found if item not in by_import),
            *freeze(told, session.known, session.process, step, kept),
            *(Covariable((f"{CODE}{name}",), print_, problem=why) for name, (print_, why) in changed_code.items()),
            *(Covariable((f"@library:{dotted}",), dotted, problem=CHANGED_IN_PLACE) for dotted in uncarried),
            *_running(session, namespace),
        )
    held |= told | {name: None for item in changed for name in item.names if name not in held}
    before = session.state.by_name()
    delta = Delta(
        changed=changed,
        deleted=tuple(sorted(name for name in before if name not in held and name not in session.absent)),
        ambient=_ambient_changes(session, namespace),
        imports=(*imports, *_first_imported(session)),
    )
    digest, _ = store.put(delta.to_json().encode())
    root = store.url
    evidence = {
        "delta": digest,
        **{f"{kind}_files": session.files.seen(getattr(session.files, kind), [root]) for kind in _KINDS_OF_FILES},
        "found_files": found_in(session.files.found, session.files.written),
        # Folders that were taken away, or tried to be, and are there.
        "emptied_files": [path for path in session.files.seen(session.files.emptied, [root]) if Path(path).is_dir()],
        "variables": sorted(session.files.variables),
        "unpickled": sorted(session.files.unpickled),
        "in_workers": sorted(reaching_joblib(namespace)) if session.files.in_workers else [],
        "loaded_modules": session.files.loaded(),
        "outside": sorted(session.files.done),
        "holds_back": end_quietly(namespace, [item.problem for item in changed]),
        "seconds": {"thaw": session.seconds, "freeze": perf_counter() - started},
        "peak_memory_bytes": _peak_memory_bytes(),
    }
    from IPython.display import publish_display_data

    publish_display_data(
        {  # type: ignore[no-untyped-call]
            EVIDENCE_MIME: json.loads(json.dumps(evidence)),
            "text/plain": "",
        }
    )


def _running(session: _Session, namespace: dict[str, Any]) -> Iterator[Covariable]:
    """Yield what goes on in the process, that nobody can carry and that no variable holds."""
    for name in running(namespace, session.children):
        yield Covariable((f"{RUNNING}{name}",), name, problem=STILL_RUNS)
    if mock_is_active():
        yield Covariable((ACTIVE,), "active", problem=STAYS_ACTIVE)


def _first_imported(session: _Session) -> list[str]:
    """Return the modules of the project that no step had imported before."""
    found = (f"{MODULE}{name}" for name, _ in project_modules())
    return [name for name in found if name not in session.known.imports]


def _comes_by_import(item: Covariable) -> bool:
    """Say whether these are modules that cannot be carried and that importing them makes as they are."""
    return bool(item.problem) and all(map(watch_imports().comes_by_import, item.names))


def _ambient_changes(session: _Session, namespace: dict[str, Any]) -> dict[str, Covariable]:
    found = read_ambient(session.baseline)
    changes: dict[str, Covariable] = {}
    for kind, value in found.items():
        known = session.state.ambient.get(kind)
        print_ = fingerprint(value, namespace=namespace)
        # A stream that nobody drew from is where the kernel's start or the state before left it.
        if (session.streams.get(kind) if kind in STREAMS else known and known.fingerprint) == print_:
            continue
        (changes[kind],) = freeze({kind: value}, State(), Process(session.process.store, namespace))
    for kind in session.state.ambient.keys() - found.keys():
        # Put back to what a fresh kernel has: nothing to carry any more.
        changes[kind] = Covariable((kind,), "default")
    return changes


def _stream_prints(found: dict[str, Any], namespace: dict[str, Any]) -> dict[str, str]:
    return {kind: fingerprint(value, namespace=namespace) for kind, value in found.items() if kind in STREAMS}


def _restore(session: _Session, kind: str) -> None:
    item = session.state.ambient.get(kind)
    if item is None or item.fingerprint == "default":
        # Replayed prelude cells may have set what a later step has put back.
        reset_ambient(kind, session.baseline)
        return
    write_ambient(kind, thaw_one(item, session.process)[kind], session.baseline)


def _peak_memory_bytes() -> int:
    try:
        import resource
    except ImportError:
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()
