"""Listening: the address, what it means to open it to others, patience with slow clients, and a graceful stop."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from resight.errors import UsageError
from resight.progress import Say
from resight.server.app import create_app
from resight.server.changes import left_line
from resight.server.memory import give_back_memory
from resight.server.service import Service

CONNECTIONS = 512
"""Connections at once; more are refused with 503."""
HEADER_SECONDS = 15.0
"""Seconds in which a connection must have sent a whole request line and its headers."""
STOP_SECONDS = 10
"""Seconds that answers under way get when the service is stopped."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listening:
    """Where to listen, and whether to open the page in a browser."""

    host: str
    port: int
    open_page: bool = False


def run(service: Service, listening: Listening, say: Say) -> None:
    """Serves until it is interrupted. Raises UsageError where the address cannot be listened at."""
    give_back_memory()
    sock = _listening_socket(listening)
    port = sock.getsockname()[1]
    address = _url(listening.host, port)
    server = uvicorn.Server(configuration(service))
    for served in service.indexes.values():
        say(f"{served.title}: {len(served.now.listing)} photos, by {served.index.recipe.name}")
        if line := left_line(served):
            say(line)
    for planned in service.planned.values():
        say(f"{planned.title}: is not there yet; the page makes it, of folders that you choose there")
    say(f"open {address} in a browser; Ctrl-C stops the service")
    for line in warnings(listening.host, service):
        say(line)
    if listening.open_page:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    # The server raises the signal that stopped it once more; who serves has things to put away then.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with sock, suppress(KeyboardInterrupt):
        asyncio.run(server.serve(sockets=[sock]))
    say("stopped")


def configuration(service: Service) -> uvicorn.Config:
    """Returns how the application is served."""
    return uvicorn.Config(
        create_app(service),
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=64 << 10,
    )


def warnings(host: str, service: Service) -> Sequence[str]:
    """Returns lines about what it means to listen at an address."""
    if is_loopback(host):
        return []
    lines = [
        f"Listening at {host} opens the service to everyone who can reach this machine: they see all photos of the "
        "indexes that are served"
        + (", once they have the token" if service.settings.reads_need_token else " (--private asks them for a token)")
        + "."
    ]
    if service.settings.token is not None:
        lines.append("What is sent, the token too, is readable on the way: put a proxy with HTTPS before it.")
    return lines


def is_loopback(host: str) -> bool:
    """Returns whether an address is that of the machine itself, which no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class PatientProtocol(H11Protocol):
    """A connection that is closed where it sends no whole request in time: slow headers hold no place for ever."""

    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._hurry = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        if self._hurry is not None:
            self._hurry.cancel()
        super().connection_lost(exc)

    def _close_if_idle(self) -> None:
        """Closes the connection unless a request is being answered; looks again as long as it is there."""
        if self.cycle is None or (self.cycle.response_complete and self._has_begun()):
            self.transport.close()
            return
        self._hurry = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def _has_begun(self) -> bool:
        """Returns whether bytes of a further request have come, without its end."""
        return bool(self.conn.trailing_data[0])


def _listening_socket(listening: Listening) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listening.host, listening.port))
        # From here on connections wait until they are answered: the address that is told can be opened at once.
        sock.listen(CONNECTIONS)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no address of this machine"
        raise UsageError(
            f"{listening.host}, port {listening.port}: cannot be listened at: {reason}; take another with --port"
        ) from None
    return sock


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
