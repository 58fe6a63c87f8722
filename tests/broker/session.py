"""The one broker that a test session shares: Apache Kafka where it can run, else the embedded broker."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.broker import EmbeddedBroker
from app.ports import free_ports
from tests.broker.apache_kafka import ApacheKafka
from tests.broker.kafka_jars import KafkaUnavailable, classpath


class Broker(Protocol):
    """A running broker."""

    @property
    def name(self) -> str:
        """Product and version."""

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""

    @property
    def transactions(self) -> bool:
        """Whether it has transactions and idempotent producers."""


class SessionBroker:
    """Starts the session's broker when it is first asked for, and ends it with the session."""

    def __init__(self, make_folder: Callable[[], Path]) -> None:
        self._make_folder = make_folder
        self._running: ApacheKafka | EmbeddedBroker | None = None
        self._missing: str | None = None
        self._looked = False

    def why_not_apache_kafka(self) -> str | None:
        """None when Apache Kafka can run here, else what is missing; KafkaUnavailable when REQUIRE_KAFKA=1 insists."""
        if not self._looked:
            self._missing = _missing()
            self._looked = True
        return self._missing

    def get(self) -> Broker:
        """Return the running broker; the first call starts it."""
        if self._running is None:
            self._running = self._make().__enter__()
        return self._running

    def _make(self) -> ApacheKafka | EmbeddedBroker:
        if self.why_not_apache_kafka():
            return EmbeddedBroker()
        return ApacheKafka(self._make_folder(), advertised_port=free_ports(1)[0])

    def close(self) -> None:
        """End the broker if it was ever started."""
        if self._running is not None:
            self._running.__exit__(None, None, None)

    def description(self) -> str:
        """One line for the report of the test session."""
        if self._running is None:
            return "not needed by these tests"
        why = f" (instead of Apache Kafka: {self._missing})" if self._missing else ""
        return f"{self._running.name} at {self._running.bootstrap_servers}{why}"


def _missing() -> str | None:
    try:
        classpath()
    except KafkaUnavailable as unavailable:
        if os.environ.get("REQUIRE_KAFKA") == "1":
            raise
        return str(unavailable)
    return None
