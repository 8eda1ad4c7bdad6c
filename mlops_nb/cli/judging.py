"""The verbs that judge a registered version: `judge`, `score`, `probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, heading, print_json, say
from mlops_nb.cli.predict import AllowPickle
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from mlops_nb.lifecycle import Judged

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="Its number, an alias, or `latest`.")]


def judge(
    model: Model,
    version: Version = "latest",
    allow_pickle: AllowPickle = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Judge a version anew: by its gate, on the data it was judged on, against the champion of now."""
    from mlops_nb.lifecycle import judge as judge_again
    from mlops_nb.project import find_project

    _show(judge_again(find_project(project), model, version, allow_pickle=allow_pickle), as_json=as_json)


def score(
    model: Model,
    version: Version,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A CSV or Parquet file: rows with their truth.")],
    target: Annotated[
        str, typer.Option("--target", metavar="COLUMN", help="The column with the truth; that of the gate if absent.")
    ] = "",
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="A metric, may be repeated; those of the gate if absent."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--slice", metavar="COLUMNS", help="A column to group by, or several joined by `&`; repeatable."),
    ] = None,
    allow_pickle: AllowPickle = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Score any version on other data: metrics, groups and intervals, recorded with the version."""
    from mlops_nb.lifecycle import Asked
    from mlops_nb.lifecycle import score as score_version
    from mlops_nb.project import find_project

    asked = Asked(target, metric or (), by or (), allow_pickle)
    _show(score_version(find_project(project), model, version, data, asked), as_json=as_json)


def probe(
    model: Model,
    version: Version = "latest",
    memory_mb: Annotated[
        int | None, typer.Option("--memory-mb", metavar="N", min=1, help="Most memory (MiB) that it may take.")
    ] = None,
    env: Annotated[
        str, typer.Option("--env", metavar="WHICH", help="`here`, or `rebuild`: one with the recorded packages.")
    ] = "here",
    against: Annotated[
        str, typer.Option("--against", metavar="ALIAS", help="Whose signature requests are made for.")
    ] = "champion",
    allow_pickle: AllowPickle = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Load a version in a fresh process, predict its sample rows, and compare what it takes and gives."""
    from mlops_nb.errors import UsageError
    from mlops_nb.lifecycle import environment_of
    from mlops_nb.lifecycle import probe as probe_version
    from mlops_nb.project import find_project

    place = find_project(project)
    if env not in {"here", "rebuild"}:
        message = f"`--env {env}` is neither `here` nor `rebuild`."
        raise UsageError(message, hint="`--env rebuild` builds an environment with the recorded packages.")
    told = console(error=True)
    interpreter = environment_of(place, model, version, lambda text: say(told, text)) if env == "rebuild" else None
    found = probe_version(
        place,
        model,
        version,
        memory_mb=memory_mb,
        interpreter=interpreter,
        against=against,
        allow_pickle=allow_pickle,
    )
    _show(found, as_json=as_json)


def _show(one: Judged, *, as_json: bool) -> None:
    from mlops_nb.cli.verdicts import judged_as_json, show_measured, show_verdicts

    if as_json:
        print_json(judged_as_json(one))
    else:
        out = console()
        say(out, f"{one.version.model} version {one.version.version}: {one.decision}")
        for verdict in one.verdicts:
            show_measured(verdict.evidence, out)
        heading(out, "verdicts")
        show_verdicts(one.verdicts, out)
    if one.decision in {"refuse", "stop"}:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(judge)
    app.command()(score)
    app.command()(probe)
