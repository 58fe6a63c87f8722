"""One worker process under fire."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from enum import Enum
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from app.child import Child
from app.ports import LOOPBACK, free_ports

ROOT = Path(__file__).parents[2]

_ANSWER_S = 1.0
_NUMBER = re.compile(r"\[(\d+)\]$")


class Fate(Enum):
    """How a worker may end."""

    SERVES = "not at all"
    KILLED = "by SIGKILL"
    STOPPED = "with 0"
    ZOMBIE = "with an error, or not at all"

    def allows(self, status: int) -> bool:
        """Whether a worker may end with this exit status."""
        return {
            Fate.SERVES: False,
            Fate.KILLED: status == -signal.SIGKILL,
            Fate.STOPPED: status == 0,
            Fate.ZOMBIE: status > 0,
        }[self]


# How long a worker that is back may take to notice that it was away for too long.
_NOTICE_S = 30.0


class Member:
    """A worker, in a process of its own.

    Args:
        name: of this process, never used again.
        place: the number of its way to the broker.
        tensorflow: whether it is `python -m app`; else `tests.chaos.worker`.
        folder: for its log.
        variables: its environment beside what every process needs.

    Attributes:
        frozen: whether it is stopped (SIGSTOP).
        partitions: those that it had when it was asked last.
    """

    def __init__(self, name: str, place: int, *, tensorflow: bool, folder: Path, variables: Mapping[str, str]) -> None:
        self.name = name
        self.place = place
        self.tensorflow = tensorflow
        self.frozen = False
        self._fate = Fate.SERVES
        self._zombie_until = 0.0
        self.partitions: list[int] = []
        self._port = free_ports(1)[0]
        inherited = {each: os.environ[each] for each in ("PATH", "HOME", "LANG") if each in os.environ}
        ours = {"PYTHONPATH": str(ROOT), "MODEL_NAME": name, "HTTP_HOST": LOOPBACK, "HTTP_PORT": str(self._port)}
        self.child = Child(
            [sys.executable, "-m", "app" if tensorflow else "tests.chaos.worker"],
            log=folder / f"{name}.log",
            folder=folder,
            environment={**inherited, **ours, **variables},
        )

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self.child.exit_status

    @property
    def fate(self) -> Fate:
        """How it may end now."""
        if self._fate is Fate.SERVES and time.monotonic() < self._zombie_until:
            return Fate.ZOMBIE
        return self._fate

    def status(self) -> Mapping[str, Any] | None:
        """What it tells about itself; None when it does not answer."""
        if self.frozen:
            return None
        connection = HTTPConnection(LOOPBACK, self._port, timeout=_ANSWER_S)
        try:
            connection.request("GET", "/status")
            answer: Mapping[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()
        self.partitions = sorted(int(match[1]) for name in answer["partitions"] if (match := _NUMBER.search(name)))
        return answer

    @property
    def ready(self) -> bool:
        """Whether it works on records, or would if it had any."""
        status = self.status()
        return status is not None and bool(status["ready"])

    def freeze(self) -> None:
        """Stop all its threads where they are."""
        self._send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)
        self.frozen = False

    def goes_away(self, seconds: float) -> None:
        """Expect that for so long it can tell nobody that it is there; it may end because of that, with an error."""
        self._zombie_until = time.monotonic() + seconds + _NOTICE_S

    def kill(self) -> None:
        """End it as a crash would."""
        self._fate = Fate.KILLED
        self.child.kill()

    def terminate(self) -> None:
        """Ask it to end; it goes on if it was frozen."""
        self._fate = Fate.STOPPED
        self._send(signal.SIGTERM)
        self.thaw()

    def hang(self) -> None:
        """Let the model hang for some seconds; not for TensorFlow's."""
        self._send(signal.SIGUSR1)

    def _send(self, number: signal.Signals) -> None:
        if self.exit_status is None:
            os.kill(self.child.pid, number)
