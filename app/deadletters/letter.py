"""A dead letter: the record as it came, and what the service wrote behind its headers."""

from dataclasses import dataclass

from app.deadletters.place import Place
from app.digits import is_number
from app.kafka.watermark import NO_TIMESTAMP
from app.records import Header, Headers, Incoming

VERDICT = (
    "error-stage",
    "error-reason",
    "error-message",
    "source-topic",
    "source-partition",
    "source-offset",
    "source-timestamp",
    "model-name",
    "model-version",
)
"""The headers that the service appends to a record's own, in this order."""

OMITTED = "value-omitted"
"""The header that comes last where the value is left out; it holds the value's size."""

REPLAY_COUNT = "replay-count"
"""The header of a replayed record that says how often it was replayed."""

# Nothing that Kafka or we count needs more.
_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a record was refused, and where it came from.

    Attributes:
        source_timestamp: of the record, in milliseconds since the epoch; None when it bore none.
    """

    stage: str
    reason: str
    message: str
    source_topic: str
    source_partition: int
    source_offset: int
    source_timestamp: int | None
    model_name: str
    model_version: str

    @property
    def source(self) -> str:
        """The record's place as `topic[partition]@offset`."""
        return f"{self.source_topic}[{self.source_partition}]@{self.source_offset}"


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands at one place of the dead-letter topic.

    Attributes:
        timestamp: when it was refused, in milliseconds since the epoch; None when the broker does not say.
        headers: the record's own.
        verdict: None when the service did not write this letter.
        omitted: the size of the value that was left out; None where the value is the record's.
    """

    place: Place
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    verdict: Verdict | None
    omitted: int | None

    @property
    def replay_count(self) -> int:
        """How often the record had been replayed before it was refused this time."""
        return int(self.headers[-1][1] or b"") if self._ends_with_count else 0

    @property
    def _ends_with_count(self) -> bool:
        # A replay puts its header last; one of that name elsewhere, or that holds something else, is the record's own.
        name, value = self.headers[-1] if self.headers else ("", None)
        return name == REPLAY_COUNT and is_number(value, _DIGITS)

    @property
    def own_headers(self) -> tuple[Header, ...]:
        """The headers that the record came with before it was ever replayed."""
        return self.headers[:-1] if self._ends_with_count else self.headers

    @property
    def is_tombstone(self) -> bool:
        """Whether the record had no value when it came."""
        return self.value is None and self.omitted is None


def read(partition: int, record: Incoming) -> Letter:
    """Return the letter that a *record* of the dead-letter topic is.

    The service appends its headers as one block, so headers before it that bear the same names are the record's own.
    """
    own = list(record.headers)
    omitted = own.pop()[1] if own and own[-1][0] == OMITTED and record.value is None else None
    verdict = _verdict(own[-len(VERDICT) :], omitted)
    return Letter(
        place=Place(partition, record.offset),
        timestamp=_time(record.timestamp),
        key=record.key,
        value=record.value,
        headers=tuple(record.headers if verdict is None else own[: -len(VERDICT)]),
        verdict=verdict,
        omitted=None if verdict is None or omitted is None else int(omitted),
    )


def _verdict(block: Headers, omitted: bytes | None) -> Verdict | None:
    if tuple(name for name, _ in block) != VERDICT or not (omitted is None or is_number(omitted, _DIGITS)):
        return None
    texts = {name: (value or b"").decode(errors="replace") for name, value in block}
    try:
        return Verdict(
            stage=texts["error-stage"],
            reason=texts["error-reason"],
            message=texts["error-message"],
            source_topic=texts["source-topic"],
            source_partition=_number(texts["source-partition"]),
            source_offset=_number(texts["source-offset"]),
            source_timestamp=_time(int(texts["source-timestamp"])),
            model_name=texts["model-name"],
            model_version=texts["model-version"],
        )
    except ValueError:  # numbers that are none
        return None


def _time(timestamp: int) -> int | None:
    return None if timestamp == NO_TIMESTAMP else timestamp


def _number(text: str) -> int:
    if not is_number(text.encode(), _DIGITS):
        raise ValueError(f"{text[:20]!r} is not a number that counts something")
    return int(text)


def replayed_headers(letter: Letter) -> list[Header]:
    """The record's own headers, in their order, and how often it has been replayed with this time."""
    return [*letter.own_headers, (REPLAY_COUNT, b"%d" % (letter.replay_count + 1))]
