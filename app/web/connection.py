"""One client's connection, which ends in time."""

import asyncio

SECONDS = 10.0
BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """Hands at most `BYTES` of what a client sends to *protocol*, and ends after `SECONDS`, whatever both of them do.

    Args:
        protocol: who talks with the client.
        among: where the connection is as long as it is open.
    """

    def __init__(self, protocol: asyncio.Protocol, among: dict["Connection", None]) -> None:
        self._protocol = protocol
        self._among = among
        self._bytes_left = BYTES
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle

    def abort(self) -> None:
        """End it now; what was not sent yet is thrown away."""
        self._transport.abort()

    def hand_over(self, to: asyncio.Protocol) -> None:
        """Let *to* talk with the client from now on, for as long as it likes; for whoever did so far it is lost."""
        self._end(None)
        self._transport.set_protocol(to)
        to.connection_made(self._transport)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the time runs from here."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - only streams are listened for
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(SECONDS, self.abort)
        self._among[self] = None
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand it over as far as the limit goes, and read nothing beyond."""
        allowed = data[: self._bytes_left]
        self._bytes_left -= len(allowed)
        if not self._bytes_left:
            self._transport.pause_reading()
        self._protocol.data_received(allowed)

    def eof_received(self) -> bool | None:
        """Hand it over."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """Hand it over."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand it over."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._end(exc)

    def _end(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        del self._among[self]
        self._protocol.connection_lost(exc)
