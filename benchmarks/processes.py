"""What Linux knows about a process: its processor time and its memory."""

import os
from contextlib import suppress
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of process *pid* so far."""
    return _time_in(_stat(pid))


def cpu_seconds_of_all(pid: int) -> float:
    """The same of process *pid* and of all that live and were started by it, or by these."""
    stats = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            stats[int(folder.name)] = _stat(int(folder.name))
    total, kin = 0.0, [pid]
    for each in kin:
        total += _time_in(stats[each])
        kin += [other for other, stat in stats.items() if int(stat[1]) == each]
    return total


def _stat(pid: int) -> list[str]:
    # The name in parentheses may hold spaces; what follows it does not.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _time_in(stat: list[str]) -> float:
    return (int(stat[11]) + int(stat[12])) / _TICKS_PER_SECOND


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
