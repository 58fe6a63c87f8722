"""A compose project on a real Docker engine, as an operator drives it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

_KAFKA = "/opt/kafka/bin"


class Project:
    """The compose file of a folder, under a name of its own, so that nobody's running project is touched.

    Args:
        folder: where docker-compose.yml is.
        variables: what it is to see of the environment; the user's own settings are not among them.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        docker = {name: value for name, value in os.environ.items() if name.startswith(("DOCKER_", "PATH", "HOME"))}
        self.environment = {**docker, "COMPOSE_PROJECT_NAME": "streamrank-live", "COMPOSE_ANSI": "never", **variables}

    def docker(self, *arguments: str, may_fail: bool = False, timeout: float = 600) -> str:
        """Run docker and return what it printed; a failure shows what it said."""
        done = subprocess.run(
            ["docker", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        said = f"docker {' '.join(arguments)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        assert done.returncode == 0 or may_fail, said
        return done.stdout

    def compose(self, *arguments: str, may_fail: bool = False, timeout: float = 1800) -> str:
        """Run docker compose."""
        return self.docker("compose", *arguments, may_fail=may_fail, timeout=timeout)

    def up(self, *arguments: str) -> float:
        """Bring it up and return how many seconds it took."""
        began = time.monotonic()
        self.compose("up", "--detach", "--wait", *arguments)
        return time.monotonic() - began

    def containers(self, service: str, *, running: bool = True) -> list[str]:
        """Return the ids of a service's containers."""
        every = [] if running else ["--all"]
        return self.compose("ps", *every, "--quiet", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """Return all that the engine knows of a container."""
        (found,) = json.loads(self.docker("inspect", container))
        return dict(found)

    def get(self, container: str, port: int, path: str) -> str:
        """Return what a published port of a container answers."""
        (at,) = self.inspect(container)["NetworkSettings"]["Ports"][f"{port}/tcp"]
        connection = HTTPConnection("127.0.0.1", int(at["HostPort"]), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def json(self, container: str, port: int, path: str) -> Any:
        """Return the JSON that a published port of a container answers."""
        return json.loads(self.get(container, port, path))

    def kafka(self, tool: str, *arguments: str) -> str:
        """Run one of Kafka's own tools beside the broker."""
        command = [f"{_KAFKA}/{tool}", "--bootstrap-server", "kafka:19092", *arguments]
        return self.compose("exec", "-T", "-e", "KAFKA_HEAP_OPTS=-Xmx128m", "kafka", *command)


def wait_until(what: str, holds: Callable[[], Any], seconds: float) -> Any:
    """Return the first true answer; asked once a second, a refused connection is a no."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := holds():
                return found
        except OSError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)
