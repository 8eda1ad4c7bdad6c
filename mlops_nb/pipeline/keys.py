"""The cache key of a step: everything its result depends on, and nothing else.

A key is the hash of its *components*. They are kept with every step run, so that the next plan can say which of them
changed: that is the "because" of a plan.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.handover import EVERY_VARIABLE, STREAMS, State
from mlops_nb.pipeline.files_left import FilesLeft
from mlops_nb.pipeline.schema_files import schema_part
from mlops_nb.snapshot import module_closure

# What lies there is others' as well, and there is too much of it.
_OF_THE_MACHINE = re.compile(r"/|/(tmp|home|root|mnt|media|srv|opt|var(/tmp)?)|/(proc|dev|sys|etc|usr|lib|run)(/.*)?")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mlops_nb.pipeline.lock import StepEvidence
    from mlops_nb.steps.step import Step

SCHEME = 4
# What shells, terminals, desktops and test runners set for each session or program anew.
_OF_TERMINALS = re.compile(
    r"_$|(OLD)?PWD$|SHLVL$|TERM|COLORTERM$|COLUMNS$|LINES$|WINDOW|DISPLAY$|WAYLAND_|XAUTHORITY$|SSH_|TMUX|STY$|DBUS_|XDG_"
    r"|GPG_|VTE_|PS\d$|PROMPT|LS_COLORS$|LESS|HIST|INVOCATION_ID$|JOURNAL_STREAM$|SYSTEMD_|GNOME_|DESKTOP_|KDE_|VSCODE_"
    r"|ITERM_|JPY_|JUPYTER|PYTEST_|CONDA_(PROMPT|SHLVL)|PYDEVD_"
)
NOTHING_LEFT = FilesLeft()


@dataclass(frozen=True)
class KeyContext:
    """What all steps of a run have in common: folders, environment, parameter values, environment variables.

    `schemas` is the folder of the schemas by which datasets are judged. `imported` tells what identifies each step of
    another notebook, or of a package, that a step imports.
    """

    folder: Path
    root: Path
    environment: str
    parameters: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    schemas: Path | None = None
    imported: Callable[[Step], Mapping[str, str]] = field(default=lambda _: {}, hash=False, compare=False)


def source_hash(step: Step) -> str:
    """Identify a step's code: cells, replayed prelude, what it publishes. Comments and blank lines do not count."""
    published = {"outputs": [output.published() for output in step.settings.outputs], "metrics": list(step.metrics)}
    text = [*(code_text(cell.source) for cell in (*step.replay, *step.cells)), json.dumps(published, sort_keys=True)]
    # Where code asks for what was typed, comments are something that it may compute with.
    text += [step.typed] if step.typed else []
    return hashlib.sha256("\0".join(text).encode()).hexdigest()[:32]


# A run asks for a cell's text when it plans, when it records and when it checks.
@lru_cache(maxsize=1024)
def code_text(source: str) -> str:
    """Return source without comments, blank lines and trailing spaces; unchanged where it is not plain Python."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return source
    lines = source.splitlines()
    inside = {
        number
        for token in tokens
        if token.start[0] != token.end[0]
        for number in range(token.start[0], token.end[0] + 1)
    }
    comments = {token.start[0]: token.start[1] for token in tokens if token.type == tokenize.COMMENT}
    kept = []
    for number, line in enumerate(lines, 1):
        if number in inside:
            kept.append(line[: comments[number]].rstrip() if number in comments else line)
        else:
            code = line[: comments.get(number, len(line))].rstrip()
            if code:
                kept.append(code)
    return "\n".join(kept)


def needed(step: Step, state: State, evidence: StepEvidence | None = None) -> State:
    """Return the part of the state that the step may read: the whole of it behind a barrier.

    Of the evidence count the names that its text does not have.
    """
    rebound = step.flow.defines.keys() | step.flow.deletes.keys()
    unpickled = evidence.unpickles if evidence is not None else ()
    return state if step.flow.barrier else state.only({*step.reads, *unpickled}, rebound)


def modules_of(step: Step, state: State) -> list[str]:
    """Return the modules that the step's text imports, and those whose code its inputs refer to."""
    inputs = needed(step, state)
    return sorted(
        {name for item in (*inputs.covariables, *inputs.hidden) for name in item.modules} | {*step.flow.imports}
    )


def components(
    step: Step,
    state: State,
    context: KeyContext,
    evidence: StepEvidence | None,
    left: FilesLeft = NOTHING_LEFT,
) -> dict[str, Any]:
    """Return what the result of a step depends on.

    Parameters
    ----------
    step
        The step.
    state
        The state before it.
    context
        What all steps have in common.
    evidence
        What this source was seen to do: the random streams it draws from and the files it reads. Without it the text
        alone says so.
    left
        What the steps before it left in files.
    """
    inputs = needed(step, state, evidence)
    streams = set(evidence.streams) if evidence else set(step.flow.ambient) & STREAMS
    seen = evidence or step.flow
    imported = context.imported(step)
    # Of a notebook the imported step alone counts, not its outputs or its other steps.
    # What it changes itself it finds as it is now.
    written = set(seen.writes_files) - set(evidence.changes_files if evidence else ())
    asked = left.asked(evidence.asks_files, written, context.folder) if evidence else {}
    covered = {posixpath.normpath(name.rpartition(": ")[0]) for name in imported}
    return {
        "scheme": SCHEME,
        "source": source_hash(step),
        "environment": context.environment,
        "parameters": dict(context.parameters) if step.has_parameters else {},
        "inputs": {name: item.fingerprint for item in inputs.covariables for name in item.names}
        | {oid: item.fingerprint for item in inputs.hidden for oid in item.oids.values()},
        "ambient": {
            kind: item.fingerprint for kind, item in state.ambient.items() if kind not in STREAMS or kind in streams
        },
        "variables": {name: _short(context.variables.get(name)) for name in _variables(step, evidence, context)},
        "modules": module_closure(modules_of(step, state), [context.folder, context.root]),
        "files": left.read((name for name in seen.reads_files if name not in covered), written, context.folder),
        # Where there is none there is no such part, so that other steps keep their keys.
        **({"asked": asked} if asked else {}),
        **({"imported": dict(imported)} if imported else {}),
    } | schema_part(step, context.schemas)


def _variables(step: Step, evidence: StepEvidence | None, context: KeyContext) -> list[str]:
    """Return the variables of the environment that a step looks up; of all, those that no terminal sets by itself."""
    names = {*step.variables, *(evidence.variables if evidence else ())}
    if EVERY_VARIABLE in names:
        names |= {name for name in context.variables if not _OF_TERMINALS.match(name)}
    return sorted(names - {EVERY_VARIABLE})


def _short(value: str | None) -> str:
    """Return what tells a variable's value from another without telling it: it may be a secret."""
    return "unset" if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the key that these components make."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words which components differ, the weightiest first."""
    return [words for _, words, _ in changed_parts(before, now)]


def changed_parts(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str, Sequence[str]]]:
    """Return which components differ, the weightiest first: the component, the same in words, and what of it."""
    if before.get("scheme") != now.get("scheme"):
        return [("scheme", "mlops_nb computes keys differently now", ())]
    found: list[tuple[str, str, Sequence[str]]] = []
    if before.get("source") != now.get("source"):
        found.append(("source", "its source changed", ()))
    for part, sentence in _SENTENCES:
        changed = _changed(before.get(part, {}), now.get(part, {}))
        if changed:
            names = ", ".join(f"`{name}`" for name in changed[:3]) + ("…" if changed[3:] else "")
            found.append((part, sentence.format(names), changed))
    if before.get("environment") != now.get("environment"):
        found.append(("environment", "the environment changed", ()))
    return found


_SENTENCES = (
    ("parameters", "the parameter {} changed"),
    ("inputs", "{} changed"),
    ("imported", "the imported step {} changed"),
    ("files", "the file {} changed"),
    ("asked", "{} came or went"),
    ("variables", "the environment variable {} changed"),
    ("modules", "the module {} changed"),
    ("schemas", "the schema {} changed"),
    ("ambient", "the ambient state {} changed"),
)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> Sequence[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def relative(path: str, folder: Path, root: Path) -> str:
    """Return a file's name as the lock keeps it: relative to the notebook's folder when it lies in the project."""
    file = Path(path)
    if file.is_relative_to(root) and file.is_relative_to(folder):
        return file.relative_to(folder).as_posix()
    if file.is_relative_to(root):
        ups = len(folder.relative_to(root).parts) if folder.is_relative_to(root) else 0
        return "/".join([*[".."] * ups, file.relative_to(root).as_posix()])
    return file.as_posix()


def data_folders(named: Iterable[str], context: KeyContext) -> list[str]:
    """Return the folders in which it is noted what a step opens in C: the project, and what is named besides.

    Parameters
    ----------
    named
        The texts in the notebook's code, which may be folders.
    context
        The run's, whose parameters may be.
    """
    root = os.path.realpath(context.root)
    found = {root: None}
    for text in (*named, *(value for value in context.parameters.values() if isinstance(value, str))):
        with suppress(OSError, ValueError, RuntimeError):
            folder = os.path.abspath(context.folder / Path(text).expanduser())  # noqa: PTH100 - links stay
            # Asked first: it is the cheapest question, and most texts are no folder.
            if not os.path.isdir(folder):  # noqa: PTH112
                continue
            real = Path(folder).resolve()
            above = any(Path(place).is_relative_to(real) for place in (root, Path.home()))
            if not above and not _OF_THE_MACHINE.fullmatch(str(real)):
                found[folder] = None
    return list(found)
