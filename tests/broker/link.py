"""One client's connection to a proxy, and the connection to the broker that stands for it."""

import asyncio
import socket
import struct
import time
from contextlib import suppress

from tests.broker.faults import Faults, Hold
from tests.broker.frames import Request, correlation_id, parse_request, read_frame

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Link:
    """Carries whole frames, in order in each direction, as *faults* let it.

    Args:
        number: of the connection.
        faults: what happens on the way.
        client: the connection that was accepted.
        broker: the one that was made for it.

    Attributes:
        lossy: whether something vanished, so that what comes later on the same connection would make no sense.
    """

    def __init__(self, number: int, faults: Faults, client: Streams, broker: Streams) -> None:
        self.lossy = False
        self._number = number
        self._faults = faults
        self._from_client, self._to_client = client
        self._from_broker, self._to_broker = broker
        self._requests: asyncio.Queue[tuple[float, Request, Hold | None] | None] = asyncio.Queue()
        self._answers: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        self._unanswered: dict[int, tuple[Request, Hold | None]] = {}
        self._held = 0
        self._nothing_held = asyncio.Event()
        self._mute = False

    async def run(self) -> None:
        """Carry until one side is gone and the other has what is due to it."""
        delivering = [asyncio.create_task(self._deliver_requests()), asyncio.create_task(self._deliver_answers())]
        taking = [asyncio.create_task(self._take_requests()), asyncio.create_task(self._take_answers())]
        try:
            await asyncio.wait(delivering, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*taking, *delivering):
                task.cancel()
            await asyncio.gather(*taking, *delivering, return_exceptions=True)
            await _close(self._to_client)
            await _close(self._to_broker)

    async def reset(self) -> None:
        """Reset the client's connection, and the broker's unless something is held, which must still be delivered."""
        if not self._held:
            abort(self._to_broker)
        abort(self._to_client)
        await _close(self._to_client)

    async def _take_requests(self) -> None:
        try:
            while frame := await read_frame(self._from_client):
                self._take_request(parse_request(self._number, frame))
        finally:
            self._to_client.close()
            self._requests.put_nowait(None)

    def _take_request(self, request: Request) -> None:
        hold = self._faults.came(request)
        if hold is not None:
            self._held += 1
        elif self._faults.requests_lost:
            self.lossy = True
            return
        self._requests.put_nowait((self._faults.due(), request, hold))

    async def _deliver_requests(self) -> None:
        while entry := await self._requests.get():
            due, request, hold = entry
            await _until(due)
            if hold is not None:
                await hold.released.wait()
                if hold.dropped:
                    return
            self._unanswered[request.correlation_id] = request, hold
            self._to_broker.write(request.frame)
            await self._to_broker.drain()
        if self._held:
            await self._nothing_held.wait()

    async def _take_answers(self) -> None:
        try:
            while answer := await read_frame(self._from_broker):
                request, hold = self._unanswered.pop(correlation_id(answer))
                if hold is not None:
                    self._answer_held(hold, answer)
                await self._take_answer(request, answer)
        finally:
            self._answers.put_nowait(None)

    def _answer_held(self, hold: Hold, answer: bytes) -> None:
        hold.answered(answer)
        self._held -= 1
        if not self._held:
            self._nothing_held.set()

    async def _take_answer(self, request: Request, answer: bytes) -> None:
        swallow = self._faults.swallower(request)
        if swallow is not None and swallow.reset:
            await self.reset()
        self._mute = self._mute or swallow is not None
        if self._mute or self._faults.answers_lost:
            self.lossy = True
            return
        self._answers.put_nowait((self._faults.due(), answer))

    async def _deliver_answers(self) -> None:
        while entry := await self._answers.get():
            due, answer = entry
            await _until(due)
            if not self._to_client.is_closing():
                with suppress(ConnectionError):
                    self._to_client.write(answer)
                    await self._to_client.drain()


def abort(writer: asyncio.StreamWriter) -> None:
    """Let the other end see a reset instead of an orderly end."""
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        writer.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _until(due: float) -> None:
    if (left := due - time.monotonic()) > 0:
        await asyncio.sleep(left)
