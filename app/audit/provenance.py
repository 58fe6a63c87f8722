"""Which input record an output or a dead letter answers, by its headers."""

from collections.abc import Iterable

from app.digits import is_number
from app.records import SUPERSEDED_OFFSETS

# Fewer digits than these cannot be too large for Kafka's own 64 and 32 bits; more never come from a broker.
_OFFSET_DIGITS, _PARTITION_DIGITS = 18, 9


def answered(headers: Iterable[tuple[str, bytes | None]], topic: bytes) -> tuple[int, int] | None:
    """Return the partition and the offset that *headers* name; None when they name no record of *topic*.

    Where a header comes twice the last one counts: a dead letter keeps the headers of its record, which may have been
    somebody's output itself.
    """
    source = partition = offset = None
    for name, value in headers:
        if name == "source-topic":
            source = value
        elif name == "source-partition":
            partition = value
        elif name == "source-offset":
            offset = value
    if source != topic or not is_number(partition, _PARTITION_DIGITS) or not is_number(offset, _OFFSET_DIGITS):
        return None
    return int(partition), int(offset)


def stands_for(headers: Iterable[tuple[str, bytes | None]]) -> list[range]:
    """Return the offsets of the same partition that an answer names beside its own: those of records it overtook.

    One that came with the record, before our own headers, is not ours.
    """
    told: bytes | None = None
    for name, value in headers:
        if name == "source-offset":
            told = None
        elif name == SUPERSEDED_OFFSETS:
            told = value
    runs = []
    for run in (told or b"").split(b","):
        first, dash, last = run.partition(b"-")
        last = last if dash else first
        if is_number(first, _OFFSET_DIGITS) and is_number(last, _OFFSET_DIGITS):
            runs.append(range(int(first), int(last) + 1))
    return runs
