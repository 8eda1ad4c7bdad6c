"""The verb that puts a model behind an API: `serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_nb.cli.console import AsJson, console, print_json, say, show_pairs
from mlops_nb.cli.predict import AllowPickle
from mlops_nb.cli.record import Here

if TYPE_CHECKING:
    from mlops_nb.lifecycle.serving import Serving


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version's number, an alias or `latest`.")
    ] = "champion",
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")] = 8080,
    token: Annotated[
        str,
        typer.Option(
            "--token",
            metavar="REFERENCE",
            help="Where the token is that requests must show: env:NAME or file:PATH. Made and shown without it.",
        ),
    ] = "",
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Want no token; on an address that only this machine reaches.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name that requests may call the server by; repeatable."),
    ] = None,
    max_mb: Annotated[float, typer.Option("--max-mb", min=0.001, help="Most megabytes of a request's body.")] = 10.0,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Requests that are worked on at once.")] = 2,
    grace: Annotated[
        int, typer.Option("--grace", metavar="SECONDS", min=0, help="How long requests may take at the end.")
    ] = 30,
    allow_pickle: AllowPickle = False,
    project: Here = Path(),
    as_json: AsJson = False,
) -> None:
    """Serve a registered model over REST, until Ctrl-C or SIGTERM: the Open Inference Protocol, and /predict."""
    from mlops_nb.errors import UsageError
    from mlops_nb.lifecycle.serving import serve as serve_version
    from mlops_nb.serving.online.server import Place
    from mlops_nb.serving.online.token import make_token, read_token

    if token and no_token:
        message = "`--token` and `--no-token` contradict each other."
        raise UsageError(message, hint="Leave one out.")
    made = "" if token or no_token else make_token()
    place = Place(
        host=host,
        port=port,
        token=read_token(token, os.environ) if token else made,
        allow_hosts=tuple(allow_host or ()),
        body_mb=max_mb,
        threads=threads,
        grace_s=grace,
    )

    def tell(serving: Serving) -> None:
        served = serving.version
        if as_json:
            told = {"url": serving.url, "model": served.model, "version": served.version, "run": served.run}
            print_json({**told, "token": made} if made else told)
            sys.stdout.flush()
            return
        out = console()
        say(out, f"✔ {served.model} {served.version} answers at {serving.url}")
        routes = [("POST /predict", "rows as JSON objects"), (f"POST /v2/models/{served.model}/infer", "tensors")]
        show_pairs(out, [*routes, ("GET /openapi.json", "all routes")])
        if made:
            say(out, f"Authorization: Bearer {made}")

    serve_version(model, place, which=version, project=project, allow_pickle=allow_pickle, on_ready=tell)


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(serve)
