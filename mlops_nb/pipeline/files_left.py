"""What the steps of a pipeline leave in files, in the notebook's order.

On the disk there is only what the last writer of a file left. What a step in the middle reads is what the last writer
*before it* left: that is what its key says, whatever later steps have made of the file since. When such a step has to
run, and the file is not that any more, the writer before it runs again first.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import content_hash
from mlops_nb.handover import LINK, link_target
from mlops_nb.snapshot import file_hash, listing_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_nb.metadata import StepRun
    from mlops_nb.pipeline.file_order import FileUse
    from mlops_nb.pipeline.precedent import Precedent

GONE = "missing"
FILE = "file"
# What a folder holds is what its steps leave in it; of the folder itself counts that it is there.
FOLDER = "folder"


def file_hashes(files: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the content hash of each file; templates with unknown parts are left to the evidence."""
    return {name: _state(name, folder) for name in sorted(files) if "{" not in name}


def written_hashes(files: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the content hash of each file that a step wrote and that is there; a folder is there or not.

    Of a symbolic link it is also told where it leads, under its name with `LINK` behind it.
    """
    names = list(files)
    links = {f"{name}{LINK}" for name in names if not name.endswith(LINK) and link_target(str(folder / name))}
    found = file_hashes({*names, *links}, folder)
    return {name: _of_itself(digest) for name, digest in found.items() if digest != GONE}


def _state(name: str, folder: Path) -> str:
    """Return the hash of what a file holds, of a folder's listing, or where a link leads."""
    if not name.endswith(LINK):
        path = folder / name
        return file_hash(path) if path.is_dir() else content_hash(path)
    target = link_target(str(folder / name.removesuffix(LINK)))
    return f"leads to {target}" if target else GONE


def _of_itself(digest: str) -> str:
    return FOLDER if digest.startswith(FOLDER) else digest


@dataclass(frozen=True)
class FilesLeft:
    """What the steps so far left: the hash of each file, `missing` for one that they removed.

    `emptied` are the folders that one of them emptied: what lies there is what was written since. `of_steps` are the
    files that steps left in earlier runs, those to come too. `found` is what a step that has run since found in files
    that it has changed.
    """

    hashes: Mapping[str, str] = field(default_factory=dict, hash=False)
    emptied: frozenset[str] = frozenset()
    of_steps: frozenset[str] = frozenset()
    found: Mapping[str, str] = field(default_factory=dict, hash=False)

    def after(self, written: Iterable[str], recorded: Mapping[str, str], emptied: Iterable[str] = ()) -> FilesLeft:
        """Return what is left after a step that wrote these paths, of which it left those with a hash."""
        every = [*written, *(link for path in written if (link := f"{posixpath.normpath(path)}{LINK}") in self.hashes)]
        gone = [posixpath.normpath(path) for path in every if path not in recorded]
        anew = frozenset(map(posixpath.normpath, emptied))
        kept = {
            path: digest
            for path, digest in self.hashes.items()
            if not any(path.startswith(f"{above}/") for above in (*gone, *anew))
        }
        found = {posixpath.normpath(path): _of_itself(digest) for path, digest in recorded.items()}
        hashes = {**kept, **dict.fromkeys(gone, GONE), **found}
        return FilesLeft(hashes, self.emptied | anew, self.of_steps)

    def emptied_above(self, path: str) -> str:
        """Return the folder that a step so far emptied, this one or one above it; empty where there is none."""
        while path not in self.emptied:
            above = posixpath.dirname(path)
            if above in {path, ""}:
                return ""
            path = above
        return path

    def left_over(self, path: str, folder: Path) -> set[str]:
        """Return what lies in an emptied folder that no step so far has left there, but one in an earlier run."""
        return (_names_in(folder / path) & _within(path, self.of_steps)) - self.left_in(path)

    def left_in(self, path: str) -> set[str]:
        """Return the names of what the steps so far left in a folder."""
        return _within(path, (name for name, digest in self.hashes.items() if digest != GONE))

    def _listing(self, path: str, folder: Path) -> str:
        """Return the hash of what an emptied folder lists where the step begins, whatever later ones left there."""
        return listing_hash((_names_in(folder / path) - self.left_over(path, folder)) | self.left_in(path))

    def known(self, name: str) -> str:
        """Return the hash of a file as the steps so far left it; empty where none has written it."""
        found = self.hashes.get(posixpath.normpath(name), FOLDER)
        return found if found != FOLDER else ""

    def read(self, names: Iterable[str], written: Iterable[str], folder: Path) -> dict[str, str]:
        """Return the hash of each file that a step reads, as it finds them.

        Of a file that it writes itself, and none before it, nobody can tell any more what it held.
        """
        own = set(map(posixpath.normpath, written))
        found = {}
        for name in sorted(set(names)):
            path = posixpath.normpath(name)
            if known := self.known(name):
                found[name] = known
            elif self.emptied_above(path) and (folder / name).is_dir():
                found[name] = self._listing(path, folder)
            elif path in self.found:
                found[name] = self.found[path]
            elif "{" not in name and (path not in own or (folder / name).is_dir()):
                found[name] = _state(name, folder)
        return found

    def asked(self, names: Iterable[str], written: Iterable[str], folder: Path) -> dict[str, str]:
        """Return of each path that a step asks for what it finds: `file`, `folder` or `missing`."""
        own = {posixpath.normpath(path) for path in written}
        found = {}
        for name in sorted(set(names)):
            path = posixpath.normpath(name)
            if known := self.left_as(path):
                found[name] = known
            elif path in self.found:
                found[name] = GONE if self.found[path] == GONE else FILE
            elif path not in own:
                found[name] = _kind(folder / name)
        return found

    def left_as(self, path: str) -> str:
        """Return what the steps so far left under a name; empty where none has written it."""
        digest = self.hashes.get(path, "")
        if digest:
            return digest if digest in {GONE, FOLDER} else FILE
        above = posixpath.dirname(path)
        while above not in {path, ""}:
            if self.hashes.get(above) == GONE:
                return GONE
            path, above = above, posixpath.dirname(above)
        return ""

    def differing(self, use: FileUse, folder: Path) -> list[str]:
        """Return those of the files that a step uses which are not any more what the steps so far left."""
        return [
            *(path for path in sorted(use.reads) if (known := self.known(path)) and _state(path, folder) != known),
            *(path for path in sorted(use.asked) if (kind := self.left_as(path)) and _kind(folder / path) != kind),
        ]


def _names_in(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()} if path.is_dir() else set()


def _within(folder: str, paths: Iterable[str]) -> set[str]:
    """Return the names in a folder of what lies in or below it."""
    return {path[len(folder) + 1 :].partition("/")[0] for path in paths if path.startswith(f"{folder}/")}


def _kind(path: Path) -> str:
    try:
        return FOLDER if path.is_dir() else FILE if path.exists() else GONE
    except (OSError, ValueError):
        return GONE


def changed(recorded: Mapping[str, str], folder: Path) -> list[str]:
    """Return those of the files that a step left which are not any more what it left."""
    now = written_hashes(recorded, folder)
    return sorted(path for path, digest in recorded.items() if now.get(path) != _of_itself(digest))


class WrittenFiles:
    """The files of a plan's steps, as it goes through them.

    Whether those that cached steps left are still as the last of their writers left them; `left` is what they left so
    far; `rewriting` are the cached steps that must run again, and why: a later one needs a file as they left it.
    """

    def __init__(self, folder: Path, precedent: Precedent, of_steps: frozenset[str]) -> None:
        self.left = FilesLeft(of_steps=of_steps)
        self.rewriting: dict[str, str] = {}
        self._folder = folder
        self._writers: dict[str, str] = {}
        self._emptiers: dict[str, str] = {}
        self._running: dict[str, FileUse] = {}
        written: dict[str, str] = {}
        self._by_step: dict[str, set[str]] = {}
        for name in sorted(precedent.last, key=lambda step: precedent.last[step].position):
            outcome: Mapping[str, Any] = precedent.last[name].outcome
            recorded = outcome.get("files", {})
            self._by_step[name] = set(recorded)
            # What a later step has removed is as it should be.
            for path in outcome.get("evidence", {}).get("writes_files", ()):
                if path not in recorded:
                    written = {
                        other: digest
                        for other, digest in written.items()
                        if not f"{other.removesuffix(LINK)}/".startswith(f"{path}/")
                    }
                elif f"{path}{LINK}" not in recorded:
                    written.pop(f"{path}{LINK}", None)
            written.update(recorded)
        self._changed = set(changed(written, folder))

    def stale(self, step: str) -> str:
        """Return why a step must write its files again, or nothing."""
        gone = sorted(self._by_step.get(step, set()) & self._changed)
        return f"the file `{gone[0]}` that it writes changed or is gone" if gone else ""

    def keeps(self, step: str, hit: StepRun) -> None:
        """Take note of the files that a cached step stands for."""
        recorded = hit.outcome.get("files", {})
        written = hit.outcome.get("evidence", {}).get("writes_files", ())
        self._by_step[step] = set(recorded)
        emptied = hit.outcome.get("emptied", ())
        self.left = self.left.after(written, recorded, emptied)
        self._emptiers |= dict.fromkeys(map(posixpath.normpath, emptied), step)
        self._writers |= dict.fromkeys(map(posixpath.normpath, (*written, *recorded)), step)

    def runs(self, step: str, use: FileUse, *, surely: bool) -> None:
        """Take note of a step that is to run, or may have to."""
        self._running[step] = use
        for path in self.left.differing(use, self._folder):
            if path in self._writers:
                self.rewriting[self._writers[path]] = f"`{step}` needs the file `{path}` as it left it"
        running = {path for earlier in self._running if earlier != step for path in self._by_step.get(earlier, ())}
        for path in use.reads:
            emptied = self.left.emptied_above(path)
            if not emptied:
                continue
            lying = self.left.left_over(path, self._folder)
            if surely:
                # What somebody else has put there would be taken away as well.
                lying = _names_in(self._folder / path) - self.left.left_in(path)
            # What the steps that run before it left, they may leave again: the check at the end of the run tells.
            if lying - _within(path, running):
                self.rewriting[self._emptiers[emptied]] = f"`{step}` looks into the folder `{path}`, which it empties"

    def unknown(self, use: FileUse) -> dict[str, str]:
        """Return what of the files that a step uses is not known yet, with the step that will write it."""
        return {f"the files of {name}": name for name, written in self._running.items() if written.disturbs(use)}
