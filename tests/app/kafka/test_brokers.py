"""What works later is tried until then; what never will is told."""

from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from app.errors import StartFailed
from app.kafka.brokers import _until_it_works


@pytest.mark.parametrize("error", [KafkaConnectionError(), OSError("refused")])
async def test_what_works_later_is_tried_until_then(error: Exception, monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    outcomes: list[Any] = [error] * 8

    async def attempt() -> None:
        if outcomes:
            raise outcomes.pop()

    monkeypatch.setattr("app.kafka.brokers.asyncio.sleep", sleep)
    await _until_it_works(attempt)
    assert len(waits) == 8
    assert all(
        0.5 * nominal <= wait <= 1.5 * nominal for wait, nominal in zip(waits, (0.2, 0.4, 0.8, 1.6), strict=False)
    )
    assert 1.0 <= min(waits[5:]) <= max(waits) <= 3.0


async def test_what_will_never_work_is_not_tried_again():
    async def attempt() -> None:
        raise StartFailed("no")

    with pytest.raises(StartFailed):
        await _until_it_works(attempt)


async def test_what_the_broker_denies_is_not_tried_again_and_says_what_to_grant():
    async def attempt() -> None:
        raise TopicAuthorizationFailedError("images")

    with pytest.raises(StartFailed, match=r"denies it to this user .*images.*: grant Read and Describe"):
        await _until_it_works(attempt)
