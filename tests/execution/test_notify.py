"""How a run ended is told by command, webhook and e-mail; what cannot be told never fails the run and is recorded."""

from __future__ import annotations

import json
import sys
import time
from email import message_from_string, policy
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mlops_nb.execution.notifying.notify import notify
from mlops_nb.execution.notifying.settings import Notifications, NotifySettingsError, read_notifications
from mlops_nb.lifecycle import run
from mlops_nb.metadata import MetadataStore, Origin, PipelineVersion, PlannedStep, RunStart
from tests.cli.command import call
from tests.execution.servers import Mail, Web, mail_server, web_server
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_nb.execution import RunEvent


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as served:
        yield served


@pytest.fixture
def mail() -> Iterator[Mail]:
    with mail_server() as served:
        yield served


@pytest.fixture
def log(tmp_path: Path) -> Iterator[MetadataStore]:
    """A record in which a run has failed."""
    with MetadataStore.open(f"sqlite:///{tmp_path}/log.db") as opened:
        version = PipelineVersion("rides", "v1", {})
        opened.start_run(RunStart("r1", version, "rides.ipynb", Origin("api"), (PlannedStep("train", "1"),)))
        opened.finish_run("r1", "failed", "step `train` failed")
        yield opened


def tell(log: MetadataStore, place: Path, **table: Any) -> tuple[list[tuple[str, str]], list[str]]:
    """Notify of the failed run; return what its record says of it, and what was told."""
    heard: list[RunEvent] = []
    notify(read_notifications(("the tests", table)), "r1", log, heard.append, place)
    lines = [(line.status, line.why) for line in log.run("r1").history if "notified" in line.status]
    return lines, [event.text for event in heard]


def test_a_failed_run_is_told_by_all_three_and_the_record_says_so(
    tmp_path: Path, web: Web, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write(tmp_path / "rides.ipynb", [("step:load", "n = 3"), ("step:train", "m = n / 0"), ("", "m")])
    monkeypatch.setenv("HOOK_TOKEN", "Bearer s3cret")
    monkeypatch.setenv("MAIL_PASSWORD", "pa55")
    keep = "import sys; open('told.json', 'w').write(sys.stdin.read())"
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.mlops_nb.notify.command]\nrun = {json.dumps([sys.executable, '-c', keep])}\n"
        f"[tool.mlops_nb.notify.webhook]\nurl = '{web.url}/hook'\nheaders = {{Authorization = 'env:HOOK_TOKEN'}}\n",
        encoding="utf-8",
    )
    settings = tmp_path / "pipelines" / "rides" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        "[notify]\non = ['failed', 'succeeded']\n[notify.email]\nto = ['ada@example.org', 'bob@example.org']\n"
        f"from = 'runs@example.org'\nhost = '127.0.0.1'\nport = {mail.port}\nstarttls = false\n"
        "user = 'runs'\npassword = 'env:MAIL_PASSWORD'\n",
        encoding="utf-8",
    )
    record = run(notebook).result.record

    assert record.run.status == "failed"
    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert (told["run"], told["status"], told["pipeline"]) == (record.run.id, "failed", "rides")
    assert told["failed"] == [{"step": "train", "reason": "ZeroDivisionError: division by zero", "cell": 2}]
    ((path, headers, body),) = web.posts
    assert (path, headers["Authorization"], headers["Content-Type"]) == ("/hook", "Bearer s3cret", "application/json")
    assert json.loads(body) == told
    ((sender, to, text),) = mail.letters
    assert (sender, to) == ("runs@example.org", ["ada@example.org", "bob@example.org"])
    assert mail.logins == [("runs", "pa55")]
    letter = message_from_string(text, policy=policy.default)
    assert letter["Subject"] == f"rides: run {record.run.id} failed"
    assert "step train: ZeroDivisionError: division by zero" in text
    assert [(line.status, line.why) for line in record.history if "notified" in line.status] == [
        ("notified", "the command " + sys.executable),
        ("notified", "the webhook 127.0.0.1"),
        ("notified", "the e-mail to ada@example.org, bob@example.org"),
    ]

    edit(notebook, 2, "m = n + 1")
    assert run(notebook).result.status == "succeeded"
    assert json.loads(web.posts[1][2])["status"] == "succeeded"
    # A copy that is only looked at tells nobody.
    edit(notebook, 2, "m = n / 0")
    assert call(tmp_path, "verify", "rides.ipynb").code != 0
    assert len(web.posts) == len(mail.letters) == 2


def test_only_the_ends_that_are_asked_for_are_told(tmp_path: Path, log: MetadataStore, web: Web) -> None:
    assert tell(log, tmp_path, on=["succeeded"], webhook={"url": web.url}) == ([], [])
    assert not web.posts
    assert tell(log, tmp_path, webhook={"url": web.url}) == ([("notified", "the webhook 127.0.0.1")], [])


def test_a_server_that_fails_is_asked_three_times_and_one_that_refuses_once(
    tmp_path: Path, log: MetadataStore, web: Web
) -> None:
    hook = {"url": f"{web.url}/T0/secret-path", "retry_wait_s": 0.01}
    web.answers = [500, 503, 200]
    assert tell(log, tmp_path, webhook=hook)[0] == [("notified", "the webhook 127.0.0.1")]
    assert len(web.posts) == 3
    web.answers = [502, 502, 502, 404]
    lines, told = tell(log, tmp_path, webhook=hook)
    assert lines[-1] == ("not-notified", "the webhook 127.0.0.1: it answered 502 Bad Gateway 3 times")
    assert told == [f"not notified by {lines[-1][1]}"]
    lines, _ = tell(log, tmp_path, webhook=hook)
    assert lines[-1] == ("not-notified", "the webhook 127.0.0.1: it answered 404 Not Found")
    assert len(web.posts) == 7
    assert "secret-path" not in str(lines)
    nobody = {"url": "http://127.0.0.1:9/", "retry_wait_s": 0.01, "timeout_s": 1}
    assert "Connection refused" in tell(log, tmp_path, webhook=nobody)[0][-1][1]


def test_a_redirect_is_followed_on_the_same_host_and_to_no_other(
    tmp_path: Path, log: MetadataStore, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "s3cret")
    hook = {"url": f"{web.url}/old", "headers": {"X-Token": "env:HOOK_TOKEN"}}
    with web_server() as other:
        web.answers = [(307, f"{other.url}/stolen")]
        lines, _ = tell(log, tmp_path, webhook=hook)
        assert lines == [
            ("not-notified", "the webhook 127.0.0.1: it redirects to http://127.0.0.1, another host"),
        ]
        assert not other.posts
    web.answers = [(308, "/new")]
    assert tell(log, tmp_path, webhook=hook)[0][-1][0] == "notified"
    path, headers, body = web.posts[-1]
    assert (path, headers["X-Token"], json.loads(body)["run"]) == ("/new", "s3cret", "r1")


def test_a_command_that_fails_hangs_or_is_not_there_is_recorded_and_leaves_nothing(
    tmp_path: Path, log: MetadataStore
) -> None:
    fails = [sys.executable, "-c", "import sys; sys.exit('no such room')"]
    assert tell(log, tmp_path, command={"run": fails})[0][-1][1].endswith("it ended with code 1: no such room")
    hangs = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '345.6'])"]
    began = time.monotonic()
    lines, _ = tell(log, tmp_path, command={"run": hangs, "timeout_s": 0.5})
    assert lines[-1][1].endswith("it took longer than 0.5 s and was ended")
    assert time.monotonic() - began < 60
    assert not [one for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[-1:] == ["345.6"]]
    lines, told = tell(log, tmp_path, command={"run": ["no-such-command"]})
    assert lines[-1][0] == "not-notified"
    assert "No such file" in told[0]


def test_a_secret_that_is_missing_or_repeated_by_the_server_is_in_no_record(
    tmp_path: Path, log: MetadataStore, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = {"to": ["a@b.c"], "from": "d@e.f", "host": "127.0.0.1", "port": mail.port, "starttls": False}
    email |= {"user": "runs", "password": "env:MAIL_PASSWORD"}
    lines, _ = tell(log, tmp_path, email=email)
    assert lines == [("not-notified", "the e-mail to a@b.c: the environment variable MAIL_PASSWORD is not set")]
    monkeypatch.setenv("MAIL_PASSWORD", "pa55word")
    mail.refuses = True
    lines, told = tell(log, tmp_path, email=email)
    assert "550" in lines[-1][1]
    assert "pa55word" not in str(lines) + str(told)
    # It offers no encryption, and is asked for it unless the settings say otherwise.
    assert "STARTTLS" in tell(log, tmp_path, email={**email, "starttls": True})[0][-1][1]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"webhok": {}}, "Did you mean `webhook`?"),
        ({"on": ["faild"]}, "must be a list of failed, succeeded, cancelled"),
        ({"command": {"run": "rm -rf /"}}, "must be a list of texts"),
        ({"command": {}}, "`notify.command` needs `run`"),
        ({"webhook": {"url": "ftp://example.org"}}, "http:// or https://"),
        ({"webhook": {"url": "http://example.org", "headers": {"Authorization": "Bearer s3cret"}}}, "a reference"),
        ({"webhook": {"url": "http://example.org", "timeout_s": True}}, "a number above 0"),
        ({"email": {"to": ["a@b.c"], "from": "d@e.f", "host": "h", "password": "pa55"}}, "must be a reference"),
        ({"email": {"to": ["a@b.c"], "from": "d@e.f", "host": "h", "prot": 25}}, "Did you mean `port`?"),
        (
            {"email": {"to": ["a"], "from": "d", "host": "h", "starttls": False, "user": "u", "password": "env:P"}},
            "unencrypted",
        ),
    ],
)
def test_a_setting_that_cannot_be_or_holds_a_secret_is_refused_without_repeating_it(
    table: dict[str, Any], told: str
) -> None:
    with pytest.raises(NotifySettingsError) as refused:
        read_notifications(("settings.toml", table))
    assert told in refused.value.message
    assert "s3cret" not in refused.value.message
    assert "pa55" not in refused.value.message


def test_a_wrong_setting_is_refused_before_anything_runs(tmp_path: Path) -> None:
    notebook = write(tmp_path / "rides.ipynb", [("step:load", "n = 3")])
    (tmp_path / "pyproject.toml").write_text("[tool.mlops_nb.notify]\nwebhook = 'http://x'\n", encoding="utf-8")
    with pytest.raises(NotifySettingsError, match=r"pyproject.toml: `notify.webhook` must be a section"):
        run(notebook)
    assert not (tmp_path / ".mlops_nb").exists()


def test_nothing_is_told_where_nothing_is_set() -> None:
    assert read_notifications() == Notifications()
