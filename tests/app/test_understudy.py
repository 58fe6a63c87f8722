"""The process that tries versions, when it is not as it should be; `test_versions` has it at work."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from app.errors import VersionRefused
from app.understudy import Understudy
from config.settings import Settings, load_settings
from tests.models.conftest import Export, export, tf

__all__ = ["export", "tf"]


def settings(path: Path, **variables: str) -> Settings:
    given = {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": str(path), "INPUT_FIELDS": "{}"} | variables
    return load_settings(given, env_file=None)


async def test_it_tries_one_version_after_the_other_and_is_started_again_when_it_has_gone(mlp_path: Path) -> None:
    understudy = Understudy()
    value = b'{"features": [' + b", ".join([b"0.5"] * 32) + b"]}"
    try:
        await understudy.try_out(settings(mlp_path), [value], timeout_seconds=60)
        first = understudy._process
        with pytest.raises(VersionRefused, match=r"do not feed it: features: .*expected 32") as refusal:
            await understudy.try_out(settings(mlp_path), [b'{"features": [1]}'], timeout_seconds=60)
        assert refusal.value.outcome == "rejected"
        assert understudy._process is first
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        await understudy.try_out(settings(mlp_path), [value], timeout_seconds=60)
        assert understudy._process is not first
    finally:
        await understudy.stop()
    assert understudy._process is not None
    assert understudy._process.returncode == -signal.SIGKILL


async def test_it_is_not_told_the_secrets_of_the_link(mlp_path: Path) -> None:
    from app.understudy import _question

    secret = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN"}
    secret |= {"KAFKA_SASL_USERNAME": "us", "KAFKA_SASL_PASSWORD": "hushhush"}
    assert b"hushhush" not in _question(settings(mlp_path, **secret), [])


async def test_while_it_is_not_ready_that_is_not_the_versions_fault(mlp_path: Path) -> None:
    understudy = Understudy()
    try:
        with pytest.raises(OSError, match=r"is not ready after 0\.01 s"):
            await understudy.try_out(settings(mlp_path), [], timeout_seconds=0.01)
        await understudy.try_out(settings(mlp_path), [], timeout_seconds=60)
        await understudy.stop()
        await understudy.start()
        assert understudy._process is not None
        os.kill(understudy._process.pid, signal.SIGKILL)
        with pytest.raises(OSError, match="ended before it was ready"):
            await understudy.try_out(settings(mlp_path), [], timeout_seconds=60)
    finally:
        await understudy.stop()


async def test_where_no_process_can_be_started_that_is_not_the_versions_fault(
    mlp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OSError, match="No such file"):
        await Understudy().try_out(settings(mlp_path), [], timeout_seconds=60)


async def test_a_copy_that_tries_something_does_not_outlive_the_rest(tf: Any, export: Export) -> None:
    def for_ever(x: Any) -> dict[str, Any]:
        return {"scores": tf.while_loop(lambda y: tf.reduce_all(y < tf.float32.max), lambda y: (y * 1.0,), (x,))[0]}

    understudy = Understudy()
    path = export(for_ever, x=([None, 2], tf.float32))
    trying = asyncio.create_task(understudy.try_out(settings(path), [], timeout_seconds=60))
    while not understudy._ready:
        await asyncio.sleep(0.05)
    assert understudy._process is not None
    while not (copies := children(understudy._process.pid)):
        await asyncio.sleep(0.05)
    os.kill(understudy._process.pid, signal.SIGKILL)
    with pytest.raises(VersionRefused, match="was ended while it tried"):
        await trying
    while any(Path(f"/proc/{copy}").exists() and not zombie(copy) for copy in copies):
        await asyncio.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
