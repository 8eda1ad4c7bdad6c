"""The verb that reads the registry: `mlops-nb models`, one model, one version, and all that is needed to use it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import (
    AsJson,
    console,
    heading,
    local_time,
    print_json,
    say,
    show_pairs,
    show_table,
    shown,
    table,
)
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_nb.metadata import ModelVersion, RecordedVerdict
    from mlops_nb.project import Project
    from mlops_nb.registry import Evidence

_SCORE = "model-score"
_NONE_YET = "No models yet. Declare one as a step's output and run the notebook."


def models(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="One model's versions.")] = None,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="One version, whole: its number, an alias, or `latest`.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="Write the version's model, sample input, signature, metrics and packages into a new folder.",
        ),
    ] = None,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """List registered models, or the versions of one; show a version, or write it out for use elsewhere."""
    from mlops_nb.errors import UsageError
    from mlops_nb.project import find_project
    from mlops_nb.registry import LATEST

    place = find_project(project)
    if to is not None and model is None:
        message = "`--to` writes one version, and no model is named."
        raise UsageError(message, hint="Name it: mlops-nb models MODEL VERSION --to FOLDER")
    if model is not None and (version is not None or to is not None):
        _one(place, model, version or LATEST, to, as_json=as_json)
        return
    versions = _versions(place, model)
    if as_json:
        print_json([asdict(item) for item in versions])
        return
    out = console()
    if not versions:
        say(out, _NONE_YET)
        return
    made = table("model", "version", "made", "run", "aliases", wide="aliases", right=("version",))
    for item in versions:
        cells = (local_time(item.created, brief=True), item.run or "", ", ".join(item.aliases))
        made.add_row(item.model, str(item.version), *cells)
    show_table(out, made)
    for item in versions if model is not None else ():
        if item.metrics:
            heading(out, f"metrics of version {item.version}")
            show_pairs(out, [(name, shown(value)) for name, value in item.metrics.items()])


def _require_log(place: Project, model: str) -> None:
    from mlops_nb.errors import UsageError

    if not place.has_log:
        message = f"There is no model `{model}`."
        raise UsageError(message, hint=_NONE_YET)


def _versions(place: Project, model: str | None) -> list[ModelVersion]:
    from mlops_nb.registry import Registry

    if model is not None:
        _require_log(place, model)
    elif not place.has_log:
        return []
    with place.log() as log:
        registry = Registry(log)
        names = [known.name for known in registry.models()] if model is None else [model]
        return [version for name in names for version in registry.versions(name)]


def _one(place: Project, model: str, which: str, to: Path | None, *, as_json: bool) -> None:
    from mlops_nb.registry import Registry, write_version
    from mlops_nb.report.model_card import write_card

    _require_log(place, model)
    with place.log() as log:
        registry = Registry(log)
        version = registry.get(model, which)
        evidence = registry.evidence(version)
        scores = [item for item in log.verdicts(model=model, version=version.version) if item.judge == _SCORE]
        card = {} if to is None else write_card(registry, version, place.artifact_store())
    files = () if to is None else write_version(version, place.artifact_store(), to, card)
    if as_json:
        told = {"verdicts": [item.content for item in (*evidence.verdicts, *scores)], "problems": evidence.problems}
        print_json({**asdict(version), **told, **({} if to is None else {"files": [str(path) for path in files]})})
        return
    out = console()
    if to is None:
        _show(version, out)
        _show_evidence(evidence, scores, out)
        out.print()
        say(out, f"Use it elsewhere: mlops-nb models {version.model} {version.version} --to FOLDER", "dim")
    else:
        say(out, f"{version.model} version {version.version} is in {to}")
        show_pairs(out, [(path.name, "") for path in files])


def _show(version: ModelVersion, out: Console) -> None:
    say(out, f"{version.model} version {version.version}")
    aliases = ", ".join(version.aliases)
    say(
        out,
        f"{local_time(version.created)} · run {version.run} · step {version.step}" + (aliases and f" · {aliases}"),
        "dim",
    )
    if version.metrics:
        heading(out, "metrics")
        show_pairs(out, [(name, shown(value)) for name, value in version.metrics.items()])
    if version.signature:
        heading(out, "takes")
        columns: list[dict[str, Any]] = version.signature.get("inputs", [])
        show_pairs(
            out,
            [(item["name"], item["dtype"], "may be missing" if item.get("nullable") else "") for item in columns],
        )
        heading(out, "gives")
        classes = version.signature.get("classes")
        told = f"one of {shown(classes)}" if classes else ""
        show_pairs(out, [(version.signature.get("method", ""), version.signature.get("dtype", ""), told)])
    environment = version.environment
    heading(out, "made with")
    packages = len(environment.get("packages", {}))
    show_pairs(
        out, [(f"Python {environment.get('python', '')}", f"{packages} packages", environment.get("platform", ""))]
    )
    heading(out, "content")
    content = [("model", version.artifact, version.format)]
    if version.sample_input is not None:
        content.append(("sample input", version.sample_input, ""))
    show_pairs(out, [(name, digest[:12], remark) for name, digest, remark in content])


def _show_evidence(evidence: Evidence, scores: list[RecordedVerdict], out: Console) -> None:
    """Show what judges said of the version, what keeps it from being promoted, and how it did on other data."""
    from mlops_nb.cli.verdicts import show_measured, show_verdicts
    from mlops_nb.validation import Verdict

    verdicts = [Verdict.from_json(item.content) for item in evidence.verdicts]
    if verdicts:
        for verdict in verdicts:
            show_measured(verdict.evidence, out)
        heading(out, "verdicts")
        show_verdicts(verdicts, out, details=False)
        may = "it may be promoted" if not evidence.problems else "it may not be promoted:"
        say(out, "\n".join([f"  {may}", *(f"    {problem}" for problem in evidence.problems)]))
    for item in scores:
        told = item.content["evidence"]
        heading(out, f"scored on {told.get('file', '')}, {local_time(item.at, brief=True)} by {item.who}")
        show_measured(told, out)


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(models)
