"""The dataflow lock: what the last run of each step was seen to read and write, committed beside the pipeline.

`pipelines/NAME/dataflow.lock.json`. A step whose source is the one the lock saw is *proven*: it may run beside steps
it shares nothing with. Any other step waits for all before it, and all after it wait for it, so a new notebook runs
as a chain. The lock is a guess about the next run, never its authority: every run checks its own evidence.

Format 1; steps in the notebook's order, names sorted, nothing that differs between two equal runs, so that git sees a
change only when the dataflow has changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.notebook import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FILE = "dataflow.lock.json"
FORMAT = 1


@dataclass(frozen=True)
class StepEvidence:
    """What a step was seen to do.

    `source` identifies the code that did it. `reads` and `writes` are variables, ambient kinds among them as `@kind`;
    `streams` the random streams it drew from; files are relative to the notebook's folder where they lie below the
    project, and `asks_files` are those that it looked for without opening them; `changes_files` are
    those that it wrote after it had read them, or looked for them; `asks_times` are those of several steps
    of which it asked how old they are, and `sets_times` those that it wrote and that are older or younger than that;
    `variables` are those of the environment that it looked up, and `unpickles` the notebook's names that a pickle
    refers to, unless its text has them; `stays` are variables that could not leave the process, with the reason;
    `outside` is what it did that nobody can follow, such as starting a program.
    """

    source: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    reads_files: tuple[str, ...] = ()
    writes_files: tuple[str, ...] = ()
    asks_files: tuple[str, ...] = ()
    changes_files: tuple[str, ...] = ()
    asks_times: tuple[str, ...] = ()
    sets_times: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    unpickles: tuple[str, ...] = ()
    stays: Mapping[str, str] = field(default_factory=dict, hash=False)
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataflowLock:
    """The evidence for each step of a pipeline."""

    steps: Mapping[str, StepEvidence] = field(default_factory=dict, hash=False)

    def proven(self, step: str, source: str) -> StepEvidence | None:
        """Return the evidence for this step if it was this source that gave it."""
        found = self.steps.get(step)
        return found if found is not None and found.source == source else None


def read_lock(path: Path) -> DataflowLock:
    """Read a lock; one that is not there is empty.

    Raises
    ------
    UsageError
        When the file is no lock, or of a newer format.
    """
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8"))
        if given["format"] > FORMAT:
            message = f"{path} is in format {given['format']}, and this version of mlops_nb reads {FORMAT}."
            raise UsageError(message, hint="Install the newer mlops_nb that wrote it, or delete the file.")
        return DataflowLock({name: evidence_from(item) for name, item in given["steps"].items()})
    except FileNotFoundError:
        return DataflowLock()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is not a dataflow lock ({type(error).__name__}: {error})."
        raise UsageError(
            message, hint="Restore it from version control, or delete it: the next run writes it."
        ) from error


def evidence_from(given: Mapping[str, Any], source: str = "") -> StepEvidence:
    """Return the evidence that JSON holds; `source` where it holds none."""
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return StepEvidence(**{"source": source, **fields})


def write_lock(path: Path, lock: DataflowLock) -> bool:
    """Write a lock when it differs from the file; say whether it did."""
    steps = {name: {key: value for key, value in vars(item).items() if value} for name, item in lock.steps.items()}
    text = json.dumps({"format": FORMAT, "steps": steps}, indent=1, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def keep_lock(path: Path, lock: DataflowLock, tell: Callable[[str], None]) -> bool:
    """Write a lock as `write_lock` does; where it cannot be written, tell so: the run has been recorded anyway."""
    try:
        return write_lock(path, lock)
    except OSError as error:
        tell(f"{path} cannot be written ({error.strerror or error}): the next run knows no more than this one did")
        return False
