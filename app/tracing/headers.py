"""W3C trace context in the headers of records: `traceparent` and `tracestate`."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.records import Header, Headers, Outgoing

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_SAMPLED = 1
_TRACE_ID = slice(3, 35)
_IDS = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-"
# No version is called ff, and in version 00 nothing follows the flags. In later ones something may, up to the 512
# characters in all beyond which OpenTelemetry's reader would log a warning for each record.
_FORMAT = re.compile(rb"(?!ff|00.{54})[0-9a-f]{2}" + _IDS + rb"([0-9a-f]{2})(?:-.{0,456})?")
_UNTRACED = re.compile(rb"00" + _IDS + rb"00")


class Brought(NamedTuple):
    """What a record says of the trace that it is part of.

    Attributes:
        traceparent: the header's value.
        sampled: whether its producer traces it.
    """

    traceparent: bytes
    sampled: bool

    @property
    def trace_id(self) -> int:
        """The id of the trace."""
        return int(self.traceparent[_TRACE_ID], 16)


def brought(headers: Headers) -> Brought | None:
    """Return what *headers* say; None: nothing that can be read. The last header of a name counts."""
    if (traceparent := dict(headers).get(TRACEPARENT)) is None:
        return None
    if (found := _FORMAT.fullmatch(traceparent)) is None:
        return None
    return Brought(traceparent, bool(int(found[1], 16) & _SAMPLED))


def plainly_untraced(headers: Headers) -> bool:
    """Whether *headers* say so in the one way in which nearly all do: quicker than reading them."""
    traceparent = dict(headers).get(TRACEPARENT)
    return traceparent is not None and _UNTRACED.fullmatch(traceparent) is not None


def carrier(traceparent: bytes, headers: Headers) -> dict[str, str]:
    """Return what a propagator reads."""
    states = (value.decode("ascii", "replace") for name, value in headers if name == TRACESTATE and value)
    return {TRACEPARENT: traceparent.decode("ascii", "replace"), TRACESTATE: ",".join(states)}


def carrying(record: Outgoing, context: Mapping[str, str]) -> Outgoing:
    """Return *record* with *context* instead of the one that it came with; other headers stay as they are."""
    # In front: what stands behind a record's own headers is how dead letters are told from other records.
    return Outgoing(record.key, record.value, [*_written(context), *_others(record.headers)])


def _others(headers: Headers) -> Iterator[Header]:
    return (header for header in headers if header[0] not in {TRACEPARENT, TRACESTATE})


def _written(context: Mapping[str, str]) -> Iterator[Header]:
    return ((name, value.encode()) for name, value in context.items())
