"""Why a request is not answered: each a class with its code and its HTTP status, told the same way on every route.

The body is `{"error": MESSAGE}`, as the Open Inference Protocol wants it, and beside it `code`, `hint` and, for rows
that do not fit, `violations`.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_nb.validation.rows import Violation


class Refused(MlopsNbError):  # noqa: N818 - the name of the fact, as of those below
    """A request cannot be answered as it is."""

    code = "bad-request"
    status: ClassVar[int] = HTTPStatus.BAD_REQUEST

    def to_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": self.message, "code": self.code, "hint": self.hint}


class NotJson(Refused):
    """The body is no JSON."""

    code = "not-json"


class NoToken(Refused):
    """The request has no token, or not the right one."""

    code = "token-refused"
    status = HTTPStatus.UNAUTHORIZED


class HostRefused(Refused):
    """The request is meant for another host, or comes from another site's page."""

    code = "host-refused"
    status = HTTPStatus.FORBIDDEN


class NotFound(Refused):
    """There is no such route, model or version here, or the model cannot do it."""

    code = "not-found"
    status = HTTPStatus.NOT_FOUND


class MethodRefused(Refused):
    """The route is there, and not for this method."""

    code = "method-refused"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class TooLarge(Refused):
    """The body is larger than is allowed."""

    code = "too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class OtherType(Refused):
    """The body is not said to be JSON."""

    code = "content-type-refused"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RowsRefused(Refused):
    """Rows do not fit the model's signature; the first violations say where."""

    code = "input-refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message, hint="`violations` names row and column; the model's columns are in /openapi.json.")
        self.violations = tuple(violations)

    def to_json(self) -> dict[str, Any]:
        """Return the body of the answer, with an entry a violation."""
        return {**super().to_json(), "violations": [asdict(one) for one in self.violations]}


class ModelRefused(Refused):
    """The rows fit the signature, and the model itself refuses them: a category it does not know, an infinity."""

    code = "model-refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Failed(Refused):
    """The model, or this service, is at fault, and not the request."""

    code = "failed"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
