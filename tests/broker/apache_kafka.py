"""A real Apache Kafka on this machine's loopback: one node, a process of its own, in a folder of its own."""

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from app.child import Child
from app.ports import free_ports
from tests.broker import kafka_jars

# Kafka lets a killed broker in again only when it has forgotten that the same one was there before; so it soon does.
FORGETFUL = {"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "200"}

_START_ATTEMPTS = 3  # the ports we chose may have been taken before the broker bound them


class ApacheKafka:
    """One broker that is its own controller; topics are made by hand, replication factors are 1, transactions work.

    Args:
        folder: where configuration, log and data go; use an empty one per broker.
        properties: lines for server.properties that win over ours.
        heap: Java's notation, as in `512m`.
        advertised_port: where a proxy listens; clients that come to `proxied_port` are told to go on there.
    """

    name = f"Apache Kafka {kafka_jars.VERSION}"
    transactions = True

    def __init__(
        self,
        folder: Path,
        *,
        properties: Mapping[str, str] | None = None,
        heap: str = "512m",
        advertised_port: int | None = None,
    ) -> None:
        self.advertised_port = advertised_port
        self.proxied_port = 0
        self._folder = folder
        self._extra = dict(properties or {})
        self._heap = heap
        self._child: Child | None = None
        self._port = 0
        self._classpath = ""

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect; stays the same over a restart."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._running().pid

    @property
    def log(self) -> Path:
        """The file with the broker's own warnings and errors."""
        return self._folder / "broker.log"

    def start(self, timeout: float = 60) -> None:
        """Fetch, format, start, and return when the broker answers.

        Raises:
            KafkaUnavailable: Java or Maven is missing, or Maven could not fetch.
            RuntimeError: it ended or did not answer within *timeout* seconds; with its last output lines.
        """
        self._classpath = kafka_jars.classpath()
        for attempt in range(_START_ATTEMPTS):
            self._configure()
            try:
                return self.restart(timeout)
            except RuntimeError:
                in_use = "Address already in use" in self.log.read_text()
                if not in_use or attempt == _START_ATTEMPTS - 1:
                    raise
        return None

    def restart(self, timeout: float = 60) -> None:
        """Start again on the same ports and data, and return when the broker answers; kill() or stop() it before."""
        server = self._java(f"-Xms{self._heap}", f"-Xmx{self._heap}", "-Dlog4j2.level=WARN")
        self._child = Child([*server, "kafka.Kafka", str(self._properties_file)], log=self.log)
        try:
            self._wait_until_it_answers(time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout: float = 15) -> None:
        """End the broker in order (SIGTERM), after *timeout* seconds by force."""
        self._running().stop(timeout)

    def kill(self) -> None:
        """End the broker as a crash would (SIGKILL); its data stays for restart()."""
        self._running().kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._data)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _properties_file(self) -> Path:
        return self._folder / "server.properties"

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("this broker was never started")
        return self._child

    def _java(self, *options: str) -> list[str]:
        java = shutil.which("java")
        assert java, "kafka_jars.classpath() has found it before"
        return [java, "-XX:+UseSerialGC", *options, "-cp", self._classpath]

    def _configure(self) -> None:
        """Choose ports, write server.properties and format an empty data folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)
        self.log.write_text("")
        self._port, controller, self.proxied_port = free_ports(3)
        properties = _properties(self._data, self._port, controller)
        if self.advertised_port is not None:
            _add_listener(properties, "PROXIED", self.proxied_port, advertised=self.advertised_port)
        properties |= self._extra
        self._format(self._properties_file, properties)

    def _format(self, file: Path, properties: Mapping[str, str]) -> None:
        """Write *properties* to *file* and format the empty data folder that they name."""
        file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        tool = [*self._java("-Xmx128m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format"]
        wanted = ["--cluster-id", "MkU3OEVBNTcwNTJENDM2Qg", "--config", str(file)]
        done = subprocess.run([*tool, *wanted], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"could not format the data folder of Apache Kafka:\n{done.stdout}{done.stderr}")

    def _wait_until_it_answers(self, deadline: float) -> None:
        child = self._running()
        # The back-off is kept short: left alone it grows to ten seconds while the port is not open yet.
        patience = {"reconnect.backoff.max.ms": 200, "log_level": 0}
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, **patience})
        while not _answers(client):
            if child.exit_status is not None:
                raise RuntimeError(f"Apache Kafka ended with status {child.exit_status}:\n{child.last_lines()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Apache Kafka did not answer in time:\n{child.last_lines()}")


def _answers(client: AdminClient) -> bool:
    try:
        # A broker lists itself once the controller has let it serve.
        return bool(client.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def _properties(data: Path, port: int, controller: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }


def _add_listener(properties: dict[str, str], name: str, port: int, *, advertised: int) -> None:
    # The broker itself stays with the listener called PLAINTEXT, so what it sends to itself never meets the proxy.
    properties["listeners"] += f",{name}://127.0.0.1:{port}"
    properties["advertised.listeners"] += f",{name}://127.0.0.1:{advertised}"
    properties["listener.security.protocol.map"] += f",{name}:PLAINTEXT"
