"""Try a version of the model in a process of its own, since one that crashes or hangs must not take ours along."""

import asyncio
import copyreg
import json
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.assembly import load_predictor, make_ranker
from app.child import tethered
from app.errors import StartFailed, VersionRefused
from app.ranker import Ranker
from config.settings import SecuritySettings, Settings
from models.errors import ModelError
from models.predictor import Predictor

# Of the processor's time the trial gets what the service leaves.
NICENESS = 19
_LONGEST = 300


def read_only(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a mapping that cannot be changed; pickle makes those of the settings with this."""
    return MappingProxyType(items)


copyreg.pickle(MappingProxyType, lambda mapping: (read_only, (dict(mapping),)))


@dataclass(frozen=True, slots=True)
class _Record:
    """A record that was ranked lately."""

    value: bytes
    key: bytes | None = None
    offset: int = 0


def examine(settings: Settings, predictor: Predictor, values: Sequence[bytes]) -> Ranker:
    """Return what ranks with *predictor*, once it has shown that it can rank records with these *values*.

    Raises:
        VersionRefused: it cannot.
    """
    try:
        ranker = make_ranker(settings, predictor)
    except StartFailed as error:
        raise VersionRefused("rejected", str(error)) from error
    decoded = ranker.decoder.decode([_Record(value) for value in values], "recent")
    for _, rejection in decoded.rejected:
        raise VersionRefused("rejected", f"records that feed the serving version do not feed it: {rejection.message}")
    for group in decoded.groups:
        try:
            ranking = predictor.predict(group.columns)
        except ModelError as error:
            raise VersionRefused("rejected", f"it refuses records that the serving version ranks: {error}") from error
        if settings.model.non_finite == "reject" and not ranking.finite.all():
            raise VersionRefused("rejected", "its scores of recent records are NaN or infinite")
    return ranker


async def try_out(settings: Settings, values: Sequence[bytes], *, timeout_seconds: float) -> None:
    """Load the version of *settings* in another process, on the CPU, and let it rank records with these *values*.

    Raises:
        VersionRefused: it does not load, answer or fit, crashes, or takes longer than *timeout_seconds*.
    """
    pipe = asyncio.subprocess.PIPE
    command = tethered([sys.executable, "-m", "app.trial"])
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise VersionRefused("failed", f"no process could be started to try it: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(timeout_seconds):
            said, noise = await process.communicate(_question(settings, values))
    except TimeoutError:
        raise VersionRefused("failed", f"it had not answered after {timeout_seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise VersionRefused("failed", f"the process that tried it {_ended(process.returncode, noise)}")
    verdict = json.loads(said)
    if verdict is not None:
        raise VersionRefused(*verdict)


def _ended(status: int, noise: bytes) -> str:
    """Say how a process ended, with the line in which it gives its reason."""
    lines = [line for line in noise.decode(errors="replace").splitlines() if line.strip()] or ["no words"]
    # A library that aborts says why and then where; Python says where and then why.
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}: {lines[0][:_LONGEST]}"
    return f"ended with {status}: {lines[-1][:_LONGEST]}"


def _question(settings: Settings, values: Sequence[bytes]) -> bytes:
    # The link's secrets are none of its business; and a GPU may have no room for two.
    model = settings.model.model_copy(update={"device": "cpu"})
    harmless = settings.model_copy(update={"security": SecuritySettings.model_validate({}), "model": model})
    return pickle.dumps((harmless, list(values)))


def _verdict(settings: Settings, values: Sequence[bytes]) -> Any:
    try:
        examine(settings, load_predictor(settings), values)
    except VersionRefused as error:
        return error.outcome, str(error)
    except ModelError as error:
        return "failed", str(error)
    return None


if __name__ == "__main__":
    os.nice(NICENESS)
    answer = sys.stdout.buffer
    # Whatever a model prints is not the answer.
    sys.stdout = sys.stderr
    asked, recent = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the service that started us
    answer.write(json.dumps(_verdict(asked, recent)).encode())
    answer.flush()
    os._exit(0)
