"""Which version of the model ranks: newer ones are brought in beside it, and taken back when they do worse."""

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from app.errors import ModelFailed, RejectedRecord, VersionRefused
from app.kafka.chunk import Chunk
from app.lane import Outcome
from app.limit import BatchLimit
from app.ranker import Ranker
from app.recent import Recent
from app.trial import examine
from app.understudy import Understudy
from config.settings import Settings
from models.errors import ModelNotUsable
from models.predictor import Predictor
from models.repository import Files, Repository, Sighting
from models.versions import LATEST, UNVERSIONED

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A version is found when two looks agree, so that one look must come well before the other.
_LOOKS_PER_POLL = 2
_SECOND_LOOK_SECONDS = 0.5
# Chunks that a version has begun with have left it by then.
_GARBAGE_SECONDS = 1.0
# Loading is Python's work for the most part; the event loop must not wait long for its turn.
_SWITCH_SECONDS = 0.0005
_PROBATION_RECORDS = 20
_PROBATION_SHARE = 0.05


class RolloutObserver(Protocol):
    """Who counts versions."""

    def model_loaded(self, predictor: Predictor) -> None:
        """A version was loaded, and serves from now on."""

    def model_serves(self, predictor: Predictor) -> None:
        """A version that was loaded before serves again."""

    def model_refused(self, outcome: str) -> None:
        """A version has `failed`, was `rejected` or `rolled_back`."""


@dataclass(slots=True)
class _Tally:
    """How many records a version has ranked, and how many of them it refused."""

    ranked: int = 0
    refused: int = 0

    @property
    def share(self) -> float:
        return self.refused / self.ranked if self.ranked else 0.0


@dataclass(frozen=True, slots=True)
class _Predecessor:
    """What served before, kept in case that the new version does worse."""

    ranker: Ranker
    share: float
    until: float


class Rollout:
    """Decides which version ranks; implements `app.pipeline.Rankers`.

    Args:
        settings: which folder, how often it is looked at, and how a version is loaded.
        first: what serves now.
        load: loads a version, warm; blocks.
        limit: of the batches; follows what the version takes.
        observer: counts.
        sync: brings the folder up to date before every look, given the version that serves and those that are refused;
            blocks. None: nobody has to.
        refused: what was refused at the start already, and why.
    """

    def __init__(
        self,
        settings: Settings,
        first: Ranker,
        *,
        load: Callable[[Settings], Predictor],
        limit: BatchLimit,
        observer: RolloutObserver,
        sync: Callable[[int, Collection[int]], None] | None = None,
        refused: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._load = load
        self._limit = limit
        self._observer = observer
        self._repository = Repository(Path(settings.model.path), whole=sync is not None)
        self._sync = sync
        self._recent = Recent()
        self._understudy = Understudy()
        # What was refused at the start is taken to be as it is at the first look.
        self._refused: dict[int, tuple[Files | None, str]] = {number: (None, why) for number, why in refused.items()}
        self._predecessor: _Predecessor | None = None
        self._asked = False
        self._wake = asyncio.Event()
        self._look_at = time.monotonic() if settings.model.poll_seconds else inf
        self._garbage_at = inf
        self._files: Mapping[int, Files] = {}
        self._trouble: str | None = None
        self.trying: int | None = None
        self._begin(first)

    def _begin(self, ranker: Ranker) -> None:
        self.current = ranker
        self._tally = _Tally()
        most = self._settings.batch.max_size
        self._limit.reach(min(most, ranker.predictor.largest_batch or most))

    # -- what the pipeline asks and tells

    def ranked(self, chunk: Chunk, outcomes: Sequence[Outcome], ranker: Ranker) -> None:
        """Count what became of records, and take the version back when too many are refused by it."""
        if ranker is not self.current:
            return
        refused = sum(isinstance(outcome, RejectedRecord) and outcome.stage == "predict" for outcome in outcomes)
        self._tally.ranked += len(outcomes)
        self._tally.refused += refused
        if outcomes and isinstance(outcomes[-1], bytes):
            self._recent.note(chunk[-1].value)
        before = self._on_probation_after
        if not refused or before is None or self._tally.ranked < _PROBATION_RECORDS:
            return
        if (share := self._tally.share) > before.share + _PROBATION_SHARE:
            words = f"it refuses {share:.0%} of {self._tally.ranked:,} records"
            self._roll_back(f"{words}, the version before refused {before.share:.0%}")

    def instead_of(self, ranker: Ranker, error: ModelFailed) -> Ranker | None:
        """What to rank with where *ranker* is at fault: the version before while this one is on probation."""
        if ranker is self.current:
            if self._on_probation_after is None:
                return None
            self._roll_back(str(error))
        return self.current

    @property
    def _on_probation_after(self) -> _Predecessor | None:
        before = self._predecessor
        return None if before is None or time.monotonic() >= before.until else before

    def _roll_back(self, reason: str) -> None:
        assert self._predecessor is not None  # noqa: S101 - whoever calls has looked
        number = int(self.current.predictor.version)
        before, self._predecessor = self._predecessor.ranker, None
        self._garbage_at = time.monotonic() + _GARBAGE_SECONDS
        self._wake.set()
        self._begin(before)
        self._refuse(number, self._files.get(number, ()), VersionRefused("failed", reason), outcome="rolled_back")
        self._observer.model_serves(before.predictor)

    # -- versions come and go

    def look_now(self) -> None:
        """Look at the folder without waiting for the next time."""
        self._asked = True
        self._wake.set()

    async def run(self) -> None:
        """Look at the folder again and again; ends at once where there are no versions to choose from."""
        if self.current.predictor.version == UNVERSIONED or self._settings.model.version != LATEST:
            return
        try:
            await self._look_again_and_again()
        finally:
            await self._understudy.stop()

    async def _look_again_and_again(self) -> None:
        if self._settings.model.poll_seconds:
            with suppress(OSError):  # it is started again when it is needed
                await self._understudy.start()
        while True:
            await self._wait()
            self._let_go()
            if self._asked or time.monotonic() >= self._look_at:
                await self._look()

    async def _wait(self) -> None:
        """Wait until it is time to look, until somebody asks, or until something can be let go."""
        due = min(self._look_at, self._predecessor.until if self._predecessor else inf, self._garbage_at)
        try:
            async with asyncio.timeout(None if due == inf else max(0.0, due - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _let_go(self) -> None:
        now = time.monotonic()
        if self._predecessor is not None and now >= self._predecessor.until:
            self._predecessor, self._garbage_at = None, now + _GARBAGE_SECONDS
        if now >= self._garbage_at:
            # TensorFlow's objects refer to each other in circles; all that is older than the model was frozen.
            gc.collect()
            self._garbage_at = inf

    async def _look(self) -> None:
        asked, self._asked = self._asked, False
        trouble = None
        try:
            sighting, trouble = await self._sighted()
            if asked:
                # Whoever asks does so when the files are there; a second look shows that they are complete.
                await asyncio.sleep(_SECOND_LOOK_SECONDS)
                sighting, trouble = await self._sighted()
            if (number := self._wanted(sighting)) is not None:
                await self._bring_in(number, sighting.complete[number])
        except ModelNotUsable as error:
            trouble = str(error)
        except OSError as error:  # ours, not the version's: no process, no memory
            trouble = f"a version cannot be tried: {error}"
        if trouble and trouble != self._trouble:
            logger.error("the versions of the model cannot be looked after: %s", trouble)
        self._trouble = trouble
        poll = self._settings.model.poll_seconds
        self._look_at = time.monotonic() + poll / _LOOKS_PER_POLL if poll else inf

    def _looked(self, serving: int, refused: Collection[int]) -> tuple[Sighting, str | None]:
        """What is there, and what kept the folder from being brought up to date."""
        trouble = None
        try:
            if self._sync is not None:
                self._sync(serving, refused)
        except ModelNotUsable as error:
            trouble = str(error)
        return self._repository.look(), trouble

    async def _sighted(self) -> tuple[Sighting, str | None]:
        serving, refused = int(self.current.predictor.version), set(self._refused)
        try:
            async with asyncio.timeout(self._settings.model.load_timeout_seconds):
                return await _in_thread(lambda: self._looked(serving, refused))
        except TimeoutError:
            raise ModelNotUsable(
                f"looking took longer than MODEL_LOAD_TIMEOUT_SECONDS={self._settings.model.load_timeout_seconds:g}"
            ) from None

    def _wanted(self, sighting: Sighting) -> int | None:
        """The version to bring in; None: the one that serves is the one to serve."""
        self._files = sighting.there
        for number, (files, why) in list(self._refused.items()):
            if files is None and number in sighting.there:
                self._refused[number] = sighting.there[number], why
            elif sighting.there.get(number) != files:
                del self._refused[number]
        serving = int(self.current.predictor.version)
        numbers = {number for number in sighting.complete if number not in self._refused}
        if serving in sighting.there:
            numbers.add(serving)
        newest = max(numbers, default=serving)
        return None if newest == serving else newest

    async def _bring_in(self, number: int, files: Files) -> None:
        self.trying = number
        began = time.monotonic()
        try:
            ranker = await self._prepared(number)
        except VersionRefused as error:
            self._refuse(number, files, error, outcome=error.outcome)
            self._garbage_at = time.monotonic() + _GARBAGE_SECONDS
            return
        finally:
            self.trying = None
        probation = self._settings.model.probation_seconds
        # What was kept until now goes.
        self._garbage_at = time.monotonic() + _GARBAGE_SECONDS
        self._predecessor = _Predecessor(self.current, self._tally.share, time.monotonic() + probation)
        self._begin(ranker)
        self._observer.model_loaded(ranker.predictor)
        logger.info(
            "another version serves",
            extra={"version": str(number), "seconds": round(time.monotonic() - began, 2)},
        )

    async def _prepared(self, number: int) -> Ranker:
        model = self._settings.model
        settings = self._settings.model_copy(update={"model": model.model_copy(update={"version": str(number)})})
        values = self._recent.values()
        await self._understudy.try_out(settings, values, timeout_seconds=model.load_timeout_seconds)

        def load() -> Ranker:
            with _short_turns():
                return examine(settings, self._load(settings), values)

        try:
            async with asyncio.timeout(model.load_timeout_seconds):
                return await _in_thread(load)
        except VersionRefused:
            raise
        except TimeoutError:
            raise VersionRefused("failed", f"it was not loaded after {model.load_timeout_seconds:g} s") from None
        except Exception as error:  # whatever it is, the version that serves goes on
            raise VersionRefused("failed", str(error) or type(error).__name__) from error

    def _refuse(self, number: int, files: Files, error: VersionRefused, *, outcome: str) -> None:
        self._refused[number] = files, str(error)
        self._observer.model_refused(outcome)
        logger.error(
            "a version of the model is not served: %s",
            error,
            extra={"version": str(number), "outcome": outcome, "serving": self.current.predictor.version},
        )

    def status(self) -> dict[str, Any]:
        """What `/status` tells of versions."""
        before = self._on_probation_after
        return {
            "on_probation_after": before and before.ranker.predictor.version,
            "trying": self.trying,
            "refused": {str(number): reason for number, (_, reason) in sorted(self._refused.items())},
            "trouble": self._trouble,
        }


async def _in_thread(call: Callable[[], T]) -> T:
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
