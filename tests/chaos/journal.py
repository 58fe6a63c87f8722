"""What happened in a run, in order: told as it happens, kept for the verdict and for the file."""

import sys
import time
from dataclasses import asdict
from typing import Any

from tests.chaos.verdict import Crash

Event = dict[str, Any]


class Journal:
    """Notes events; times are seconds since the epoch, on the clock that the broker has, too.

    Attributes:
        events: what was noted so far.
        crashes: those after which records may come twice.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.crashes: list[Crash] = []

    def note(self, what: str, **details: Any) -> None:
        """Keep and tell that *what* happened."""
        self.events.append({"at": round(time.time(), 3), "what": what, **details})
        pairs = "".join(f"  {name}={value}" for name, value in details.items())
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}{pairs}\n")

    def crash(self, worker: str, *, seconds: float = 0.0, frozen: bool = False) -> None:
        """Keep that *worker* crashed in this moment, or is away for so long (*frozen*: stopped, and goes on later)."""
        now = time.time()
        crash = Crash(worker, now, now + seconds, frozen)
        self.crashes.append(crash)
        self.events.append({"what": "crash", **asdict(crash)})
