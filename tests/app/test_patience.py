"""How long a model that is at fault itself is asked again."""

import asyncio
import gc
import weakref

import pytest

from app.backoff import Backoff
from app.errors import ModelFailed
from app.patience import Patience
from models.errors import ModelUnavailable

AT_ONCE = Backoff(0.0, pauses=3)
FOR_EVER = Backoff(3600.0, pauses=1)


class Question:
    """Fails so many times before it is answered."""

    def __init__(self, failures: int, error: type[Exception] = ModelUnavailable) -> None:
        self.asked = 0
        self._failures = failures
        self._error = error

    async def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self._failures:
            raise self._error(f"internal error {self.asked}")
        return "answer"


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("failures", [0, 1, 3])
async def test_a_model_that_comes_back_in_time_is_not_given_up(failures: int):
    question = Question(failures)
    assert await Patience(AT_ONCE).ask(question) == "answer"
    assert question.asked == failures + 1


async def test_a_model_that_fails_at_every_attempt_is_given_up_with_its_last_message():
    question, patience = Question(99), Patience(AT_ONCE)
    with pytest.raises(ModelFailed, match=r"attempt 4: internal error 4$") as failure:
        await patience.ask(question)
    assert question.asked == 4
    assert isinstance(failure.value.__cause__, ModelUnavailable)
    assert patience.trouble is None


@pytest.mark.parametrize("error", [ValueError, ModelFailed])
async def test_what_no_wait_would_mend_is_raised_at_once(error: type[Exception]):
    question = Question(99, error)
    with pytest.raises(error, match="internal error 1"):
        await Patience(AT_ONCE).ask(question)
    assert question.asked == 1


async def test_the_trouble_is_told_until_the_last_of_those_who_wait_is_done():
    patience = Patience(FOR_EVER)
    assert patience.trouble is None
    waiting = [asyncio.create_task(patience.ask(Question(1))) for _ in range(2)]
    for task in waiting:
        await settled()
        assert patience.trouble == "the model fails: internal error 1; trying again"
        task.cancel()
    await settled()
    assert patience.trouble is None


async def test_one_line_warns_when_the_trouble_begins_however_many_wait(caplog: pytest.LogCaptureFixture):
    patience = Patience(AT_ONCE)
    await asyncio.gather(*(patience.ask(Question(3)) for _ in range(3)))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "internal error 1" in caplog.records[0].message
    await patience.ask(Question(1))
    assert len(caplog.records) == 2


async def test_nothing_of_an_attempt_is_held_once_another_has_succeeded():
    class Rows:
        pass

    held: list[weakref.ref[Rows]] = []

    async def question() -> int:
        rows = Rows()
        held.append(weakref.ref(rows))
        if len(held) < 3:
            raise ModelUnavailable("not yet")
        return 1

    gc.disable()
    try:
        assert await Patience(AT_ONCE).ask(question) == 1
        assert [each() for each in held] == [None] * 3
    finally:
        gc.enable()
