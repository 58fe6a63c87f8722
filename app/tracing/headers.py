"""W3C trace context in the headers of records: `traceparent` and `tracestate`."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.records import Header, Headers, Outgoing

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_SAMPLED = 1
_FORMAT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?", re.DOTALL)


class Brought(NamedTuple):
    """What a record says of the trace that it is part of; whether that is well-formed shows when it is read in full.

    Attributes:
        traceparent: the header's value.
        trace_id: in it.
        sampled: whether its producer traces it.
    """

    traceparent: bytes
    trace_id: int
    sampled: bool


def brought(headers: Headers) -> Brought | None:
    """Return what *headers* say; None: nothing that can be read. The last header of a name counts."""
    for name, value in reversed(headers):
        if name == TRACEPARENT:
            found = _FORMAT.fullmatch(value or b"")
            if found is None:
                return None
            trace_id, flags = found.groups()
            return Brought(found[0], int(trace_id, 16), bool(int(flags, 16) & _SAMPLED))
    return None


def carrier(traceparent: bytes, headers: Headers) -> dict[str, str]:
    """Return what a propagator reads."""
    states = (value.decode("ascii", "replace") for name, value in headers if name == TRACESTATE and value)
    return {TRACEPARENT: traceparent.decode(), TRACESTATE: ",".join(states)}


def carrying(record: Outgoing, context: Mapping[str, str]) -> Outgoing:
    """Return *record* with *context* in the place of the one that it came with; other headers stay as they are."""
    return Outgoing(record.key, record.value, [*_others(record.headers), *_written(context)])


def _others(headers: Headers) -> Iterator[Header]:
    return (header for header in headers if header[0] not in {TRACEPARENT, TRACESTATE})


def _written(context: Mapping[str, str]) -> Iterator[Header]:
    return ((name, value.encode()) for name, value in context.items())
