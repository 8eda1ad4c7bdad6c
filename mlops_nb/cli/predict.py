"""The verbs that use a model version: predict, edge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from mlops_nb.cli.console import AsJson, console, counted, duration, print_json, say, size
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from rich.console import Console

AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Read a version that is a pickle: that runs what its writer put into it.")
]


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[VERSION] DATA", help="A version's number, an alias or `latest`; a CSV or Parquet file."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file of predictions, .csv or .parquet.")],
    id_column: Annotated[str, typer.Option("--id", metavar="COLUMN", help="The column that names each row.")] = "",
    batch: Annotated[int, typer.Option("--batch", min=1, help="Rows that are predicted at a time.")] = 10_000,
    allow_pickle: AllowPickle = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Predict every row of a file with a registered model; killed, the same command goes on where it was."""
    from mlops_nb.errors import UsageError
    from mlops_nb.lifecycle.predicting import predict as predict_rows

    if len(words) > 2:  # noqa: PLR2004 - a version and a file
        message = (
            f"`mlops-nb predict` takes a model, a version and one file, and was given {' '.join(words)} beside it."
        )
        raise UsageError(message, hint="Write mlops-nb predict MODEL VERSION DATA --to FILE")
    which, data = words if len(words) == 2 else ("latest", words[0])  # noqa: PLR2004
    out = console(error=as_json)
    with _Progress(out) as progress:
        made = predict_rows(
            model,
            Path(data),
            to,
            which=which,
            id_column=id_column,
            batch=batch,
            project=project,
            allow_pickle=allow_pickle,
            on_rows=progress.rows,
        )
    job = made.job
    if as_json:
        told = {"model": job.model, "version": job.version, "input_sha256": job.input_sha256, "rows": job.rows}
        print_json({**told, "file": str(to), "taken_over": made.taken_over, "seconds": round(made.seconds, 3)})
        return
    over = f", {made.taken_over} of them taken over" if made.taken_over else ""
    say(
        out,
        f"✔ {counted(job.rows, 'row')} predicted by {job.model} {job.version}{over} in {duration(made.seconds)}: {to}",
    )


def edge(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The ONNX file.")],
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version's number, an alias or `latest`.")
    ] = "latest",
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0.0, metavar="NUMBER", help="By how much its answers may differ.")
    ] = 1e-4,
    allow_pickle: AllowPickle = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a registered model as one ONNX file for devices, once it is proven to answer as the model does."""
    from mlops_nb.lifecycle.predicting import edge as write

    made = write(model, to, which=version, tolerance=tolerance, project=project, allow_pickle=allow_pickle)
    evidence = made.verdict.evidence
    if as_json:
        print_json({"file": str(to), "bytes": made.bytes, **made.verdict.to_json()})
        return
    out = console()
    told = f"{counted(evidence['rows'], 'row')} compared, largest difference {evidence['largest_difference']:.1g}"
    say(out, f"✔ {made.verdict.subject} is in {to}, {size(made.bytes)}: {told}")


class _Progress:
    """Shows how many rows are done, in a terminal alone."""

    def __init__(self, out: Console) -> None:
        from rich.progress import Progress

        self._shown = Progress(console=out, transient=True, disable=not out.is_terminal)
        self._task = self._shown.add_task("predicting", total=None)

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.stop()

    def rows(self, done: int, of: int) -> None:
        """Show that so many rows are done."""
        self._shown.update(self._task, completed=done, total=of)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(predict)
    app.command()(edge)
