import asyncio
import json
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.broker import EmbeddedBroker
from app.demo import stream
from app.demo.failure import DemoFailed
from app.demo.stream import Stream
from app.demo.tally import Tally

IMAGES = np.arange(3 * 64, dtype=np.float32).reshape(3, 64)
TRUTHS = ["one", "two", "three"]


@pytest.fixture
def servers():
    """A broker of its own, because the demo's topics have fixed names."""
    with EmbeddedBroker() as broker:
        broker.create_topics(stream.TOPICS, partitions=stream.PARTITIONS)
        yield broker.bootstrap_servers


@asynccontextmanager
async def answering(servers, answer):
    """Stand in for the service: send the topics and values that *answer* returns; yields what came in."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    consumer = AIOKafkaConsumer(stream.INPUT, bootstrap_servers=servers, auto_offset_reset="earliest")
    seen = []

    async def work():
        async for record in consumer:
            seen.append((record.key, json.loads(record.value)))
            for topic, value in answer(seen[-1][1]):
                await producer.send(topic, json.dumps(value).encode())

    async with producer, consumer:
        working = asyncio.create_task(work())
        yield seen
        working.cancel()


def right(record):
    """Answer with the truth, which the first pixel tells."""
    label = TRUTHS[int(record["features"][0] // 64)]
    return [(stream.OUTPUT, {"id": record["id"], "predictions": [{"rank": 1, "label": label, "score": 0.5}]})]


async def run(servers, tally, *, on_view=lambda _view: None, check=lambda: None):
    async with Stream(servers, IMAGES) as records:
        await records.run(tally, rate=500, on_view=on_view, check=check)


async def test_every_record_is_sent_and_its_answer_counted(servers):
    tally = Tally(TRUTHS, 100)
    views = []
    async with answering(servers, right) as seen:
        await run(servers, tally, on_view=views.append)
    assert (tally.answered, tally.correct, tally.repeated, tally.dead_letters) == (100, 100, 0, 0)
    assert sorted(record["id"] for _, record in seen) == list(range(100))
    assert all(int(key) == record["id"] % 3 for key, record in seen)
    assert all(record["features"] == IMAGES[record["id"] % 3].tolist() for _, record in seen)
    assert views[-1].answered == 100
    assert 0 < tally.latency_ms(0)[0] < tally.latency_ms(100)[0]


async def test_a_second_run_goes_on_with_the_next_ids(servers):
    async with answering(servers, right) as seen, Stream(servers, IMAGES) as records:
        for _ in range(2):
            tally = Tally(TRUTHS, 10)
            await records.run(tally, rate=500, on_view=lambda _: None, check=lambda: None)
            assert (tally.correct, tally.repeated) == (10, 0)
    assert sorted(record["id"] for _, record in seen) == list(range(20))


async def test_a_dead_letter_is_an_answer_too(servers):
    def refuse_the_first(record):
        return [(stream.DEAD_LETTERS, record)] if record["id"] == 0 else right(record)

    tally = Tally(TRUTHS, 10)
    async with answering(servers, refuse_the_first):
        await run(servers, tally)
    assert (tally.answered, tally.dead_letters) == (10, 1)


async def test_a_prediction_that_comes_again_after_all_have_come_is_noticed(servers, monkeypatch):
    monkeypatch.setattr(stream, "TICK_S", 1.0)  # how long it looks once more
    tally = Tally(TRUTHS, 10)
    again = json.dumps({"id": 9, "predictions": []}).encode()
    late = []

    def stammer(view):
        if view.answered == view.total and not late:
            late.append(asyncio.create_task(producer.send_and_wait(stream.OUTPUT, again)))

    async with answering(servers, right), AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await run(servers, tally, on_view=stammer)
        await late[0]
    assert (tally.answered, tally.repeated) == (10, 1)


async def test_it_gives_up_when_answers_stay_away(servers, monkeypatch):
    monkeypatch.setattr(stream, "SILENCE_S", 0.5)
    with pytest.raises(DemoFailed, match=r"no answer for 0.5 s; 10 of 10 records are missing"):
        await run(servers, Tally(TRUTHS, 10))


async def test_it_ends_at_once_when_waiting_has_become_pointless(servers):
    def check():
        raise DemoFailed("the service has ended")

    with pytest.raises(DemoFailed, match="the service has ended"):
        await asyncio.wait_for(run(servers, Tally(TRUTHS, 1_000_000), check=check), 20)
