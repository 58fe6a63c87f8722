"""What happened in a run, in order: told as it happens, and kept for the verdict and in a file."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.verdict import Crash


class Journal:
    """Notes events in a file, one JSON object a line; times are seconds since the epoch, on the broker's clock.

    Attributes:
        crashes: those after which records may come twice.
    """

    def __init__(self, file: Path) -> None:
        self.crashes: list[Crash] = []
        self._file = file

    def note(self, what: str, **details: Any) -> None:
        """Keep and tell that *what* happened."""
        self._keep({"at": round(time.time(), 3), "what": what, **details})
        pairs = "".join(f"  {name}={value}" for name, value in details.items())
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}{pairs}\n")

    def crash(self, worker: str, committed: Mapping[int, int], *, seconds: float = 0.0, frozen: bool = False) -> None:
        """Keep that *worker* crashed in this moment, or is away for so long (*frozen*: stopped, and goes on later).

        *committed* is how far the group had committed each partition, at least.
        """
        now = time.time()
        crash = Crash(worker, now, now + seconds, frozen, committed)
        self.crashes.append(crash)
        self._keep({"what": "crash", **asdict(crash)})

    def _keep(self, event: dict[str, Any]) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(event) + "\n")
