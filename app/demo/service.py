"""The service, started as a user would start it: a process of its own, set up by its environment alone."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from app.child import Child
from app.demo.failure import DemoFailed
from app.demo.stream import DEAD_LETTERS, INPUT, OUTPUT
from app.ports import LOOPBACK, free_ports
from config.settings import VARIABLES
from config.sources import FILE_VARIABLES

_START_S = 120
_STOP_S = 30  # more than the service itself allows for a clean stop
_SESSION_TIMEOUT_MS = 6000  # the embedded broker lets a new member wait for half of this
_PAGE = {"PAGE_SHOWS_RECORDS": "true", "PAGE_FIELDS": '["position","moment"]', "PAGE_SCORES_AS": "softmax"}


def settings_for(bootstrap_servers: str, model: Path) -> dict[str, str]:
    """Return the variables of a service that ranks the demo's races with a model in this folder of versions."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "INPUT_TOPIC": INPUT,
        "OUTPUT_TOPIC": OUTPUT,
        "DEAD_LETTER_TOPIC": DEAD_LETTERS,
        "MODEL_PATH": str(model),
        "MODEL_NAME": "race",
        "RANK_BY": "standings",
        "RANK_TOP_K": "0",
        "STANDINGS_ORDER_FIELD": "moment",
        **_PAGE,
    }


class Service:
    """One worker as a process.

    Args:
        folder: its working directory and the place of its log; no `.env` file there.
        port: for its HTTP; 0 takes a free one.
        settings: variables for it, beside those that are the same in every demo.
    """

    def __init__(self, folder: Path, *, port: int, settings: Mapping[str, str]) -> None:
        self.port = port or free_ports(1)[0]
        self.log = folder / "service.log"
        self._child = Child(
            [sys.executable, "-m", "app"], log=self.log, folder=folder, environment=self._environment(settings)
        )

    @property
    def url(self) -> str:
        """Where its HTTP port answers."""
        return f"http://{LOOPBACK}:{self.port}"

    def wait_until_ready(self, on_reason: Callable[[str], None]) -> None:
        """Return when it takes records; *on_reason* is told why it does not yet. DemoFailed when it gives up."""
        deadline = time.monotonic() + _START_S
        while reason := self._unready():
            self.check()
            on_reason(reason)
            if time.monotonic() > deadline:
                raise DemoFailed(f"the service was not ready in {_START_S} s ({reason}); {self._log_tail()}")
            time.sleep(0.1)

    def check(self) -> None:
        """DemoFailed when it has ended."""
        status = self._child.exit_status
        if status is not None:
            raise DemoFailed(f"the service ended with status {status}; {self._log_tail()}")

    def stop(self) -> None:
        """Stop it as an orchestrator would; DemoFailed when it does not stop cleanly."""
        if status := self._child.stop(_STOP_S):
            raise DemoFailed(f"the service stopped with status {status} instead of 0; {self._log_tail()}")

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        # What the user has set for a service of his own must not reach this one.
        theirs = {*VARIABLES, *FILE_VARIABLES}
        inherited = {name: value for name, value in os.environ.items() if name.upper() not in theirs}
        ours = {
            "KAFKA_SESSION_TIMEOUT_MS": str(_SESSION_TIMEOUT_MS),
            "HTTP_HOST": LOOPBACK,
            "HTTP_PORT": str(self.port),
        }
        return {**inherited, **ours, **settings}

    def _unready(self) -> str:
        """Return why it is not ready; empty when it is."""
        # Not urllib: it would ask a proxy that the environment names.
        connection = HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace").strip()
        except (OSError, HTTPException):
            return "starting"
        finally:
            connection.close()
        return "" if answer.status == 200 else said or f"HTTP status {answer.status}"

    def _log_tail(self) -> str:
        return f"the end of its log ({self.log}):\n{self._child.last_lines()}"
