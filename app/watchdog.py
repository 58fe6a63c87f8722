"""Notice that this worker cannot go on although nothing outside of it is wrong, so that a restart would help."""

import asyncio
import faulthandler
from collections.abc import Callable

from faust.types import TP

from app.errors import Stuck
from app.progress import Progress
from app.serving import Serving

LOOK_SECONDS = 1.0
# Longer than any step takes that is not watched by itself.
STUCK_SECONDS = 60.0
_STANDARD_ERROR = 2


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
        self._looked_at = progress.now
        # By partition: the attempts when it began to wait, and for how long it has waited since.
        self._unsent: dict[TP, tuple[int, float]] = {}

    async def run(self) -> None:
        """Watch until something is stuck, or until cancelled.

        When the event loop itself is held up for so long, nobody can be told: then the process ends with exit status 1,
        and what it was doing on standard error.
        """
        longest = max(self._model_timeout_seconds, self._stuck_seconds)
        try:
            while True:
                # In a thread without Python, which needs no turn at the interpreter.
                faulthandler.dump_traceback_later(longest, exit=True, file=_STANDARD_ERROR)
                if (stuck := self._look()) is not None:
                    self._on_stuck(stuck)
                    return
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _look(self) -> Stuck | None:
        calling = self._serving.scorer.longest_call_seconds
        if calling > self._model_timeout_seconds:
            limit = f"MODEL_TIMEOUT_SECONDS={self._model_timeout_seconds:g}"
            return Stuck(f"a model call has not returned for {calling:.0f} s, longer than {limit}")
        excused = bool(self._serving.broker_trouble) or not self._serving.waits
        if calling or excused:
            self._progress.moved()
        self._note_what_is_unsent(excused=excused)
        if (still := self._progress.still_seconds) > self._stuck_seconds:
            return Stuck(f"records wait and brokers answer, but nothing has moved for {still:.0f} s")
        for tp, (_, seconds) in self._unsent.items():
            if seconds > self._stuck_seconds:
                where = f"{tp.topic}[{tp.partition}]"
                return Stuck(f"rankings of {where} wait and brokers answer, but none has been sent for {seconds:.0f} s")
        return None

    def _note_what_is_unsent(self, *, excused: bool) -> None:
        """Add up for how long rankings have waited to be sent, through all attempts of transactions that were lost."""
        pipeline, counts, now = self._serving.pipeline, self._progress.attempts, self._progress.now
        publishing = pipeline.publishing
        unsent: dict[TP, tuple[int, float]] = {}
        for tp in set() if excused else pipeline.unconfirmed:
            attempts = counts[tp] + counts[None]
            before, seconds = self._unsent.get(tp, (attempts, 0.0))
            if attempts != before:
                seconds = 0.0
            elif tp in publishing:
                seconds += now - self._looked_at
            unsent[tp] = attempts, seconds
        self._unsent, self._looked_at = unsent, now
