"""An Apache Kafka with a listener for each of several proxies, and a controller that survives the broker."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.child import Child
from app.ports import LOOPBACK, free_ports
from tests.broker.apache_kafka import FORGETFUL, ApacheKafka

_BROKER, _CONTROLLER = 1, 2
_PROPERTIES = {**FORGETFUL, "group.min.session.timeout.ms": "1000"}


class WayKafka(ApacheKafka):
    """A broker that sends those who come through one of several proxies on through the same one.

    The controller is a process of its own, which `kill` spares: it has given up a killed broker before that one is
    back. Where both die and come back together, the controller takes the partitions away from the broker just after it
    has begun to lead them, and Kafka 4.1.1 may take the group's offsets that it has half loaded for all that there are:
    it then answers that nothing has been committed.

    Args:
        folder: see `ApacheKafka`.
        ways: the port of each proxy.
    """

    def __init__(self, folder: Path, ways: Sequence[int]) -> None:
        super().__init__(folder, heap="384m")
        self._ways = ways
        self._ports: dict[str, int] = {}
        self._controller: Child | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect that are not to be disturbed."""
        return f"{LOOPBACK}:{self._ports['PLAINTEXT']}"

    def entrance(self, way: int) -> int:
        """The port that the proxy of *way* leads to."""
        return self._ports[f"WAY{way}"]

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._end_controller()

    def _configure(self) -> None:
        self._end_controller()
        names = ["CONTROLLER", "PLAINTEXT", *(f"WAY{way}" for way in range(len(self._ways)))]
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._extra = {**_PROPERTIES, **self._quorum(), **self._listeners()}
        super()._configure()
        self._start_controller()

    def _quorum(self) -> dict[str, str]:
        return {
            "process.roles": "broker",
            "node.id": str(_BROKER),
            "controller.quorum.voters": f"{_CONTROLLER}@{LOOPBACK}:{self._ports['CONTROLLER']}",
        }

    def _listeners(self) -> dict[str, str]:
        ports = {name: port for name, port in self._ports.items() if name != "CONTROLLER"}
        advertised = {**ports, **{f"WAY{way}": port for way, port in enumerate(self._ways)}}
        return {
            "listeners": _addresses(ports),
            "advertised.listeners": _addresses(advertised),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in self._ports),
            "inter.broker.listener.name": "PLAINTEXT",
        }

    def _start_controller(self) -> None:
        file = self._folder / "controller.properties"
        properties = {
            **_PROPERTIES,
            **self._quorum(),
            "process.roles": "controller",
            "node.id": str(_CONTROLLER),
            "controller.listener.names": "CONTROLLER",
            "listeners": _addresses({"CONTROLLER": self._ports["CONTROLLER"]}),
            "log.dirs": str(self._controller_data),
        }
        self._format(file, properties)
        options = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")
        command = [*self._java(*options), "kafka.Kafka", str(file)]
        self._controller = Child(command, log=self._folder / "controller.log")

    def _end_controller(self) -> None:
        if self._controller is not None:
            self._controller.kill()
            shutil.rmtree(self._controller_data)

    @property
    def _controller_data(self) -> Path:
        return self._folder / "controller-data"


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
