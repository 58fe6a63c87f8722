"""Which input record an output or a dead letter answers, by its headers."""

from collections.abc import Iterable

from app.digits import is_number

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
