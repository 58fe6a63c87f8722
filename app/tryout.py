"""How a version of the model comes in beside others that serve: tried in a process of its own, loaded, examined."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Protocol, TypeVar

from app import collector
from app.errors import VersionRefused
from app.ranker import Ranker
from app.recent import Recent
from app.refusals import Refusals
from app.trial import examine
from app.understudy import Understudy
from config.settings import Settings
from models.predictor import Predictor
from models.repository import Files

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Loading is Python's work for the most part; the event loop must not wait long for its turn.
_SWITCH_SECONDS = 0.0005


class TryoutObserver(Protocol):
    """Who counts versions that are not used."""

    def model_refused(self, outcome: str) -> None:
        """A version has `failed`, was `rejected` or `rolled_back`."""


class Tryout:
    """Loads versions of one model, and remembers which of them are not to be used.

    Args:
        settings: which model, and how a version is loaded.
        load: loads a version, warm; blocks.
        observer: counts.
        refused: what was refused before, and why.

    Attributes:
        recent: the records that a version must rank before it may take over.
        refusals: what is not to be used.
        trying: the version that is on its way in.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[Settings], Predictor],
        observer: TryoutObserver,
        refused: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._load = load
        self._observer = observer
        self._understudy = Understudy()
        self.recent = Recent()
        self.refusals = Refusals(refused)
        self.trying: int | None = None

    async def get_ready(self) -> None:
        """Start the process that tries versions, so that the first one need not wait for it."""
        with suppress(OSError):  # it is started again when it is needed
            await self._understudy.start()

    async def stop(self) -> None:
        """End that process."""
        await self._understudy.stop()

    async def ranker(self, number: int, files: Files) -> Ranker | None:
        """Return version *number*, which consists of *files*, ready to rank; None when it is refused.

        Raises:
            OSError: there is no process to try it in.
        """
        self.trying = number
        try:
            return await self._loaded(number)
        except VersionRefused as error:
            self.refuse(number, files, str(error), outcome=error.outcome)
            return None
        finally:
            self.trying = None

    def refuse(self, number: int, files: Files | None, reason: str, *, outcome: str) -> None:
        """Take note that a version is not to be used until its files change, and tell everybody."""
        self.refusals.note(number, files, reason)
        self._observer.model_refused(outcome)
        about = {"version": str(number), "outcome": outcome}
        logger.error("a version of the model is not served: %s", reason, extra=about)
        collector.collect_soon()

    async def _loaded(self, number: int) -> Ranker:
        model, values = self._settings.model, self.recent.values()
        settings = self._settings.model_copy(update={"model": model.model_copy(update={"version": str(number)})})
        await self._understudy.try_out(settings, values, timeout_seconds=model.load_timeout_seconds)

        def load() -> Ranker:
            with _short_turns():
                return examine(settings, self._load(settings), values)

        try:
            async with asyncio.timeout(model.load_timeout_seconds):
                return await in_thread(load)
        except VersionRefused:
            raise
        except TimeoutError:
            raise VersionRefused("failed", f"it was not loaded after {model.load_timeout_seconds:g} s") from None
        except Exception as error:  # whatever it is, the version that serves goes on
            raise VersionRefused("failed", str(error) or type(error).__name__) from error


async def in_thread(call: Callable[[], T]) -> T:
    """Run *call* in a thread of its own, which the process does not wait for at its end."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="versions")
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, call)
    finally:
        executor.shutdown(wait=False)


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
