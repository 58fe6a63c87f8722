"""The comparison of what an input topic holds with what its answers name."""

from collections.abc import Mapping

import numpy as np

from app.audit.book import Account, Book, Span
from app.audit.ranges import Offsets


class Ledger:
    """Says of every record whether it is answered, how often, and in which order.

    An answer is an output or a dead letter that names the record's offset. First `record` all that the input has; then
    give the answers of one output partition after the other, each to a `place` of its own; then ask for the `accounts`.
    Takes a byte per offset.

    **Order** is judged on first occurrences: of all that one output partition says of one input partition, the offsets
    that it names for the first time must ascend. Under at-least-once a worker that takes over begins at the last
    commit, and answers again what was answered since; so in 5 6 7 5 6 7 8 nothing is wrong, although 5 follows 7. But
    whoever passes over what he has seen already must read 5 6 7 8. In 5 7 6 he does not: no repetition explains why 6
    came after 7, so it was overtaken. Where nothing is repeated this is order in the plain sense, and so the rule
    serves exactly-once too. Between output partitions Kafka knows no order, so none is asked for; a dead letter may
    come before or after the rankings of its neighbours. For the same reason what several of them answer is out of order
    in none: two workers with two models may have ranked and refused it, and nobody knows who was first.

    Args:
        spans: what is looked at, by input partition.
        holes: whether the broker may have deleted records anywhere (compaction), not only the oldest.
    """

    def __init__(self, spans: Mapping[int, Span], *, holes: bool = False) -> None:
        self._books = {partition: Book(span, holes=holes) for partition, span in spans.items()}
        self._place: Place | None = None

    def record(self, partition: int, offsets: Offsets) -> None:
        """The input has records at *offsets*; what is outside the span does not count."""
        if self._place is not None:
            raise ValueError("all records of the input must be told before the first answer")
        self._books[partition].record(offsets)

    def delete(self, partition: int, below: int) -> None:
        """The broker has deleted what is below an offset while the audit was reading."""
        self._books[partition].delete(below)

    def place(self, name: str) -> "Place":
        """Begin with the answers of another output partition; those of the one before are all given."""
        for book in self._books.values():
            book.leave()
        self._place = Place(name, self._books)
        return self._place

    def accounts(self) -> dict[int, Account]:
        """What became of the records, by input partition; also of partitions that only answers know."""
        return {partition: book.account() for partition, book in sorted(self._books.items())}


class Place:
    """Takes the answers of one output partition."""

    def __init__(self, name: str, books: dict[int, Book]) -> None:
        self._name = name
        self._books = books

    def answer(self, partitions: Offsets, offsets: Offsets) -> None:
        """The next answers, in the order that the output partition has them.

        Args:
            partitions: `[N]`, the input partition that each names.
            offsets: `[N]`, the offset that each names.
        """
        for partition in np.unique(partitions).tolist():
            self._book(partition).answer(self._name, offsets[partitions == partition])

    def stand_for(self, partition: int, offsets: range) -> None:
        """An answer stands for other records of its input partition, too, that it overtook."""
        self._book(partition).stand_for(offsets)

    def _book(self, partition: int) -> Book:
        if partition not in self._books:
            # The input has no such partition, so it has none of the offsets either.
            self._books[partition] = Book(Span(0, 0, 0), holes=False)
        return self._books[partition]
