"""Every model that cannot be served ends the service at its start, with the reason."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from app.ports import free_ports
from app.worker import Worker
from config.settings import load_settings
from tests.app.running import Run, in_this_process
from tests.broker.topics import Topics
from tests.variables import variables_for
from tests.zoo import published
from tests.zoo.refused import CASES, Refused


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


@pytest.mark.parametrize("case", [*CASES, *published.REFUSED], ids=lambda case: case.name)
async def test_a_model_that_cannot_be_served_ends_the_start_with_the_reason(
    case: Refused, tf: Any, topics: Topics, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    case.write(tf, tmp_path / "model")
    (tmp_path / "labels.txt").write_text("a\nb\n", encoding="utf-8")
    settings = variables_for(topics, tmp_path / "model") | {"MODEL_DEVICE": "cpu", "HTTP_HOST": "127.0.0.1"}
    settings |= {name: value.format(folder=tmp_path) for name, value in case.settings.items()}
    port = free_ports(1)[0]
    run = Run(Worker(load_settings(settings | {"HTTP_PORT": str(port)}, env_file=None)), port)
    assert await run.ended() == 1
    [error] = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert error.startswith("cannot go on: MODEL_")
    assert re.search(case.message, error), error
