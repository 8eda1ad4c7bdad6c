"""The secret that a request shows: made here, or read from where a reference says; never stored and never logged."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENV, _FILE = "env:", "file:"
_SHORTEST = 16
_HINT = "Write env:NAME for an environment variable, or file:PATH for a file; a command line is no secret."


class NoSecret(UsageError):  # noqa: N818 - the name of the fact
    """The reference leads to no token."""

    code = "no-secret"


def make_token() -> str:
    """Return a new token of 256 random bits."""
    return secrets.token_urlsafe(32)


def read_token(reference: str, environ: Mapping[str, str]) -> str:
    """Return the token that a reference leads to.

    Parameters
    ----------
    reference
        `env:NAME`, or `file:PATH` of a file with the token as its one line.
    environ
        The environment variables.

    Raises
    ------
    NoSecret
        When there is no such variable or file, or what is there can be no token; the error does not repeat it.
    """
    if reference.startswith(_ENV):
        found = environ.get(reference.removeprefix(_ENV), "").strip()
        if not found:
            message = f"The environment variable {reference.removeprefix(_ENV)} is not set, or empty."
            raise NoSecret(message, hint=_HINT)
    elif reference.startswith(_FILE):
        try:
            found = Path(reference.removeprefix(_FILE)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"The token's file {reference.removeprefix(_FILE)} cannot be read: {error}."
            raise NoSecret(message, hint=_HINT) from None
    else:
        message = "`--token` is no reference to a token."
        raise NoSecret(message, hint=_HINT)
    if len(found) < _SHORTEST or not found.isascii() or not found.isprintable() or " " in found:
        message = f"The token of {reference} is none: it takes {_SHORTEST} signs or more, of ASCII, without blanks."
        raise NoSecret(message, hint="Leave --token out, and a token is made and shown.")
    return found
