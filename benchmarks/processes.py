"""What Linux knows about a process: its processor time and its memory."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of process *pid* so far."""
    # The name in parentheses may hold spaces; what follows it does not.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def cpu_seconds_of_all(pid: int) -> float:
    """The same of process *pid* and of all that live and were started by it, or by these."""
    total = cpu_seconds(pid)
    for each in psutil.Process(pid).children(recursive=True):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            total += cpu_seconds(each.pid)
    return total


def peak_rss_mib(pid: int) -> float:
    """The most memory that process *pid* has held resident."""
    return _status(pid, "VmHWM")


def rss_mib(pid: int) -> float:
    """The memory that process *pid* holds resident now."""
    return _status(pid, "VmRSS")


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"process {pid} has no memory any more")
