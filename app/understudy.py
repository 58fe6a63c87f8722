"""A process that tries new versions of the model, since one that crashes or hangs must not take the service along.

It imports TensorFlow once, when nobody waits for it, and then makes a copy of itself for every version: so a trial
takes a tenth of a second and little of the processor, and leaves nothing behind. It runs as `python -m app.understudy`.
"""

import asyncio
import copyreg
import ctypes
import json
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from app.child import tethered
from app.errors import VersionRefused
from config.settings import SecuritySettings, Settings

_LENGTH_BYTES = 8
_LONGEST = 300
_NICENESS = 19
_PR_SET_PDEATHSIG = 1


def read_only(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a mapping that cannot be changed; pickle makes those of the settings with this."""
    return MappingProxyType(items)


copyreg.pickle(MappingProxyType, lambda mapping: (read_only, (dict(mapping),)))


class Understudy:
    """The process, as the service sees it; it is started when it is first needed, and again when it has gone."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._ready = False

    async def start(self) -> None:
        """Start the process, unless it runs.

        Raises:
            OSError: no process can be started.
        """
        if self._process is not None and self._process.returncode is None:
            return
        pipe = asyncio.subprocess.PIPE
        command = tethered([sys.executable, "-m", "app.understudy"])
        self._ready = False
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, start_new_session=True)

    async def try_out(self, settings: Settings, values: Sequence[bytes], *, timeout_seconds: float) -> None:
        """Load the version of *settings* on the CPU, and let it rank records with these *values*.

        Raises:
            VersionRefused: it does not load, answer or fit, crashes, or takes longer than *timeout_seconds*.
            OSError: no process can be started to try it, or it is not ready for that within *timeout_seconds*.
        """
        await self.start()
        await self._until_ready(timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                refusal = await self._ask(_question(settings, values))
        except TimeoutError:
            await self.stop()
            raise VersionRefused("failed", f"it had not answered after {timeout_seconds:g} s") from None
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError) as error:
            await self.stop()
            raise VersionRefused(
                "failed", "the process that tries versions was ended while it tried this one"
            ) from error
        if refusal is not None:
            raise VersionRefused(*refusal)

    async def _until_ready(self, timeout_seconds: float) -> None:
        """Wait until TensorFlow is imported, which takes long where the service needs the processor."""
        if self._ready:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._read()
        except TimeoutError:
            raise OSError(f"the process that tries versions is not ready after {timeout_seconds:g} s") from None
        except asyncio.IncompleteReadError as error:
            raise OSError("the process that tries versions ended before it was ready") from error
        self._ready = True

    async def _ask(self, question: bytes) -> Any:
        assert self._process is not None  # noqa: S101 - it was started
        assert self._process.stdin is not None  # noqa: S101 - with a pipe
        self._process.stdin.write(len(question).to_bytes(_LENGTH_BYTES) + question)
        await self._process.stdin.drain()
        return await self._read()

    async def _read(self) -> Any:
        assert self._process is not None  # noqa: S101 - it was started
        assert self._process.stdout is not None  # noqa: S101 - with a pipe
        length = int.from_bytes(await self._process.stdout.readexactly(_LENGTH_BYTES))
        return json.loads(await self._process.stdout.readexactly(length))

    async def stop(self) -> None:
        """Kill it, and the copy of itself that may be trying something."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            # Waits until the pipes are closed, too.
            await self._process.communicate()


def _question(settings: Settings, values: Sequence[bytes]) -> bytes:
    # The link's secrets are none of its business; and a GPU may have no room for two.
    model = settings.model.model_copy(update={"device": "cpu"})
    harmless = settings.model_copy(update={"security": SecuritySettings.model_validate({}), "model": model})
    return pickle.dumps((harmless, list(values)))


# -- in the process itself

# Comes before the first thing that a library says by absl's log; whether that is the reason differs between processors.
_NO_NEWS = "WARNING: All log messages before absl::InitializeLog()"


def main() -> None:
    """Try what is asked for on standard input until that ends; answers go to standard output."""
    _give_way()
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a model prints is no answer
    from app import collector
    from app.trial import verdict
    from models import saved_model  # noqa: F401 - this takes the time

    collector.spare()
    _write(answers, b"null")  # ready
    while head := questions.read(_LENGTH_BYTES):
        settings, values = pickle.loads(questions.read(int.from_bytes(head)))  # noqa: S301 - from who started us
        _write(answers, _in_a_copy(lambda: verdict(settings, values)))  # noqa: B023 - over before the next turn


def _write(answers: IO[bytes], answer: bytes) -> None:
    answers.write(len(answer).to_bytes(_LENGTH_BYTES) + answer)
    answers.flush()


def _in_a_copy(call: Any) -> bytes:
    """Return what *call* returns as JSON, called in a copy of this process; or a refusal that tells how that ended."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as noise:
        if not (pid := os.fork()):
            _end_with(os.getppid())
            os.dup2(noise.fileno(), 1)
            os.dup2(noise.fileno(), 2)
            with os.fdopen(writing, "wb") as answer:
                answer.write(json.dumps(call()).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            said = answer.read()
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return said if not code else json.dumps(("failed", f"the process that tried it {_ended(code, noise)}")).encode()


def _end_with(parent: int) -> None:
    """Let Linux kill this process when its parent dies, which a copy does not inherit."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _ended(code: int, noise: IO[bytes]) -> str:
    """Say how a process ended, with the line in which it gives its reason."""
    noise.seek(0)
    said = noise.read().decode(errors="replace").splitlines()
    lines = [line for line in said if line.strip() and not line.startswith(_NO_NEWS)] or ["no words"]
    # A library that aborts says why and then where; Python says where and then why.
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}: {lines[0][:_LONGEST]}"
    return f"ended with {code}: {lines[-1][:_LONGEST]}"


def _give_way() -> None:
    """Let the service have the processor first."""
    with suppress(OSError):
        os.nice(_NICENESS)
    # Where Linux shares the processor out by session first, all that counts within a session only, and ours is our own.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS), "ascii")


if __name__ == "__main__":
    main()
