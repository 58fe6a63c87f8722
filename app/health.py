"""What a worker tells about itself over HTTP."""

import asyncio
import time
from typing import Any

from app.catch_up import CatchUp
from app.kafka.brokers import Brokers
from app.rollout import Rollout
from app.serving import Serving
from app.standings.standings import Standings
from app.versions import installed_versions
from config.settings import Settings


class Health:
    """Answers `/readyz`, `/livez` and `/status`; the worker fills it in as it goes.

    Attributes:
        waiting_for: what keeps the worker from being ready, by who waits.
        failure: why it cannot go on.
        rollout: which version of the model serves, once one is loaded.
        brokers: what is waited for at the start.
        serving: the parts that work, once they do.
        standings: what is ranked across records, if anything is.
        catch_up: whether latency waits because the service is behind.
    """

    def __init__(self, settings: Settings) -> None:
        self.waiting_for = {"start": "starting"}
        self.failure: BaseException | None = None
        self.rollout: Rollout | None = None
        self.brokers: Brokers | None = None
        self.serving: Serving | None = None
        self.standings: Standings | None = None
        self.catch_up: CatchUp | None = None
        self._settings = settings
        self._began = time.monotonic()

    @property
    def uptime_seconds(self) -> float:
        """Since the worker was made."""
        return time.monotonic() - self._began

    def unready(self) -> str | None:
        """Why no records can be worked on now; None when they can."""
        if self.waiting_for:
            wanted = self.brokers.trouble if self.brokers else None
            return "; ".join([*self.waiting_for.values(), *filter(None, [wanted])])
        return self.unhealthy() or (self.serving.trouble if self.serving else None)

    def unhealthy(self) -> str | None:
        """Why only a restart would help; None when it would not."""
        return None if self.failure is None else f"failed: {self.failure}"

    def status(self) -> dict[str, Any]:
        """Everything a person asks of a worker first."""
        serving = self.serving
        return {
            "ready": self.unready() is None,
            "reason": self.unready(),
            "uptime_seconds": round(self.uptime_seconds, 1),
            "tasks": len(asyncio.all_tasks()),
            "versions": installed_versions(),
            "model": self.rollout and _about(self.rollout),
            "standings": self.standings and self.standings.status(),
            "in_flight_records": serving.consumer.app.in_flight.records if serving else 0,
            "catching_up": self.catch_up is not None and self.catch_up.active,
            "partitions": {f"{tp.topic}[{tp.partition}]": each for tp, each in sorted(serving.lag.partitions.items())}
            if serving
            else {},
            "settings": self._settings.model_dump(mode="json"),
        }


def _about(rollout: Rollout) -> dict[str, Any]:
    predictor = rollout.current.predictor
    return {
        "name": predictor.name,
        "version": predictor.version,
        "device": predictor.device,
        "fingerprint": predictor.fingerprint,
        "signature": predictor.signature,
        "classes": predictor.classes,
        "versions": rollout.status(),
    }
