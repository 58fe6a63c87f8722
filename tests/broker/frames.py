"""Kafka's requests and answers as they travel: a length and that many bytes, of which only the header is understood."""

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum

_LENGTH = struct.Struct(">i")
_REQUEST = struct.Struct(">hhih")  # the last: the client id's length, -1 without one
_ANSWER = struct.Struct(">i")


class ApiKey(IntEnum):
    """What a request asks for."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client.

    Attributes:
        connection: the number of its connection; the first that a proxy accepted has 1.
        api_key: what it asks for; one of `ApiKey`, or a number that has no name there.
        correlation_id: the answer bears it, too.
        frame: the whole of it, its length first.
    """

    connection: int
    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    frame: bytes


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next frame, its length first; None when the connection ended, whatever its last frame still lacked."""
    try:
        head = await reader.readexactly(_LENGTH.size)
        return head + await reader.readexactly(*_LENGTH.unpack(head))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def parse_request(connection: int, frame: bytes) -> Request:
    """Return the request that *frame* holds."""
    api_key, version, correlation_id, length = _REQUEST.unpack_from(frame, _LENGTH.size)
    start = _LENGTH.size + _REQUEST.size
    client_id = None if length < 0 else frame[start : start + length].decode()
    return Request(connection, api_key, version, correlation_id, client_id, frame)


def correlation_id(answer: bytes) -> int:
    """Return which request *answer* answers."""
    return int(_ANSWER.unpack_from(answer, _LENGTH.size)[0])
