"""What a proxy does to requests and answers on purpose."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from tests.broker.frames import Request

Where = Callable[[Request], bool]


class Changes:
    """Lets other threads wait for what happens in the proxy's own."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def tell(self) -> None:
        """Something happened."""
        with self._condition:
            self._condition.notify_all()

    def wait_for(self, condition: Callable[[], bool], within: float, otherwise: str) -> None:
        """Return when *condition* holds; TimeoutError that says *otherwise* when it does not *within* seconds."""
        with self._condition:
            if not self._condition.wait_for(condition, within):
                raise TimeoutError(f"{otherwise} within {within} s")


class Rule:
    """Which requests are meant.

    Args:
        changes: who is told of each that was found.
        api_keys: of which kinds; none: of all.
        count: how many at most; None: all.
        where: and which of these; None: all.

    Attributes:
        requests: those found so far, in the order they came.
    """

    def __init__(self, changes: Changes, api_keys: tuple[int, ...], count: int | None, where: Where | None) -> None:
        self.requests: list[Request] = []
        self._changes = changes
        self._api_keys = api_keys
        self._left = count
        self._where = where

    def takes(self, request: Request) -> bool:
        """Whether *request* is one of those meant, which is noted."""
        meant = not self._api_keys or request.api_key in self._api_keys
        if not meant or self._left == 0 or not (self._where is None or self._where(request)):
            return False
        if self._left is not None:
            self._left -= 1
        self.requests.append(request)
        self._changes.tell()
        return True

    def end(self) -> None:
        """Take no more."""
        self._left = 0

    def wait(self, count: int = 1, *, within: float = 30) -> None:
        """Return when *count* requests have been found; TimeoutError when that takes longer."""
        self._changes.wait_for(lambda: len(self.requests) >= count, within, f"not {count} such requests")


class Hold(Rule):
    """Requests that the broker does not get before `release`, whatever becomes of their clients meanwhile.

    What a connection sends after a held request waits behind it, as it would in the network. Leaving a `with` block
    releases, too.

    Attributes:
        answers: what the broker answered to the held requests, the length first.
        dropped: whether the broker never gets them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *rule: Any) -> None:
        super().__init__(*rule)
        self.answers: list[bytes] = []
        self.released = asyncio.Event()
        self.dropped = False
        self._loop = loop

    def release(self) -> None:
        """Let the broker have what was held, and hold no more."""
        self._loop.call_soon_threadsafe(self._release)

    def drop(self) -> None:
        """Let what was held vanish, and what came behind it on the same connection, which ends; hold no more."""
        self.dropped = True
        self.release()

    def wait_until_answered(self, *, within: float = 30) -> None:
        """Return when the broker has answered all that was held; TimeoutError when that takes longer."""
        self._changes.wait_for(self._is_answered, within, f"{self.requests} not answered")

    def answered(self, answer: bytes) -> None:
        """The broker answered one of them."""
        self.answers.append(answer)
        self._changes.tell()

    def _is_answered(self) -> bool:
        return self.released.is_set() and len(self.answers) == len(self.requests)

    def _release(self) -> None:
        self.end()
        self.released.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Swallow(Rule):
    """Requests whose answers the client does not get.

    Attributes:
        reset: whether the connection is reset in the answer's place, which a client notices at once; otherwise no later
            answer arrives on that connection either.
    """

    def __init__(self, reset: bool, *rule: Any) -> None:
        super().__init__(*rule)
        self.reset = reset


class Faults:
    """What happens now to everything that passes.

    Attributes:
        seen: how many requests of each kind came from clients.
        delay_seconds: how much later everything arrives, in both directions.
        requests_lost: whether requests vanish.
        answers_lost: whether answers vanish.
    """

    def __init__(self) -> None:
        self.changes = Changes()
        self.seen: Counter[int] = Counter()
        self.holds: list[Hold] = []
        self.heal()

    def heal(self) -> None:
        """Let everything pass but what is held."""
        self.delay_seconds = 0.0
        self.requests_lost = False
        self.answers_lost = False
        self.swallows: list[Swallow] = []

    def came(self, request: Request) -> Hold | None:
        """Count a request and return who holds it."""
        self.seen[request.api_key] += 1
        self.changes.tell()
        return next((hold for hold in self.holds if hold.takes(request)), None)

    def swallower(self, request: Request) -> Swallow | None:
        """Return who swallows the answer to *request*."""
        return next((swallow for swallow in self.swallows if swallow.takes(request)), None)

    def due(self) -> float:
        """When what came now may arrive, by `time.monotonic`."""
        return time.monotonic() + self.delay_seconds
