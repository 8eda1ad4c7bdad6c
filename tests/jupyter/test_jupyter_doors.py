"""Who may ask, and for what: every route of the server extension without credentials, and with hostile requests."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mlops_nb.jupyter.contract import document, pattern
from mlops_nb.jupyter.extension import ROUTES
from tests.jupyter.servers import API, LETTER, Server
from tests.notebook_factory import document as notebook_document
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

VERBS = [(route, verb) for route, methods in document()["paths"].items() for verb in methods]
FILLED = {"run": "20260101-000000-abcdef", "step": "load", "hash": "a" * 64, "job": "x", "model": "tips"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server whose root lies in a folder with things that are none of its business."""
    folder = tmp_path_factory.mktemp("around")
    write(folder / "root" / "sums.ipynb", [("step:a", "x = 1")])
    write(folder / "outside" / "secret.ipynb", [("step:a", "secret = 1")])
    (folder / "root" / ".hidden").mkdir()
    write(folder / "root" / ".hidden" / "sums.ipynb", [("step:a", "x = 1")])
    (folder / "root" / "link.ipynb").symlink_to(folder / "outside" / "secret.ipynb")
    (folder / "root" / "door").symlink_to(folder / "outside", target_is_directory=True)
    (folder / "root" / "loop").symlink_to(folder / "root" / "loop")
    made = Server(folder / "root")
    yield made
    made.stop()


def filled(route: str) -> str:
    return re.sub(r"{(\w+)}", lambda name: FILLED[name[1]], route)


def test_the_document_describes_every_route_and_no_other() -> None:
    served = {
        (route.route, verb)
        for route in ROUTES
        for verb in ("get", "post", "put", "delete", "patch")
        if verb in vars(route)
    }
    assert served == set(VERBS)


@pytest.mark.parametrize(("route", "verb"), VERBS)
def test_nobody_gets_in_without_credentials(server: Server, route: str, verb: str) -> None:
    with httpx.Client(base_url=server.address + API, trust_env=False) as nobody:
        answer = nobody.request(verb, filled(route), json={} if verb == "post" else None)
        assert answer.status_code == 403, answer.text
        wrong = nobody.request(verb, filled(route), headers={"Authorization": "token wrong"})
        assert wrong.status_code == 403


@pytest.mark.parametrize(("route", "verb"), VERBS)
def test_a_page_of_another_site_gets_nothing_with_a_persons_cookie(server: Server, route: str, verb: str) -> None:
    with httpx.Client(base_url=server.address, trust_env=False) as browser:
        browser.get(f"/api/status?token={LETTER}")
        foreign = {"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}
        answer = browser.request(verb, API + filled(route), headers=foreign, json={} if verb == "post" else None)
        assert answer.status_code in {403, 404}
        assert "openapi" not in answer.text
        assert "access-control-allow-origin" not in answer.headers


def test_a_cookie_alone_changes_nothing_without_the_token_against_forgery(server: Server) -> None:
    with httpx.Client(base_url=server.address, trust_env=False) as browser:
        browser.get(f"/api/status?token={LETTER}")
        assert browser.get(f"{API}/openapi.json").status_code == 200
        answer = browser.post(f"{API}/runs", json={"path": "sums.ipynb"})
        assert answer.status_code == 403
        assert "_xsrf" in answer.json()["error"]["message"]


def test_another_host_name_is_refused(server: Server) -> None:
    assert server.client.get("/openapi.json", headers={"Host": "example.org"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        *("../outside/secret.ipynb", "/../outside/secret.ipynb", "a/../../outside/secret.ipynb", "..", "..\\outside"),
        *("link.ipynb", "door/secret.ipynb", "door", "loop", "loop/x.ipynb", ".hidden/sums.ipynb", ".hidden"),
        *("/etc/passwd", "sums.ipynb\0.txt", "x" * 4000, "~/sums.ipynb"),
    ],
)
def test_no_path_leads_out_of_the_root_or_to_what_is_hidden(server: Server, path: str) -> None:
    content = notebook_document([("step:a", "x = 1")])
    for route, body in (
        ("/plan", {"path": path}),
        ("/plan", {"path": path, "content": content}),
        ("/runs", {"path": path}),
        ("/compile", {"path": path}),
        ("/verify", {"path": path}),
        ("/suggest", {"path": path}),
    ):
        if path in {"/etc/passwd", "~/sums.ipynb"} and "content" in body:
            # Such a path is one below the root, of a file that is not there yet.
            continue
        told = server.post(route, body, 404)
        assert "secret = 1" not in json.dumps(told)
        assert str(server.folder) not in json.dumps(told)
    if "\0" not in path:
        server.get("/runs", 404, path=path)
        server.get("/models", 404, path=path)
    assert not list(server.folder.parent.rglob(".mlops_nb"))


@pytest.mark.parametrize("body", ["", "null", "[]", "3", '"x"', "{", '{"path": 3}', '{"path": null}', "\xff"])
def test_what_is_no_request_is_refused_without_a_trace(server: Server, body: str) -> None:
    for route in ("/plan", "/runs", "/compile", "/verify", "/open", "/compare", "/suggest", "/probe"):
        answer = server.client.post(route, content=body.encode("latin-1"))
        assert answer.status_code == 400, (route, answer.text)
        assert set(answer.json()["error"]) == {"code", "message", "hint"}
        assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"nbformat": 4},
        {"nbformat": 4, "cells": [3]},
        {"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": 3, "metadata": {"tags": "step:a"}}]},
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "(" * 3000, "metadata": {"tags": ["step:a"]}}]},
        {"nbformat": 4, "metadata": 3, "cells": []},
        {"nbformat": 4, "metadata": {"kernelspec": 3}, "cells": [{"cell_type": "code", "metadata": []}]},
        {"nbformat": 99, "cells": []},
    ],
)
def test_what_is_no_notebook_is_refused_and_never_a_fault_of_the_server(server: Server, content: Any) -> None:
    answer = server.client.post("/plan", json={"path": "sums.ipynb", "content": content})
    assert answer.status_code in {200, 422}, answer.text


def test_a_cell_of_the_notebook_is_never_executed_by_the_server(server: Server) -> None:
    marker = server.folder / "executed"
    source = f"open({str(marker)!r}, 'w').close()\n__import__('pathlib').Path({str(marker)!r}).touch()"
    content = notebook_document([("parameters", f"p = open({str(marker)!r}, 'w')"), ("step:a", source)])
    server.post("/plan", {"path": "sums.ipynb", "content": content})
    server.post("/suggest", {"path": "sums.ipynb", "content": content})
    server.get("/probe", path="sums.ipynb")
    assert not marker.exists()


def test_every_route_is_matched_as_the_document_says(server: Server) -> None:
    for route in document()["paths"]:
        assert re.fullmatch(pattern(route), filled(route))
    assert server.client.get("/runs/..%2f..%2fetc").status_code == 404
    assert server.client.get(f"/runs/last/artifacts/{'g' * 64}").status_code == 404


def test_hidden_folders_stay_so_unless_the_server_shows_them(tmp_path: Path) -> None:
    write(tmp_path / "root" / ".notes" / "sums.ipynb", [("step:a", "x = 1")])
    server = Server(tmp_path / "root", "--ContentsManager.allow_hidden=True")
    try:
        assert server.post("/plan", {"path": ".notes/sums.ipynb"})["ok"]
    finally:
        server.stop()
