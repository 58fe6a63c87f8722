"""Form: what participants did in earlier races, and nothing later."""

from collections import defaultdict
from collections.abc import Iterable

MEMORY = 0.85
"""How much of what a race told is left after the next."""
DOUBT = 1.5
"""How many average races are added to what is known, so that little is not taken for much."""


class Past:
    """Remembers places, from 1 (won) to 0 (last), fading from race to race."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._weights: dict[str, float] = defaultdict(float)

    def form(self, name: str) -> float:
        """Return from -0.5 to 0.5, 0 for whoever nothing is known of."""
        return self._sums[name] / (self._weights[name] + DOUBT)

    def add(self, results: Iterable[tuple[str, float]]) -> None:
        """Take in a race: names, and how they did, from 0 to 1."""
        for fading in (self._sums, self._weights):
            for name in fading:
                fading[name] *= MEMORY
        for name, result in results:
            self._sums[name] += result - 0.5
            self._weights[name] += 1
