"""Verbs that look after the stores: gc, doctor."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, counted, print_json, say, show_table, size, table
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from mlops_nb.execution.upkeep.doctor import Finding
    from mlops_nb.execution.upkeep.gc import Removable

_NOTHING_YET = "No runs yet, so there is nothing to look after. Start one: mlops-nb run NOTEBOOK"
_DIGEST_SHOWN = 12


def gc(
    keep: Annotated[int, typer.Option(min=0, help="Keep the newest so many runs of each pipeline.")] = 10,
    days: Annotated[float, typer.Option(min=0, help="Keep runs that are younger than so many days.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")] = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Free the space of runs that nobody keeps: their folders, and the artifacts that only they refer to."""
    from mlops_nb.artifacts import Holdings
    from mlops_nb.execution.upkeep.gc import Rules, removable, remove
    from mlops_nb.project import find_project

    place, rules, out = find_project(project), Rules(keep, days), console()
    if not place.has_log:
        print_json({"kept": {}, "runs": [], "bytes": 0}) if as_json else say(out, _NOTHING_YET)
        return
    with place.log() as log:
        holdings = Holdings(place.artifact_store().url)
        found = removable(log, holdings, place.runs, rules)
        told = {**asdict(found), "folders": [str(path) for path in found.folders], "runs": found.swept}
        if not as_json:
            _tell_removable(found, out, dry_run=dry_run)
        freed = None if dry_run else remove(found, log, holdings, rules)
    if as_json:
        print_json({**told, "dry_run": dry_run, "freed": freed and asdict(freed)})
    elif not found.folders and not found.artifacts:
        return
    elif freed is None:
        say(out, "Nothing was changed. To free it: the same without --dry-run")
    else:
        folders, artifacts = counted(freed.folders, "folder"), counted(freed.artifacts, "artifact")
        say(out, f"Freed {size(freed.bytes)}: {folders} of runs and {artifacts}. The record of all runs stays.")


def _tell_removable(found: Removable, out: Console, *, dry_run: bool) -> None:
    reasons: dict[str, int] = {}
    for because in found.kept.values():
        reasons[because] = reasons.get(because, 0) + 1
    kept = ", ".join(f"{number} {because}" for because, number in reasons.items())
    say(out, f"Keeps {counted(len(found.kept), 'run')}{f' ({kept})' if kept else ''}.")
    folders, artifacts = counted(len(found.folders), "folder"), counted(len(found.artifacts), "artifact")
    if not found.folders and not found.artifacts:
        say(out, "There is nothing to free.")
    else:
        say(out, f"{'Would free' if dry_run else 'Frees'} {size(found.bytes)}: {folders} of runs and {artifacts}.")
    if found.young:
        since = f"run {found.living} began, which still goes on" if found.living else "an hour ago"
        say(out, f"{size(found.young)} more belong to no run, but were used or stored since {since}.", "dim")


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    close: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Close this run too: its process is gone, but cannot be seen from here."),
    ] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Find what is wrong with the stores: died runs, leftovers, corrupt and missing artifacts, a damaged record."""
    from mlops_nb.artifacts import Holdings
    from mlops_nb.execution.upkeep.doctor import Stores, examine
    from mlops_nb.project import find_project

    place, out = find_project(project), console()
    if not place.has_log:
        print_json({"ok": True, "findings": []}) if as_json else say(out, _NOTHING_YET)
        return
    stores = Stores(place.log, Holdings(place.artifact_store().url), place.runs, place.home / "orphans")
    with _progress(console(error=True)) as progress:
        found = examine(stores, repair=repair, close=tuple(close or ()), progress=progress)
    wrong = any(finding.is_open for finding in found)
    if as_json:
        print_json({"ok": not wrong, "findings": [{**asdict(item), "open": item.is_open} for item in found]})
    else:
        _tell_findings(found, out, repair=repair)
    raise typer.Exit(1 if wrong else 0)


@contextmanager
def _progress(out: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how much of the artifacts has been read, in a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("reading artifacts"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)


def _tell_findings(found: tuple[Finding, ...], out: Console, *, repair: bool) -> None:
    from rich.text import Text

    if not found:
        say(out, "✔ Nothing is wrong: the record is whole, and every artifact is what its name says.", "green")
        return
    made = table("", "what", "which", "found", "belongs to", "mend", wide="found")
    for item in found:
        sign, style = ("✔", "green") if item.repaired else ("✘", "bold red") if item.wrong else ("·", "dim")
        which = item.what[:_DIGEST_SHOWN] if item.kind.endswith("artifact") else _short(item.what)
        belongs = ", ".join((*(f"model {model}" for model in item.models), *_few(item.runs)))
        done = f"done: {item.act}" if item.repaired else item.act
        words = (item.kind, which, item.fact, "" if item.kind.endswith("run") else belongs, done)
        made.add_row(Text(sign, style), *map(Text, words))
    show_table(out, made)
    left = sum(item.is_open for item in found)
    mended = sum(item.repaired for item in found)
    out.print()
    if repair:
        say(out, f"{counted(mended, 'finding')} mended, {left} left.")
    elif left:
        say(out, f"{counted(left, 'finding')} to mend: mlops-nb doctor --repair")


def _few(runs: tuple[str, ...]) -> tuple[str, ...]:
    shown = 1
    return (*runs[:shown], *((f"{len(runs) - shown} more",) if len(runs) > shown else ()))


def _short(what: str) -> str:
    path = Path(what)
    return what if not path.is_absolute() else f"{path.parent.name}/{path.name}"


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(gc)
    app.command()(doctor)
