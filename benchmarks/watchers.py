"""Open pages of a service: connections that read its events and look at nothing.

`python -m benchmarks.watchers PORT COUNT` says when all are let in, and, when it is asked to end, what they were sent.
"""

import json
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.child import Child
from app.ports import LOOPBACK
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT

_REQUEST = b"GET /events HTTP/1.1\r\nHost: benchmark\r\n\r\n"
_END_S = 10


@contextmanager
def watched(port: int, count: int, log: Path) -> Iterator[None]:
    """Keep *count* pages of the service at *port* open, in a process of their own.

    Raises:
        BenchmarkFailed: not all were let in, or none was sent anything.
    """
    if not count:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.watchers", str(port), str(count)]
    child = Child(command, log=log, folder=ROOT, piped=True)
    try:
        said = child.lines()
        if next(said, None) != "watching":
            raise BenchmarkFailed(f"{count} pages cannot be opened:\n{child.last_lines()}")
        yield
        child.stop(_END_S)
        events = json.loads(next(said, "[0]"))
        # On a machine with too much to do events are seconds apart, and a page may be closed before its first.
        if not any(events):
            raise BenchmarkFailed(f"{count} pages were sent nothing")
    finally:
        child.kill()


def watch(port: int, count: int) -> None:
    """Read until a signal asks to end; prints how many events each page was sent."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    events = dict.fromkeys([_let_in(port) for _ in range(count)], 0)
    print("watching", flush=True)
    with selectors.DefaultSelector() as ready:
        for page in events:
            ready.register(page, selectors.EVENT_READ)
        while not ended:
            for key, _ in ready.select(0.5):
                assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - nothing else was registered
                events[key.fileobj] += key.fileobj.recv(1 << 20).count(b"data: ")
    print(json.dumps(list(events.values())), flush=True)


def _let_in(port: int) -> socket.socket:
    page = socket.create_connection((LOOPBACK, port))
    page.sendall(_REQUEST)
    if not page.recv(1024).startswith(b"HTTP/1.1 200 "):
        raise SystemExit("a page was not let in")
    return page


if __name__ == "__main__":
    watch(int(sys.argv[1]), int(sys.argv[2]))
