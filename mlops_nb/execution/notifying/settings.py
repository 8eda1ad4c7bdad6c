"""Whom to notify of a run's end, as the settings say it: `[tool.mlops_nb.notify]`, `[notify]` of a pipeline's file."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_nb.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDS = ("failed", "succeeded", "cancelled", "paused")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


class NotifySettingsError(UsageError):
    """A setting of a notification is unknown, of the wrong type, or holds a secret."""

    code = "settings"


@dataclass(frozen=True)
class Command:
    """A command that gets the run as JSON on its standard input; `run` are its words, no shell reads them."""

    run: tuple[str, ...]
    timeout_s: float = 30.0

    def __str__(self) -> str:
        return f"the command {self.run[0]}"

    @property
    def references(self) -> tuple[str, ...]:
        """The references among its settings."""
        return ()


@dataclass(frozen=True)
class Webhook:
    """An address to which the run is posted as JSON. The value of a header is a reference."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    timeout_s: float = 10.0
    retry_wait_s: float = 1.0

    def __str__(self) -> str:
        # The path of a hook's address is often its password.
        return f"the webhook {self.url if is_reference(self.url) else urlsplit(self.url).hostname}"

    @property
    def references(self) -> tuple[str, ...]:
        """The references among its settings."""
        return tuple(filter(is_reference, (self.url, *self.headers.values())))


@dataclass(frozen=True)
class Email:
    """A message to people. The password is a reference, and goes over an encrypted connection only."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int = 587
    starttls: bool = True
    user: str = ""
    password: str = ""
    timeout_s: float = 30.0

    def __str__(self) -> str:
        return f"the e-mail to {', '.join(self.to)}"

    @property
    def references(self) -> tuple[str, ...]:
        """The references among its settings."""
        return tuple(filter(is_reference, (self.user, self.password)))


@dataclass(frozen=True)
class Notifications:
    """Which ends of a run are told, and how."""

    on: tuple[str, ...] = ("failed",)
    channels: tuple[Command | Webhook | Email, ...] = ()


_KINDS: dict[str, type[Command | Webhook | Email]] = {"command": Command, "webhook": Webhook, "email": Email}
_TYPES = {
    "tuple[str, ...]": "a list of texts",
    "Mapping[str, str]": "a table of texts",
    "float": "a number above 0",
    "int": "a whole number above 0",
    "bool": "true or false",
    "str": "text",
}


def is_reference(text: str) -> bool:
    """Say whether a text refers to an environment variable: `env:NAME`."""
    return bool(_REFERENCE.fullmatch(text))


def read_notifications(*tables: tuple[str, Mapping[str, Any]]) -> Notifications:
    """Return what the tables say together; of two that set `on`, or one kind of channel, the later wins.

    Parameters
    ----------
    tables
        Where each stands, for errors, and its content.

    Raises
    ------
    NotifySettingsError
        When a name is unknown, a value is of another type, or a secret stands there itself.
    """
    on: tuple[str, ...] = Notifications.on
    channels: dict[str, Command | Webhook | Email] = {}
    for where, table in tables:
        for name, given in table.items():
            if name == "on":
                on = _ends(given, where)
            elif name in _KINDS:
                channels[name] = _channel(name, given, where)
            else:
                known = ("on", *_KINDS)
                raise _wrong(where, f"`notify.{name}` is not a setting.{did_you_mean(name, known)}", known)
    return Notifications(on, tuple(channels.values()))


def _ends(given: Any, where: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not set(map(str, given)) <= set(ENDS):
        raise _wrong(where, f"`notify.on` is {given!r}, and must be a list of {', '.join(ENDS)}.")
    return tuple(given)


def _channel(kind: str, given: Any, where: str) -> Command | Webhook | Email:
    if not isinstance(given, dict):
        raise _wrong(where, f"`notify.{kind}` must be a section, and is {given!r}.")
    known = {item.name if item.name != "sender" else "from": item for item in fields(_KINDS[kind])}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise _wrong(where, f"`notify.{kind}.{name}` is not a setting.{did_you_mean(name, known)}", tuple(known))
        wanted = str(known[name].type)
        if not _fits(value, wanted):
            raise _wrong(where, f"`notify.{kind}.{name}` is {value!r}, and must be {_TYPES[wanted]}.")
        values[known[name].name] = tuple(value) if isinstance(value, list) else value
    needed = [
        name
        for name, item in known.items()
        if item.default is MISSING and item.default_factory is MISSING and item.name not in values
    ]
    if needed:
        raise _wrong(where, f"`notify.{kind}` needs `{'`, `'.join(needed)}`.")
    made = _KINDS[kind](**values)
    _refuse_secrets(made, where)
    return made


def _fits(value: Any, wanted: str) -> bool:
    match wanted:
        case "tuple[str, ...]":
            return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)
        case "Mapping[str, str]":
            return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        case "int":
            return isinstance(value, int) and not isinstance(value, bool) and value > 0
        case "bool":
            return isinstance(value, bool)
    return isinstance(value, str)


def _refuse_secrets(channel: Command | Webhook | Email, where: str) -> None:
    # The values are not repeated here: what should not stand in a file should not stand in a log either.
    if isinstance(channel, Webhook):
        open_ = [name for name, value in channel.headers.items() if not is_reference(value)]
        if open_:
            raise _wrong(where, f"`notify.webhook.headers.{open_[0]}` must be a reference, `env:NAME`.")
        if not is_reference(channel.url) and urlsplit(channel.url).scheme not in {"http", "https"}:
            raise _wrong(where, "`notify.webhook.url` must begin with http:// or https://, or be `env:NAME`.")
    if isinstance(channel, Email) and channel.password:
        if not is_reference(channel.password):
            raise _wrong(where, "`notify.email.password` must be a reference, `env:NAME`.")
        if not channel.starttls and channel.port != 465 and channel.host not in _LOOPBACK:  # noqa: PLR2004 - SMTP over TLS
            raise _wrong(where, "`notify.email` would send its password unencrypted: `starttls` must be true.")


def _wrong(where: str, sentence: str, known: tuple[str, ...] = ()) -> NotifySettingsError:
    hint = f"The settings here are {', '.join(known)}." if known else "docs/settings.md has an example of each."
    return NotifySettingsError(f"{where}: {sentence}", hint=hint)
