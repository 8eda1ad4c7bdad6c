"""Tell somebody how a run ended: by a command, a webhook, an e-mail.

Each gets the same JSON. No notification can fail a run, and none is repeated: what was sent, and what could not be and
why, is in the run's history. A secret stands in no setting, only the name of the environment variable that holds it.
"""

from __future__ import annotations

import json
import os
import signal
import smtplib
import ssl
import subprocess
import tempfile
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.events import RunEvent
from mlops_nb.execution.notifying.settings import Command, Email, Notifications, Webhook, is_reference
from mlops_nb.metadata.records import NOT_NOTIFIED, NOTIFIED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_nb.metadata import MetadataStore, RunRecord

_TRIES = 3
_SMTP_OVER_TLS = 465
_TOLD_OF_A_COMMAND = 500
_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500


class NotNotified(MlopsNbError):  # noqa: N818 - the name of the fact
    """A notification did not get through."""

    code = "not-notified"


def notify(
    notifications: Notifications, run: str, log: MetadataStore, listen: Callable[[RunEvent], None], root: Path
) -> None:
    """Send what is to be sent of a run that has ended, and record it.

    Parameters
    ----------
    notifications
        Whom to tell, and of which ends.
    run
        The run.
    log
        The record, which gets a line for each.
    listen
        Told what could not be sent.
    root
        The project's root, where a command runs.
    """
    if not notifications.channels:
        return
    try:
        record = log.run(run)
        told = run_as_json(record) if record.run.status in notifications.on else None
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended as it did
        listen(RunEvent("notice", run, text=f"nobody was notified: {type(error).__name__}: {error}"))
        return
    for channel in notifications.channels if told is not None else ():
        what, why = NOTIFIED, str(channel)
        try:
            _send(channel, told or {}, root)
        except Exception as error:  # noqa: BLE001 - a server may answer anything, and a run never fails of it
            cause = error.message if isinstance(error, MlopsNbError) else f"{type(error).__name__}: {error}"
            what, why = NOT_NOTIFIED, _without_secrets(channel, f"{channel}: {cause}")
            listen(RunEvent("notice", run, text=f"not notified by {why}"))
        try:
            log.note(run, None, what, why)
        except Exception as error:  # noqa: BLE001 - as above
            listen(RunEvent("notice", run, text=f"what was notified is not in the record: {error}"))


def run_as_json(record: RunRecord) -> dict[str, Any]:
    """Return what a notification tells of a run: how it ended, which steps failed and where, and its metrics."""
    run = record.run
    return {
        "run": run.id,
        "pipeline": run.pipeline,
        "notebook": run.notebook,
        "status": run.status,
        "reason": run.reason,
        "why": run.why,
        "resumes": record.resumes,
        "started": run.started.isoformat(),
        "finished": run.finished.isoformat() if run.finished else None,
        "seconds": run.seconds,
        "who": str(run.who),
        "failed": [
            {"step": step.step, "reason": step.reason, "cell": step.error.cell_number if step.error else None}
            for step in record.steps
            if step.status == "failed"
        ],
        "waits": list(record.pauses) if run.status == "paused" else [],
        "metrics": {
            scrap.name: scrap.value
            for scrap in record.scraps
            if isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool)
        },
    }


def _send(channel: Command | Webhook | Email, told: dict[str, Any], root: Path) -> None:
    if isinstance(channel, Command):
        _call(channel, told, root)
    elif isinstance(channel, Webhook):
        _post(channel, told)
    else:
        _mail(channel, told)


def _call(command: Command, told: dict[str, Any], root: Path) -> None:
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as given:
        # Files, not pipes: neither a command that reads nothing nor a child that it leaves behind can hold us up.
        given.write(json.dumps(told).encode())
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603 - the person's own command, without a shell
            command.run,
            cwd=root,
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=os.name == "posix",
        )
        try:
            code = process.wait(command.timeout_s)
        except subprocess.TimeoutExpired:
            message = f"it took longer than {command.timeout_s:g} s and was ended"
            raise NotNotified(message) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()
                process.wait()
        if code:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace").strip()[-_TOLD_OF_A_COMMAND:]
            message = f"it ended with code {code}" + (f": {said}" if said else "")
            raise NotNotified(message)


class _SameHost(HTTPRedirectHandler):
    """Follows a redirect with the same request, and only to the host that was named in the settings."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - the library's signature
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request:
        """Return the request that follows."""
        del fp, code, msg, headers
        then, now = urlsplit(req.full_url), urlsplit(newurl)
        if (then.scheme, then.netloc) != (now.scheme, now.netloc):
            message = f"it redirects to {now.scheme}://{now.hostname}, another host"
            raise NotNotified(message)
        return Request(newurl, data=req.data, headers=dict(req.header_items()), method="POST")  # noqa: S310 - as before


def _post(webhook: Webhook, told: dict[str, Any]) -> None:
    url = _resolved(webhook.url)
    if urlsplit(url).scheme not in {"http", "https"}:
        message = "its address is neither http nor https"
        raise NotNotified(message)
    headers = {name: _resolved(value) for name, value in webhook.headers.items()}
    headers["Content-Type"] = "application/json"
    request = Request(url, data=json.dumps(told).encode(), headers=headers, method="POST")  # noqa: S310 - checked above
    wait_s = webhook.retry_wait_s
    for attempt in range(1, _TRIES + 1):
        try:
            build_opener(_SameHost).open(request, timeout=webhook.timeout_s).close()
        except HTTPError as error:
            error.close()
            if attempt == _TRIES or (error.code < _SERVER_ERRORS and error.code != _TOO_MANY_REQUESTS):
                tries = f" {attempt} times" if attempt > 1 else ""
                message = f"it answered {error.code} {error.reason}{tries}"
                raise NotNotified(message) from None
        except (URLError, OSError) as error:
            if attempt == _TRIES:
                message = f"{getattr(error, 'reason', error)}, {_TRIES} times"
                raise NotNotified(message) from None
        else:
            return
        time.sleep(wait_s)
        wait_s *= 2


def _mail(email: Email, told: dict[str, Any]) -> None:
    message = EmailMessage()
    message["From"], message["To"] = email.sender, ", ".join(email.to)
    message["Subject"] = f"{told['pipeline']}: run {told['run']} {told['status']}"
    lines = [
        f"Run {told['run']} of {told['pipeline']} {told['status']}: {told['reason']}".removesuffix(": "),
        *(f"- step {step['step']}: {step['reason']}" for step in told["failed"]),
        *(f"- step {step} waits for your decision: mlops-nb open {told['run']} {step}" for step in told["waits"]),
        *(f"- {name}: {value}" for name, value in told["metrics"].items()),
        "",
        f"Look closer: mlops-nb show {told['run']}",
    ]
    message.set_content("\n".join(lines))
    message.add_attachment(json.dumps(told, indent=1).encode(), "application", "json", filename="run.json")
    over_tls = email.port == _SMTP_OVER_TLS
    context = ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(email.host, email.port, timeout=email.timeout_s, context=context)
        if over_tls
        else smtplib.SMTP(email.host, email.port, timeout=email.timeout_s)
    ) as server:
        if email.starttls and not over_tls:
            server.starttls(context=context)
        if email.user:
            server.login(_resolved(email.user), _resolved(email.password))
        server.send_message(message)


def _resolved(text: str) -> str:
    """Return what a reference refers to; any other text is itself."""
    if not is_reference(text):
        return text
    name = text.removeprefix("env:")
    if name not in os.environ:
        message = f"the environment variable {name} is not set"
        raise NotNotified(message)
    return os.environ[name]


def _without_secrets(channel: Command | Webhook | Email, text: str) -> str:
    """Return a text without the values that the channel's references refer to: a server may repeat them."""
    for reference in channel.references:
        value = os.environ.get(reference.removeprefix("env:"), "")
        text = text.replace(value, "…") if value else text
    return text
