"""Lines of a file as records."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LineRecord:
    """One line; `offset` is its number, from 1. Lines have no time."""

    offset: int
    value: bytes
    key: bytes | None = None
    timestamp: int = -1
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines, and where in the file they end, in bytes."""

    records: list[LineRecord]
    end: int


def opened(file: str) -> IO[bytes]:
    """Open *file* for `blocks`; `-` is a copy of standard input.

    Without a buffer: its lock a thread that waits for standard input would hold to the end.
    """
    return open(os.dup(0) if file == "-" else file, "rb", buffering=0)


def blocks(stream: IO[bytes], most_records: int, most_bytes: int) -> Iterator[Block]:
    """Yield the lines of *stream* but for blank ones, and wait while there are none.

    Args:
        stream: without a buffer, so that a read brings what is there, also from a pipe.
        most_records: in a block.
        most_bytes: of a line; of a longer one no more than one byte more is kept.
    """
    rest, number, end = bytearray(), 0, 0
    while part := stream.read(READ_BYTES):
        end += len(part)
        first, *others = part.split(b"\n")
        rest += first[: most_bytes + 1 - len(rest)]
        if not others:
            continue
        lines = [bytes(rest), *(line[: most_bytes + 1] for line in others[:-1])]
        rest = bytearray(others[-1][: most_bytes + 1])
        for start in range(0, len(lines), most_records):
            some = lines[start : start + most_records]
            yield Block(list(_records(some, number)), end)
            number += len(some)
    if rest:
        yield Block(list(_records([bytes(rest)], number)), end)


def _records(lines: list[bytes], before: int) -> Iterator[LineRecord]:
    for number, line in enumerate(lines, start=before + 1):
        if value := line.strip():
            yield LineRecord(number, value)
