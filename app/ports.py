"""Ports on this machine's loopback address."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range that Linux gives to outgoing connections: any client could take a port from there before it is used.
_LOWEST, _HIGHEST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """Return *count* different ports that nobody listened on a moment ago."""
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            if taken := _hold(random.randint(_LOWEST, _HIGHEST)):  # noqa: S311 - any port will do
                held.append(taken)
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def is_free(port: int) -> bool:
    """Tell whether *port* could be listened on now."""
    if taken := _hold(port):
        taken.close()
    return taken is not None


def _hold(port: int) -> socket.socket | None:
    attempt = socket.socket()
    # As servers do: the remains of closed connections do not count as taken.
    attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        attempt.bind((LOOPBACK, port))
        attempt.listen()
    except OSError:
        attempt.close()
        return None
    return attempt
