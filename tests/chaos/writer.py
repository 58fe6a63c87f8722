"""A steady stream of records, most of them good, for as long as it is wanted."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from tests.broker.records import COMMON
from tests.chaos.verdict import Source
from tests.chaos.worker import FEATURES, POISON

_STEP_S = 0.02
_FLUSH_S = 120.0
_MALFORMED = (b"", b"{", b"[1]", b'{"features": [1, 2]}', b'{"features": "none"}', b"\xff", b'{"id": 1}')


class Sort(StrEnum):
    """What a record is good for."""

    GOOD = "good"
    MALFORMED = "malformed"
    POISON = "poison"


class Writer:
    """Writes from a thread of its own, to each partition in turn, and knows what the broker has confirmed.

    Args:
        bootstrap_servers: of a broker that may be killed: everything is tried again until it is confirmed.
        topic: where the records go.
        partitions: how many it has.
        rate: records a second.
        seed: of what the records hold.

    Attributes:
        confirmed: the sort of each record that the broker has confirmed.
        failures: what the broker would not take; there must be none.
        written: how many were given to the producer.
        only_good: whether all records are good from now on.
    """

    def __init__(self, bootstrap_servers: str, topic: str, *, partitions: int, rate: float, seed: int) -> None:
        self.confirmed: dict[Source, Sort] = {}
        self.failures: list[KafkaError] = []
        self._topic = topic
        self._partitions = partitions
        self._rate = rate
        self._random = random.Random(seed)
        self.written = 0
        self.only_good = False
        self._bursts: SimpleQueue[tuple[int, int, Callable[[], None]]] = SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        endless: dict[str, Any] = {"message.timeout.ms": 0, "retry.backoff.max.ms": 500}
        self._producer = Producer(
            {
                **COMMON,
                **endless,
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "max.in.flight": 1,  # for the reason that tests.broker.records gives
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poison(self, partition: int, count: int) -> None:
        """Write so many poison records to one partition and return when they are confirmed."""
        left = threading.Semaphore(0)
        self._bursts.put((partition, count, left.release))
        for _ in range(count):
            if not left.acquire(timeout=_FLUSH_S):
                raise TimeoutError(f"a burst of poison was not confirmed within {_FLUSH_S:g} s")

    def stop(self) -> None:
        """Write nothing more, and return when everything is confirmed.

        Raises:
            TimeoutError: it is not.
        """
        self._ending.set()
        self._thread.join()
        if left := self._producer.flush(_FLUSH_S):
            raise TimeoutError(f"{self._topic}: {left} records unconfirmed after {_FLUSH_S:g} s")

    @property
    def sorts(self) -> Counter[Sort]:
        """How many of each were confirmed."""
        return Counter(self.confirmed.values())

    def _run(self) -> None:
        began = time.monotonic()
        while not self._ending.wait(_STEP_S):
            due = int((time.monotonic() - began) * self._rate)
            while self.written < due:
                self._write(self.written % self._partitions, self._sort(), lambda: None)
            self._burst()
            self._producer.poll(0)

    def _burst(self) -> None:
        try:
            partition, count, on_confirmed = self._bursts.get_nowait()
        except Empty:
            return
        for _ in range(count):
            self._write(partition, Sort.POISON, on_confirmed)

    def _sort(self) -> Sort:
        (sort,) = self._random.choices(list(Sort), (1, 0, 0) if self.only_good else (98, 1, 1))
        return sort

    def _write(self, partition: int, sort: Sort, on_confirmed: Callable[[], None]) -> None:
        number = self.written
        self.written += 1
        self._producer.produce(
            self._topic,
            self._value(number, sort),
            b"k%d" % (number % 1000),
            partition,
            partial(self._delivered, sort, on_confirmed),
            headers=[("sort", sort.encode())],
        )

    def _value(self, number: int, sort: Sort) -> bytes:
        if sort is Sort.MALFORMED:
            return self._random.choice(_MALFORMED)
        first = POISON if sort is Sort.POISON else number % 10
        return json.dumps({"id": f"r{number}", "features": [first, *[0.25] * (FEATURES - 1)]}).encode()

    def _delivered(
        self, sort: Sort, on_confirmed: Callable[[], None], error: KafkaError | None, message: Message
    ) -> None:
        if error:
            self.failures.append(error)
        else:
            self.confirmed[Source(message.partition(), message.offset())] = sort
            on_confirmed()
