"""Several partitions as one stream."""

import heapq
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


async def merged(streams: Mapping[int, AsyncGenerator[T, None]], at: Callable[[T], float]) -> AsyncGenerator[T, None]:
    """Yield what all *streams* bring in the order of *at*, and what one of them brings as it comes; closes them.

    Raises:
        Exception: whatever a stream raises.
    """
    heads: list[tuple[float, int, T]] = []

    async def advance(number: int) -> None:
        if (found := await anext(streams[number], None)) is not None:
            heapq.heappush(heads, (at(found), number, found))

    try:
        for number in streams:
            await advance(number)
        while heads:
            _, number, found = heapq.heappop(heads)
            yield found
            await advance(number)
    finally:
        for stream in streams.values():
            await stream.aclose()
