"""The records that every contender ranks: the same bytes in every run, about 250 each."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.cluster import PARTITIONS

FEATURES = 32
DISTINCT = 4096
"""Rows that differ; record *i* has row `i % DISTINCT`."""

SENT_AT = "sent-at"
"""The header that carries when a record was due, in nanoseconds of the machine's monotonic clock."""

_SEED = 20_251_122


def feature_rows() -> npt.NDArray[np.float64]:
    """Return `[DISTINCT, FEATURES]`, three decimals each."""
    return np.round(np.random.default_rng(_SEED).standard_normal((DISTINCT, FEATURES)), 3)


class RecordFactory:
    """Makes records by their number; the costly part, the features' text, is made once."""

    def __init__(self) -> None:
        self._features = [", ".join(map(repr, row)).encode() for row in feature_rows().tolist()]

    def value(self, number: int) -> bytes:
        """The JSON of record *number*."""
        return b'{"id": "r%d", "features": [%b]}' % (number, self._features[number % DISTINCT])

    def key(self, number: int) -> bytes:
        """The record's key."""
        return key(number)

    def partition(self, number: int) -> int:
        """Where it goes."""
        return number % PARTITIONS


def key(number: int) -> bytes:
    """The record's key."""
    return b"key-%d" % number


def headers(number: int, sent_at: int) -> Sequence[tuple[str, bytes]]:
    """Two headers: a made-up trace, and when the record was due."""
    return [("trace", b"%016x" % number), (SENT_AT, b"%d" % sent_at)]
