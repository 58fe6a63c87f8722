"""A way out for letters that leads nowhere."""

import sys
from collections.abc import Mapping, Sequence

from app.deadletters.destination import Addressed
from app.deadletters.outlet import Outlet
from app.deadletters.text import in_words, printable
from app.kafka.producer import Refusal


class DryRun(Outlet):
    """Writes and commits nothing.

    Args:
        topic: where letters would go, which is told on standard output; None: it is not.
    """

    def __init__(self, topic: str | None) -> None:
        self._topic = topic

    async def open(self) -> int | None:
        """Take nothing over."""
        return None

    async def settle(self, letters: Sequence[Addressed], offset: int) -> Mapping[int, Refusal]:
        """Tell what would be written; no broker refuses it."""
        if self._topic is not None:
            sys.stdout.writelines(f"{_line(each, self._topic)}\n" for each in letters)
        return {}

    async def close(self) -> None:
        """Nothing was opened."""


def _line(addressed: Addressed, topic: str) -> str:
    letter = addressed.letter
    reason = printable(letter.verdict.reason) if letter.verdict else "-"
    to = f"{topic}[{addressed.partition}]"
    count = letter.replay_count + 1
    return f"{letter.place!s:<10}  {reason:<20}  to {to}  replay-count {count}  key {in_words(letter.key)}"
