"""The process that tries versions, when it is not as it should be; `test_versions` has it at work."""

import os
import signal
import sys
from pathlib import Path

import pytest

from app.errors import VersionRefused
from app.understudy import Understudy
from config.settings import Settings, load_settings


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


async def test_where_no_process_can_be_started_that_is_not_the_versions_fault(
    mlp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OSError, match="No such file"):
        await Understudy().try_out(settings(mlp_path), [], timeout_seconds=60)
