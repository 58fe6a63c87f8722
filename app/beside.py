"""What ranks beside the version that serves: a canary and a shadow, which come, and go when they do harm."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from app.canary import Canary
from app.errors import ModelFailed
from app.ranker import Ranker
from app.shadow import Shadow
from app.tryout import Tryout
from models.predictor import Predictor
from models.repository import Sighting

logger = logging.getLogger(__name__)

CANARY, SHADOW = "canary", "shadow"


class BesideObserver(Protocol):
    """Who counts."""

    def model_beside(self, role: str, predictor: Predictor | None) -> None:
        """A version is the `canary` or the `shadow` from now on; None: there is none any more."""

    def model_ranked(self, role: str, outcome: str, rows: int) -> None:
        """The `canary` has `ranked` records, or `refused` them."""


class Sides(Protocol):
    """Who makes what ranks beside."""

    def canary(self, ranker: Ranker) -> Canary:
        """Return the canary."""

    def shadow(self, ranker: Ranker, on_failure: Callable[[Shadow, Exception], None]) -> Shadow:
        """Return the shadow; *on_failure* as for `Shadow`."""


class Beside:
    """Lets versions in and out; part of what `app.traffic` goes by.

    Args:
        numbers: the version that is to be the `canary`, and the `shadow`.
        tryout: loads versions.
        sides: makes of them what they are to be.
        observer: counts.

    Attributes:
        numbers: as given.
        canary: is in; None: it is not.
        shadow: likewise.
    """

    def __init__(self, numbers: Mapping[str, int], *, tryout: Tryout, sides: Sides, observer: BesideObserver) -> None:
        self.numbers = numbers
        self.canary: Canary | None = None
        self.shadow: Shadow | None = None
        self._tryout = tryout
        self._sides = sides
        self._observer = observer
        self._seen: Sighting | None = None

    async def begin(self, sighting: Sighting) -> None:
        """Let the canary in before the first record comes, or its keys would change sides at every start."""
        if self.numbers.get(CANARY) in sighting.there:
            with suppress(OSError):  # said again at the first look
                await self._let_in(CANARY, sighting)

    async def look(self, sighting: Sighting) -> str | None:
        """Let in what can be, let go what is gone; returns what is missing.

        Raises:
            OSError: there is no process to try a version in.
        """
        missing = []
        for role, number in self.numbers.items():
            if number not in sighting.there:
                missing.append(f"MODEL_{role.upper()}_VERSION={number} is not there")
                self._let_go(role)
            elif not self._has(role) and number in sighting.complete and number not in self._tryout.refusals:
                await self._let_in(role, sighting)
        return "; ".join(missing) or None

    def close(self) -> None:
        """Leave off; what the canary has is for the version that serves then."""
        canary, self.canary = self.canary, None
        shadow, self.shadow = self.shadow, None
        if canary is not None:
            canary.leave()
        if shadow is not None:
            shadow.close()

    # -- what the traffic tells

    def canary_ranked(self, canary: Canary, ranked: int, refused: int, wrongly: int) -> None:
        """Count what the canary did; one that refuses too much of what the version which serves ranks has to go."""
        if ranked:
            self._observer.model_ranked(CANARY, "ranked", ranked)
        if refused:
            self._observer.model_ranked(CANARY, "refused", refused)
        canary.tally.note(ranked + refused, wrongly)
        if canary is self.canary and canary.tally.is_worse_than(0.0):
            words = f"it refuses {canary.tally.share:.0%} of {canary.tally.given:,} records"
            self._give_up(CANARY, f"{words} that the version which serves ranks")

    def canary_failed(self, canary: Canary, error: ModelFailed) -> None:
        """Let the canary go, which is at fault itself."""
        if canary is self.canary:
            self._give_up(CANARY, str(error))

    def _shadow_failed(self, shadow: Shadow, error: Exception) -> None:
        if shadow is self.shadow:
            self._give_up(SHADOW, str(error) or type(error).__name__)

    # -- in and out

    def _has(self, role: str) -> bool:
        return (self.canary if role == CANARY else self.shadow) is not None

    async def _let_in(self, role: str, sighting: Sighting) -> None:
        began, number = time.monotonic(), self.numbers[role]
        self._seen = sighting
        if (ranker := await self._tryout.ranker(number, sighting.there[number])) is None:
            return
        if role == CANARY:
            self.canary = self._sides.canary(ranker)
        else:
            self.shadow = self._sides.shadow(ranker, self._shadow_failed)
        self._observer.model_beside(role, ranker.predictor)
        about = {"role": role, "version": str(number), "seconds": round(time.monotonic() - began, 2)}
        logger.info("a version ranks beside the one that serves", extra=about)

    def _let_go(self, role: str) -> None:
        if not self._has(role):
            return
        if role == CANARY:
            canary, self.canary = self.canary, None
            assert canary is not None  # noqa: S101 - it is in
            canary.leave()
        else:
            shadow, self.shadow = self.shadow, None
            assert shadow is not None  # noqa: S101 - it is in
            shadow.close()
        self._observer.model_beside(role, None)
        logger.info("a version ranks no more", extra={"role": role, "version": str(self.numbers[role])})

    def _give_up(self, role: str, reason: str) -> None:
        number = self.numbers[role]
        self._let_go(role)
        files = self._seen.there.get(number) if self._seen else None
        self._tryout.refuse(number, files, f"as the {role}: {reason}", outcome="rolled_back")

    def status(self) -> dict[str, Any]:
        """What `/status` tells."""
        canary, shadow = self.canary, self.shadow
        return {
            CANARY: canary and {**_about(canary.ranker.predictor), "share": canary.share},
            SHADOW: shadow and _about(shadow.ranker.predictor),
        }


def _about(predictor: Predictor) -> dict[str, str]:
    return {"version": predictor.version, "device": predictor.device, "fingerprint": predictor.fingerprint}
