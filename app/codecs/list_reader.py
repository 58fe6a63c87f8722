"""A record with candidates, read the fast way if it is plainly right, else the exact way."""

from collections.abc import Sequence

from app.codecs.columns import Column
from app.codecs.exact_lists import ExactListReader
from app.codecs.fast_lists import LIST_DOUBTS, Entries, FastListReader
from app.codecs.fields import FieldPath
from app.codecs.list_fields import ListFields


class ListReader:
    """Turn the bytes of one record into its entries.

    Args:
        columns: the inputs that candidates bring, or share.
        fields: where they are.
        max_bytes: longer values are refused unread.
        drop: whether a candidate that is at fault is left out, instead of the record.
        outside: inputs that belong to the record alone, and their paths.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        fields: ListFields,
        max_bytes: int,
        *,
        drop: bool,
        outside: Sequence[tuple[Column, FieldPath]] = (),
    ) -> None:
        self._fast = FastListReader(columns, fields, outside)
        self._exact = ExactListReader(columns, fields, max_bytes, drop=drop, outside=outside)
        self._max_bytes = max_bytes

    def read(self, value: bytes | None) -> tuple[Entries, int]:
        """Return what *value* brings, and how many candidates were left out.

        Raises:
            RejectedRecord: why it brings nothing.
        """
        try:
            # Most values are ASCII, and the quick test tells; for others, decoding raises what is no UTF-8.
            if not value or len(value) > self._max_bytes or not (value.isascii() or value.decode()):
                raise ValueError("not for the fast way")
            return self._fast.entries(value), 0
        except LIST_DOUBTS:
            return self._exact.entries(value)
