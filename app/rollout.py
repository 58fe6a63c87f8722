"""Which version of the model ranks: newer ones are brought in beside it, and taken back when they do worse."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Protocol

from app import collector
from app.beside import Beside
from app.errors import ModelFailed, RejectedRecord
from app.limit import BatchLimit
from app.outcome import Outcome
from app.ranker import Ranker
from app.records import Incoming
from app.tally import Tally
from app.tryout import Tryout, in_thread
from config.settings import Settings
from models.errors import ModelNotUsable
from models.predictor import Predictor
from models.repository import Files, Repository, Sighting
from models.versions import LATEST, UNVERSIONED

logger = logging.getLogger(__name__)

# A version is found when two looks agree, so that one look must come well before the other.
_LOOKS_PER_POLL = 2
_SECOND_LOOK_SECONDS = 0.5


class RolloutObserver(Protocol):
    """Who counts versions."""

    def model_loaded(self, predictor: Predictor) -> None:
        """A version was loaded, and serves from now on."""

    def model_serves(self, predictor: Predictor) -> None:
        """A version that was loaded before serves again."""

    def model_ranked(self, role: str, outcome: str, rows: int) -> None:
        """The version that is `serving` has `ranked` records, or `refused` them."""


@dataclass(frozen=True, slots=True)
class _Predecessor:
    """What served before, kept in case that the new version does worse."""

    ranker: Ranker
    share: float
    until: float


class Rollout:
    """Decides which version serves; implements `app.traffic.Rankers`.

    Args:
        settings: which folder, and how often it is looked at.
        first: what serves now.
        tryout: loads versions.
        beside: what ranks beside the one that serves, and never in its stead.
        limit: of the batches; follows what the version takes.
        observer: counts.
        sync: brings the folder up to date before every look, given the version that serves and those that are refused;
            blocks. None: nobody has to.

    Attributes:
        current: what serves.
        trouble: why versions cannot be looked after; None when they can.
    """

    def __init__(
        self,
        settings: Settings,
        first: Ranker,
        *,
        tryout: Tryout,
        beside: Beside,
        limit: BatchLimit,
        observer: RolloutObserver,
        sync: Callable[[int, Collection[int]], None] | None = None,
    ) -> None:
        self._settings = settings
        self._tryout = tryout
        self.beside = beside
        self._limit = limit
        self._observer = observer
        self._repository = Repository(Path(settings.model.path), whole=sync is not None)
        self._sync = sync
        self._predecessor: _Predecessor | None = None
        # Whoever asks for a canary or a shadow expects it now.
        self._asked = bool(beside.numbers)
        self._has_time = False
        self._wake = asyncio.Event()
        self._look_at = time.monotonic() if settings.model.poll_seconds else inf
        self._files: Mapping[int, Files] = {}
        self.trouble: str | None = None
        self._serve(first)

    def _serve(self, ranker: Ranker) -> None:
        self.current = ranker
        self._tally = Tally()
        most = self._settings.batch.max_size
        self._limit.reach(min(most, ranker.predictor.largest_batch or most))

    # -- what the traffic asks and tells

    def ranked(
        self, records: Sequence[Incoming], outcomes: Sequence[Outcome], ranker: Ranker, *, again: bool = False
    ) -> None:
        """Count what became of records, and take the version back when too many are refused by it.

        Records that come *again*, since the canary had them and refused them, say nothing about its share of refusals.
        """
        rejected = [outcome for outcome in outcomes if isinstance(outcome, RejectedRecord)]
        refused = sum(outcome.stage == "predict" for outcome in rejected)
        if ranked := len(outcomes) - len(rejected):
            self._observer.model_ranked("serving", "ranked", ranked)
        if refused:
            self._observer.model_ranked("serving", "refused", refused)
        if again or ranker is not self.current:
            return
        self._tally.note(len(outcomes), refused)
        if outcomes and not isinstance(outcomes[-1], RejectedRecord) and (value := records[-1].value) is not None:
            self._tryout.recent.note(value)
        before = self._on_probation_after
        if refused and before is not None and self._tally.is_worse_than(before.share):
            words = f"it refuses {self._tally.share:.0%} of {self._tally.given:,} records"
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
        self._serve(before)
        self._tryout.refuse(number, self._files.get(number, ()), reason, outcome="rolled_back")
        self._observer.model_serves(before.predictor)

    # -- versions come and go

    async def begin(self) -> None:
        """Get ready for the first record.

        Raises:
            ModelNotUsable: there are no versions to choose from, and some are asked for.
        """
        if not self.beside.numbers:
            return
        if self.current.predictor.version == UNVERSIONED:
            asked = [f"MODEL_{role.upper()}_VERSION={number}" for role, number in self.beside.numbers.items()]
            path = self._settings.model.path
            raise ModelNotUsable(f"{' and '.join(asked)}: MODEL_PATH={path} is one model, without versions")
        await self.beside.begin(await in_thread(self._repository.look))

    def look_now(self) -> None:
        """Look at the folder without waiting for the next time."""
        self._asked = True
        self._wake.set()

    def has_time(self) -> None:
        """Nothing waits to be ranked: get ready for the next version, which takes the processor for seconds."""
        if not self._has_time:
            self._has_time = True
            self._wake.set()

    async def run(self) -> None:
        """Look at the folder again and again; ends at once where there are no versions to choose from."""
        if self.current.predictor.version == UNVERSIONED:
            return
        if self._settings.model.version != LATEST and not self.beside.numbers:
            return
        try:
            await self._look_again_and_again()
        finally:
            self.beside.close()
            await self._tryout.stop()

    async def _look_again_and_again(self) -> None:
        made_ready = not self._settings.model.poll_seconds
        while True:
            if self._has_time and not made_ready:
                made_ready = True
                await self._tryout.get_ready()
            await self._wait()
            self._let_go()
            if self._asked or time.monotonic() >= self._look_at:
                await self._look()

    async def _wait(self) -> None:
        """Wait until it is time to look, until somebody asks, or until something can be let go."""
        due = min(self._look_at, self._predecessor.until if self._predecessor else inf)
        try:
            async with asyncio.timeout(None if due == inf else max(0.0, due - time.monotonic())):
                if not self._asked:
                    await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _let_go(self) -> None:
        if self._predecessor is not None and time.monotonic() >= self._predecessor.until:
            self._predecessor = None
            collector.collect_soon()

    async def _look(self) -> None:
        asked, self._asked = self._asked, False
        trouble = missing = None
        try:
            sighting, trouble = await self._sighted()
            if asked:
                # Whoever asks does so when the files are there; a second look shows that they are complete.
                await asyncio.sleep(_SECOND_LOOK_SECONDS)
                sighting, trouble = await self._sighted()
            self._files = sighting.there
            self._tryout.refusals.forget_changed(sighting.there)
            if (number := self._wanted(sighting)) is not None:
                await self._bring_in(number, sighting.complete[number])
            missing = await self.beside.look(sighting)
        except ModelNotUsable as error:
            trouble = str(error)
        except OSError as error:  # ours, not the version's: no process, no memory
            trouble = f"a version cannot be tried: {error}"
        trouble = "; ".join(filter(None, [trouble, missing])) or None
        if trouble and trouble != self.trouble:
            logger.error("the versions of the model cannot be looked after: %s", trouble)
        self.trouble = trouble
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
        serving, refused = int(self.current.predictor.version), set(self._tryout.refusals)
        try:
            async with asyncio.timeout(self._settings.model.load_timeout_seconds):
                return await in_thread(lambda: self._looked(serving, refused))
        except TimeoutError:
            raise ModelNotUsable(
                f"looking took longer than MODEL_LOAD_TIMEOUT_SECONDS={self._settings.model.load_timeout_seconds:g}"
            ) from None

    def _wanted(self, sighting: Sighting) -> int | None:
        """The version to bring in; None: the one that serves is the one to serve."""
        if self._settings.model.version != LATEST:
            return None
        serving = int(self.current.predictor.version)
        numbers = {number for number in sighting.complete if number not in self._tryout.refusals}
        if serving in sighting.there:
            numbers.add(serving)
        newest = max(numbers.difference(self.beside.numbers.values()), default=serving)
        return None if newest == serving else newest

    async def _bring_in(self, number: int, files: Files) -> None:
        began = time.monotonic()
        if (ranker := await self._tryout.ranker(number, files)) is None:
            return
        probation = self._settings.model.probation_seconds
        self._predecessor = _Predecessor(self.current, self._tally.share, time.monotonic() + probation)
        collector.collect_soon()  # what was kept until now
        self._serve(ranker)
        self._observer.model_loaded(ranker.predictor)
        logger.info(
            "another version serves",
            extra={"version": str(number), "seconds": round(time.monotonic() - began, 2)},
        )

    @property
    def newer_refused(self) -> int:
        """How many versions are there and newer than the one that serves, but refused; 0 where a version is pinned."""
        if self._settings.model.version != LATEST or self.current.predictor.version == UNVERSIONED:
            return 0
        serving = int(self.current.predictor.version)
        return sum(number > serving for number in self._tryout.refusals)

    def status(self) -> dict[str, Any]:
        """What `/status` tells of versions."""
        before = self._on_probation_after
        return {
            "on_probation_after": before and before.ranker.predictor.version,
            **self.beside.status(),
            "trying": self._tryout.trying,
            "refused": self._tryout.refusals.reasons,
            "trouble": self.trouble,
        }
