"""Who may ask what: checks of every request before anything of it is done, and headers of every answer.

A page elsewhere can send requests through a visitor's browser. It cannot forge the headers by which they are told:
Host, which names a host of the page where DNS was bent to lead here; Origin; and Sec-Fetch-Site, which also comes with
pictures and scripts, where there is no Origin.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import time
import traceback
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resight.server.faults import Refusal, refusal_of
from resight.server.metrics import Metrics
from resight.server.places import Places
from resight.server.settings import OVERHEAD, Settings

COOKIE = "resight_token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of what the page may load: nothing from another host, and no script or style that is written into it."""

_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), interest-cohort=()"),
)
_OPEN = ("/health", "/v1/session", "/page/", "/favicon.ico")
"""Beginnings of paths that never need a token: they tell nothing of the photos."""

SMALL = 64 << 10
"""Bytes of a body that needs no place of its own."""

_log = logging.getLogger(__name__)


class Guard:
    """Checks Host, Origin and token of each request, gives its body a place and a time, and counts it."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, arrivals: Places) -> None:
        self._app, self._settings, self._metrics, self._arrivals = app, settings, metrics, arrivals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection of ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        start, status, begun = time.perf_counter(), 500, False
        headers = headers_of(scope)
        origin = headers.get(b"origin", "")

        async def guarded(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], *self._answer_headers(origin)]
            await send(message)

        try:
            self._check(scope, headers)
            if _asks_first(scope, headers):
                await _preflight(guarded)
            else:
                # Nothing of a large body is read before there is room for it.
                with self._place(scope, headers):
                    await self._app(scope, _limited(receive, _room(headers, self._settings), self._settings), guarded)
        except Exception as error:
            if not begun:
                await refusal_of(error).response()(scope, receive, guarded)
            elif not isinstance(error, Refusal):
                _log.error("an answer broke off:\n%s", "".join(traceback.format_exception(error)))
        finally:
            route = getattr(scope.get("route"), "path", "")
            self._metrics.count(scope["method"], route or "unknown", status, time.perf_counter() - start)

    def _check(self, scope: Scope, headers: dict[bytes, str]) -> None:
        """Raises Refusal for a request that must not be answered."""
        hosts = [value for key, value in scope["headers"] if key == b"host"]
        host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        if not is_host(host, self._settings.hosts):
            raise Refusal(
                421,
                "host",
                "The service is not called by this name.",
                "Use its address, or start it with --host-name NAME.",
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._is_origin(origin, host):
            raise Refusal(
                403,
                "origin",
                "A page elsewhere may not use this service.",
                "Start it with --origin, followed by the page's scheme and host.",
            )
        site = headers.get(b"sec-fetch-site", "none")
        if origin is None and site not in ("none", "same-origin") and not self._is_visit(scope, headers):
            raise Refusal(
                403, "origin", "A page elsewhere may not show what is here.", "Open the address itself in the browser."
            )
        length = headers.get(b"content-length", "0")
        room = _room(headers, self._settings)
        if not length.isdecimal() or int(length[:20]) > room:
            raise _too_large(room)
        # A browser asks first without the token, and sends the request with it.
        free = is_open(scope["path"]) or _asks_first(scope, headers)
        if self._settings.reads_need_token and not free and not has_token(headers, self._settings.token):
            raise Refusal(
                401,
                "token",
                "A token is needed to look at these photos.",
                "Enter the token that who runs the service has given you.",
                {"WWW-Authenticate": "Bearer"},
            )

    def _place(self, scope: Scope, headers: dict[bytes, str]) -> AbstractContextManager[None]:
        """Holds a place where a request may bring more than a little. Raises Refusal 429 and 503."""
        # A body without a length is sent in chunks, as long as it likes.
        length = headers.get(b"content-length", "0" if b"transfer-encoding" not in headers else str(SMALL + 1))
        client = scope.get("client")
        return self._arrivals.held(client[0] if client else "unknown") if int(length[:20]) > SMALL else nullcontext()

    def _is_origin(self, origin: str, host: str) -> bool:
        if origin in self._settings.origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:  # brackets that hold no address
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()

    def _is_visit(self, scope: Scope, headers: dict[bytes, str]) -> bool:
        """Returns whether somebody follows a link to the page."""
        navigates = headers.get(b"sec-fetch-mode") == "navigate" and headers.get(b"sec-fetch-dest") == "document"
        return scope["method"] == "GET" and navigates and not scope["path"].startswith("/v1/")

    def _answer_headers(self, origin: str) -> Iterable[tuple[bytes, bytes]]:
        yield from _HEADERS
        if origin and origin in self._settings.origins:
            yield b"cross-origin-resource-policy", b"cross-origin"
            yield b"access-control-allow-origin", origin.encode("latin-1")
            yield b"vary", b"Origin"
        else:
            yield b"cross-origin-resource-policy", b"same-origin"


def headers_of(scope: Scope) -> dict[bytes, str]:
    """Returns the headers of a request by their names in small letters, the last of each."""
    return {key: value.decode("latin-1") for key, value in scope["headers"]}


def has_token(headers: dict[bytes, str], token: str | None) -> bool:
    """Returns whether headers have a token, which is compared in a time that tells nothing of it."""
    if token is None:
        return False
    given = headers.get(b"authorization", "")
    kind, _, value = given.partition(" ")
    candidates = [value.strip()] if kind.lower() == "bearer" else []
    try:
        cookies = SimpleCookie(headers.get(b"cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    if COOKIE in cookies:
        candidates.append(cookies[COOKIE].value)
    return any(hmac.compare_digest(one.encode(), token.encode()) for one in candidates)


def is_open(path: str) -> bool:
    """Returns whether a path never needs a token."""
    return path == "/" or any(path == one or (one.endswith("/") and path.startswith(one)) for one in _OPEN)


def is_host(host: str, names: frozenset[str]) -> bool:
    """Returns whether the service may be called so: by an address, "localhost", or one of some names, with any port.

    An address cannot be bent by DNS to lead elsewhere, so all of them are right.
    """
    try:
        name = urlsplit(f"//{host}").hostname
        _ = urlsplit(f"//{host}").port
    except ValueError:
        return False
    if not name or "@" in host or "/" in host:
        return False
    if name == "localhost" or name in {one.lower() for one in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _asks_first(scope: Scope, headers: dict[bytes, str]) -> bool:
    """Returns whether a browser asks if a page may send a request (a preflight of CORS)."""
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


def _room(headers: dict[bytes, str], settings: Settings) -> int:
    """Returns how many bytes a body may have: photos come in a form, and JSON takes many times its size in memory."""
    form = headers.get(b"content-type", "").lower().startswith("multipart/form-data")
    return settings.body_bytes if form else OVERHEAD


def _limited(receive: Receive, room: int, settings: Settings) -> Receive:
    """Returns a `receive` that gives a body `room` bytes, and as much time as there is. It raises Refusal."""
    end: float | None = None
    size = 0
    whole = False

    async def limited() -> Message:
        nonlocal end, size, whole
        if whole:
            return await receive()  # waits for the client to go
        end = asyncio.get_running_loop().time() + settings.body_seconds if end is None else end
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise Refusal(
                408,
                "slow",
                f"The request did not arrive within {settings.body_seconds:g} seconds.",
                "Send smaller photos.",
                {"Connection": "close"},
            ) from None
        size += len(message.get("body", b""))
        if size > room:
            raise _too_large(room)
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return limited


def _too_large(room: int) -> Refusal:
    """Returns the refusal for a request with more bytes than are taken."""
    return Refusal(
        413,
        "too-large",
        f"The request has more than {room >> 20} MiB.",
        "Send fewer or smaller photos, or fewer names.",
        {"Connection": "close"},
    )


async def _preflight(send: Send) -> None:
    """Answers the question of a browser whether a page that is allowed may send a request."""
    headers = [
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type, accept"),
        (b"access-control-max-age", b"600"),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
