"""One Apache Kafka, and a way to it for each worker that can be disturbed by itself."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.broker.proxy import Proxy
from tests.chaos.kafka import WayKafka


class Cluster:
    """A broker in *folder* with so many *ways* to it; use it in `with`.

    Attributes:
        broker: for those who are not to be disturbed, and to be killed.
        ways: what workers go through, one each.
    """

    def __init__(self, folder: Path, ways: int) -> None:
        self.ways = [Proxy() for _ in range(ways)]
        self.broker = WayKafka(folder, [way.port for way in self.ways])
        self._life = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as life:
            for way in self.ways:
                life.enter_context(way)
            life.enter_context(self.broker)
            self._life = life.pop_all()
        for number, way in enumerate(self.ways):
            way.upstream_port = self.broker.entrance(number)
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()
