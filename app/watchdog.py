"""Notice that this worker cannot go on although nothing outside of it is wrong, so that a restart would help."""

import asyncio
from collections.abc import Callable

from app.errors import Stuck
from app.progress import Progress
from app.serving import Serving

LOOK_SECONDS = 1.0
# Longer than any step takes that is not watched by itself.
STUCK_SECONDS = 60.0


class Watchdog:
    """Looks once a second.

    Args:
        serving: who is watched.
        progress: is told whenever something moves.
        model_timeout_seconds: the longest that a model call may take.
        stuck_seconds: the longest that nothing may move while something waits.
        on_stuck: told once.
    """

    def __init__(
        self,
        serving: Serving,
        progress: Progress,
        *,
        model_timeout_seconds: float,
        stuck_seconds: float,
        on_stuck: Callable[[Stuck], None],
    ) -> None:
        self._serving = serving
        self._progress = progress
        self._model_timeout_seconds = model_timeout_seconds
        self._stuck_seconds = stuck_seconds
        self._on_stuck = on_stuck

    async def run(self) -> None:
        """Watch until something is stuck, or until cancelled."""
        while True:
            if (stuck := self._look()) is not None:
                self._on_stuck(stuck)
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> Stuck | None:
        calling = self._serving.scorer.longest_call_seconds
        if calling > self._model_timeout_seconds:
            limit = f"MODEL_TIMEOUT_SECONDS={self._model_timeout_seconds:g}"
            return Stuck(f"a model call has not returned for {calling:.0f} s, longer than {limit}")
        excused = self._serving.broker_trouble or not self._serving.waits
        if calling or excused:
            self._progress.moved()
        if excused or not self._serving.pipeline.unconfirmed:
            self._progress.sent()
        if (still := self._progress.still_seconds) > self._stuck_seconds:
            return Stuck(f"records wait and brokers answer, but nothing has moved for {still:.0f} s")
        if (unsent := self._progress.unsent_seconds) > self._stuck_seconds:
            return Stuck(f"rankings wait and brokers answer, but none has been sent for {unsent:.0f} s")
        return None
