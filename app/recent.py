"""The values of records that were ranked lately."""

from collections import deque

_MOST = 64
_MOST_BYTES = 1 << 20


class Recent:
    """Keeps the newest values, 64 and 1 MiB at most."""

    def __init__(self) -> None:
        self._values: deque[bytes] = deque()
        self._bytes = 0

    def note(self, value: bytes) -> None:
        """Keep *value* as the newest."""
        self._values.append(value)
        self._bytes += len(value)
        while len(self._values) > _MOST or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._values.popleft())

    def values(self) -> list[bytes]:
        """Return what is kept, the oldest first."""
        return list(self._values)
