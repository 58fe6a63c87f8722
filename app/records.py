"""What travels on the wire: records on their way out, and the headers that tell where they came from."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from app.errors import RejectedRecord

Header = tuple[str, bytes | None]
Headers = Sequence[Header]

SUPERSEDED_OFFSETS = "superseded-offsets"
"""The header that names the offsets for which a record stands beside its own, as `5-9,12`."""

PROVENANCE = frozenset(
    {"model-name", "model-version", "source-topic", "source-partition", "source-offset", SUPERSEDED_OFFSETS}
)


class Partition(Protocol):
    """Where records came from."""

    @property
    def topic(self) -> str:
        """The topic's name."""

    @property
    def partition(self) -> int:
        """Its number in the topic."""


class Incoming(Protocol):
    """A record as aiokafka hands it over; timestamps in milliseconds since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A record to publish."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]  # aiokafka's builder takes no other sequence


class RecordFactory:
    """Make predictions and dead letters out of the records that they answer.

    Args:
        model: the model's name, for the header `model-name`.
        version: its version, for the header `model-version`.
    """

    def __init__(self, model: str, version: str) -> None:
        self._model: Headers = (("model-name", model.encode()), ("model-version", version.encode()))

    def predictions(
        self, source: Partition, records: Iterable[Incoming], values: Iterable[bytes | None]
    ) -> list[Outgoing]:
        """The records of *source* with their rankings as values; keys and headers stay, provenance is added."""
        fixed = (*self._model, *_place(source))
        return [
            Outgoing(
                record.key,
                value,
                [*_foreign(record.headers), *fixed, ("source-offset", b"%d" % record.offset)],
            )
            for record, value in zip(records, values, strict=True)
        ]

    def dead_letter(self, source: Partition, record: Incoming, rejection: RejectedRecord) -> Outgoing:
        """The record as it came from *source*, with headers that say where and why it was refused."""
        return Outgoing(record.key, record.value, [*record.headers, *self._verdict(source, record, rejection)])

    @staticmethod
    def standing_for(record: Outgoing, overtaken: Iterable[int]) -> Outgoing:
        """The same record, saying that it stands for those at other offsets of its partition, too."""
        offsets = _as_ranges(sorted(overtaken))
        return Outgoing(record.key, record.value, [*record.headers, (SUPERSEDED_OFFSETS, offsets)])

    @staticmethod
    def without_value(letter: Outgoing) -> Outgoing:
        """The dead letter that goes out when the broker refuses the whole one as too large."""
        size = b"%d" % len(letter.value or b"")
        return Outgoing(letter.key, None, [*letter.headers, ("value-omitted", size)])

    def _verdict(self, source: Partition, record: Incoming, rejection: RejectedRecord) -> Iterable[Header]:
        yield "error-stage", rejection.stage.encode()
        yield "error-reason", rejection.reason.encode()
        yield "error-message", rejection.message.encode(errors="backslashreplace")
        yield from _place(source)
        yield "source-offset", b"%d" % record.offset
        yield "source-timestamp", b"%d" % record.timestamp
        yield from self._model


def _place(source: Partition) -> Headers:
    return (("source-topic", source.topic.encode()), ("source-partition", b"%d" % source.partition))


def _as_ranges(offsets: Sequence[int]) -> bytes:
    runs: list[list[int]] = []
    for offset in offsets:
        if runs and runs[-1][1] == offset - 1:
            runs[-1][1] = offset
        else:
            runs.append([offset, offset])
    return b",".join(b"%d" % first if first == last else b"%d-%d" % (first, last) for first, last in runs)


def _foreign(headers: Headers) -> Headers:
    for name, _ in headers:
        if name in PROVENANCE:
            return [header for header in headers if header[0] not in PROVENANCE]
    return headers
