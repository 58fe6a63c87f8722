"""One who watches the page: a connection on which events are sent until it ends."""

import asyncio
import socket
import time

SLOW_SECONDS = 10.0
"""How long one may take for what was sent; who takes longer is dropped."""
# What waits in the system for one who does not read is old news, and memory that is not counted as ours.
SYSTEM_BUFFER_BYTES = 64 * 1024

OWN_ONLY = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
}
"""Over plain http browsers do not say which site asks; but with these they let go of what another may not have."""
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream\r\n"
    b"Cache-Control: no-store\r\n"
    b"Connection: close\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"X-Accel-Buffering: no\r\n"
    b"Server: streamrank\r\n"
    + b"".join(f"{name}: {value}\r\n".encode() for name, value in OWN_ONLY.items())
    + b"\r\nretry: 2000\n\n"
)


class Watcher(asyncio.Protocol):
    """Takes events as fast as its client does; what comes meanwhile is skipped, so it never has two waiting.

    Args:
        among: where it is as long as it is open.
    """

    def __init__(self, among: dict["Watcher", None]) -> None:
        self._among = among
        self._transport: asyncio.Transport
        self._sent_at = 0.0

    def send(self, event: bytes) -> None:
        """Send *event*, unless the one before still waits; ends the connection when it does so for `SLOW_SECONDS`."""
        if self._transport.get_write_buffer_size():
            if time.monotonic() - self._sent_at > SLOW_SECONDS:
                self.abort()
            return
        self._sent_at = time.monotonic()
        self._transport.write(event)

    def abort(self) -> None:
        """End it now; what was not sent yet is thrown away."""
        self._transport.abort()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer the request; events follow."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - only streams are listened for
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BUFFER_BYTES)
        self._among[self] = None
        self.send(HEAD)
        # Whatever it had sent before, from now on only its end is of interest.
        transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """End it: one who watches has nothing to say, and reading it would cost time."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        del self._among[self]
