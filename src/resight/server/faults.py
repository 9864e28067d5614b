"""Errors as JSON with a sentence that a person understands, and never with a stack trace."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from resight.errors import (
    ImageError,
    IndexLockedError,
    ResightError,
    StorageError,
    UsageError,
)

_log = logging.getLogger(__name__)

_HINTS = {
    400: "Send a request as the description at /docs says.",
    404: "Look at /docs for what there is.",
    405: "Look at /docs for the methods that this address takes.",
    413: "Send fewer or smaller photos.",
}


class Refusal(HTTPException):
    """A request that is not answered as it was meant. status: of HTTP; kind: a word for programs.

    It is an HTTPException because others would be taken for a body that cannot be parsed while one is read.
    """

    def __init__(self, status: int, kind: str, message: str, hint: str, headers: Mapping[str, str] | None = None):
        super().__init__(status, message, headers)
        self.kind, self.message, self.hint = kind, message, hint

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the error."""
        return {"error": {"kind": self.kind, "message": self.message, "hint": self.hint}}

    def response(self) -> JSONResponse:
        """The error as a response."""
        return JSONResponse(self.body, self.status_code, headers=self.headers)


def not_found(message: str, hint: str) -> Refusal:
    """Returns the refusal for something that is not there."""
    return Refusal(404, "not-found", message, hint)


def busy(message: str) -> Refusal:
    """Returns the refusal for a request that the service has no room for now."""
    return Refusal(503, "busy", message, "Ask again in a few seconds.", {"Retry-After": "3"})


def refusal_of(error: Exception) -> Refusal:
    """Returns what a client is told of an error. Of what nobody foresaw it is told nothing, and the log everything."""
    match error:
        case Refusal():
            return error
        case ImageError():
            return Refusal(
                422, "image", f"This photo cannot be read: {error.reason}.", "Take another file, or save it anew."
            )
        case IndexLockedError():
            return Refusal(
                423,
                "locked",
                "Another process is writing to the index.",
                "Ask again when it is done.",
                {"Retry-After": "10"},
            )
        case UsageError():
            return Refusal(422, "request", _sentence(str(error)), "Change the request and send it again.")
        case MemoryError():
            return busy("There is not enough memory for this now.")
        case StorageError():
            _log.error("%s", error)
            return Refusal(507, "storage", "The disk of the service refuses.", "Tell who runs the service.")
        case ResightError():
            _log.error("%s", error)
            return Refusal(
                500, "index", "The index cannot answer this.", "Tell who runs the service; its log says why."
            )
        case RequestValidationError():
            return Refusal(422, "request", _first_fault(error), _HINTS[400])
        case HTTPException():
            hint = _HINTS.get(error.status_code, "Change the request and send it again.")
            kind = "not-found" if error.status_code == 404 else "request"
            return Refusal(error.status_code, kind, _sentence(str(error.detail)), hint, error.headers)
    # As a part of the message: whoever shows the log shows this, which nobody else is told.
    _log.error("an error that nobody foresaw:\n%s", "".join(traceback.format_exception(error)))
    return Refusal(500, "internal", "Something went wrong in the service.", "Tell who runs it; its log says what.")


async def answer_fault(request: Request, error: Exception) -> JSONResponse:
    """Answers a request with its error."""
    return refusal_of(error).response()


def _first_fault(error: RequestValidationError) -> str:
    faults = error.errors()
    if not faults:
        return "The request cannot be understood."
    place = ".".join(str(part) for part in faults[0]["loc"] if part not in ("body", "query", "path"))
    return _sentence(f"{place or 'The request'}: {faults[0]['msg']}")


def _sentence(text: str) -> str:
    """Ends a sentence. Its first letter stays: it may be that of a path, a name or a key."""
    text = text.strip() or "The request cannot be answered"
    return text + ("" if text.endswith((".", "?", "!")) else ".")
