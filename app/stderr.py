"""What commands say on standard error."""

import sys


def say(*messages: str) -> None:
    """Write a line for each of *messages*."""
    sys.stderr.writelines(f"streamrank: {message}\n" for message in messages)


def ended(status: int, *messages: str) -> int:
    """Say *messages*, and return *status*, which the process is to end with."""
    say(*messages)
    return status
