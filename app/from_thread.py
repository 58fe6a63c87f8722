"""What a blocking iterator brings, for an event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_END = object()


async def from_thread(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """Yield what *items* brings; it runs in a thread that nobody waits for at the end, since it may be waiting itself.

    Raises:
        Exception: whatever it raises.
    """
    loop = asyncio.get_running_loop()
    there: asyncio.Queue[tuple[object, Exception | None]] = asyncio.Queue(1)

    def put(found: object, error: Exception | None = None) -> None:
        putting = there.put((found, error))
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        finally:
            putting.close()  # where the loop has ended, nobody has begun with it

    def run() -> None:
        # These: nobody wants to know any more, or the loop has ended.
        with suppress(CancelledError, RuntimeError):
            try:
                for each in items:
                    put(each)
            except Exception as error:
                put(_END, error)
            else:
                put(_END)

    threading.Thread(target=run, daemon=True).start()
    while (answer := await there.get())[0] is not _END:
        yield answer[0]  # type: ignore[misc]  # it is what *items* brings
    if answer[1] is not None:
        raise answer[1]
