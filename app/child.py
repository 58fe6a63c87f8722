"""A program that runs beside us and never outlives us."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# Runs in the child before the program itself: asks Linux to kill it when we die, however we die, and then becomes the
# program, so that the process id we hold is the program's own. We may die before it asks, so it looks at its parent.
_TETHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent process is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def tethered(command: Sequence[str]) -> list[str]:
    """Return *command* such that Linux kills it when the thread that starts it ends, however that happens."""
    return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command]


class Child:
    """A running program; it is killed when the thread that started it ends.

    It has a session of its own, so Ctrl-C on our terminal reaches us alone and we decide in which order things end.

    Args:
        command: what to run; the first word is the path of the program.
        log: the file that its output is appended to.
        folder: its working directory; None: ours.
        environment: its environment; None: ours.
        piped: its standard output is for `lines()`, and only its standard error goes to the log.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        piped: bool = False,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - callers pass programs of this package, never what a user typed
                tethered(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else output,
                stderr=output,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of the program itself."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def stop(self, timeout: float) -> int:
        """Ask it to end, kill it after *timeout* seconds, and return its exit status."""
        if self.exit_status is None:
            self._process.terminate()
        return self.wait(timeout)

    def wait(self, timeout: float) -> int:
        """Let it end by itself, kill it after *timeout* seconds, and return its exit status."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once and return its exit status."""
        self._process.kill()
        return self._process.wait()

    def lines(self) -> Iterator[str]:
        """Yield what it prints, line by line, until it ends; needs `piped`."""
        if self._process.stdout is None:
            raise ValueError("this child was started without piped=True")
        with self._process.stdout as output:
            for line in output:
                yield line.decode(errors="replace").rstrip()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
