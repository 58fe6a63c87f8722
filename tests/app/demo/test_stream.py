import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.broker import EmbeddedBroker
from app.demo import stream
from app.demo.failure import DemoFailed
from app.demo.stream import Stream
from app.demo.verdict import judge
from tests.app.demo.races import Standings, headers, meeting

FAST = 1000.0


@pytest.fixture
def servers():
    """A broker of its own, because the demo's topics have fixed names."""
    with EmbeddedBroker() as broker:
        broker.create_topics(stream.TOPICS, partitions=stream.PARTITIONS)
        yield broker.bootstrap_servers


@asynccontextmanager
async def answering(servers, run, topic_of=lambda _record: stream.OUTPUT):
    """Stand in for the service, always right; yields what came in."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    consumer = AIOKafkaConsumer(stream.INPUT, bootstrap_servers=servers, auto_offset_reset="earliest")
    standings = Standings(run.programme.races)
    seen = []

    async def work():
        async for record in consumer:
            seen.append(record)
            value = record.value and json.dumps(standings.ranking(json.loads(record.value))).encode()
            named = headers(record.offset, record.partition)
            await producer.send(topic_of(record), value, key=record.key, headers=named, partition=record.partition)

    async with producer, consumer:
        working = asyncio.create_task(work())
        yield seen
        working.cancel()


async def stream_all(servers, run, *, speed=FAST, on_view=lambda _view: None, check=lambda: None):
    async with Stream(servers) as records:
        await records.run(run, speed=speed, on_view=on_view, check=check)


async def test_every_record_is_sent_and_its_answer_counted(servers):
    run, views = meeting(), []
    async with answering(servers, run) as seen:
        await stream_all(servers, run, on_view=views.append)
    assert judge(run).faults == []
    values = {record.value: record.key for record in seen if record.value}
    assert values == {due.value: due.key for due in run.plan if due.value}
    ended = sorted(record.key for record in seen if record.value is None)
    assert ended == sorted(due.key for due in run.plan if due.ends_race)
    assert views[-1].figures.answered == len(run.plan)
    assert 0 < run.tally.latency_ms(0)[0] < run.tally.latency_ms(100)[0]


async def test_records_of_a_race_are_in_one_partition_in_their_order(servers):
    run = meeting(count=3)
    async with answering(servers, run) as seen:
        await stream_all(servers, run)
    for race in run.programme.races:
        mine = [record for record in seen if record.key == race.name.encode()]
        assert len({record.partition for record in mine}) == 1
        assert [record.value for record in mine] == [due.value for due in run.plan if due.key == mine[0].key]


async def test_it_takes_as_long_as_the_speed_says(servers):
    run = meeting()
    loop = asyncio.get_running_loop()
    async with answering(servers, run), Stream(servers) as records:
        began = loop.time()
        await records.run(run, speed=100, on_view=lambda _view: None, check=lambda: None)
        assert loop.time() - began >= (run.plan[-1].at - run.plan[0].at) / 100


async def test_a_second_meeting_goes_on_with_the_next_ids(servers):
    first = meeting()
    second = meeting(first_id=len(first.plan))
    async with Stream(servers) as records, answering(servers, first):
        for run in (first, second):
            await records.run(run, speed=FAST, on_view=lambda _: None, check=lambda: None)
            assert judge(run).faults == []


async def test_a_dead_letter_is_an_answer_too(servers):
    def refuse_the_first(record):
        return stream.DEAD_LETTERS if record.value and json.loads(record.value)["id"] == 0 else stream.OUTPUT

    run = meeting()
    async with answering(servers, run, refuse_the_first):
        await stream_all(servers, run)
    assert (run.tally.missing, run.tally.dead_letters) == (0, 1)


async def test_a_ranking_that_comes_again_after_all_have_come_is_noticed(servers, monkeypatch):
    monkeypatch.setattr(stream, "TICK_S", 1.0)  # how long it looks once more
    run, late = meeting(), []
    again = json.dumps({"id": 0, "predictions": []}).encode()

    def stammer(view):
        if run.tally.complete and not late:
            place = next(place for place, number in run.tally._numbers.items() if number == 0)
            named = headers(place[1], place[0])
            late.append(asyncio.create_task(producer.send_and_wait(stream.OUTPUT, again, headers=named)))

    async with answering(servers, run), AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await stream_all(servers, run, on_view=stammer)
        await late[0]
    assert (run.tally.missing, run.tally.repeated) == (0, 1)


async def test_it_gives_up_when_answers_stay_away(servers, monkeypatch):
    monkeypatch.setattr(stream, "SILENCE_S", 0.5)
    run = meeting()
    with pytest.raises(DemoFailed, match=r"no answer for 0.5 s; [\d,]+ of [\d,]+ records are missing"):
        await stream_all(servers, run)


async def test_it_ends_at_once_when_waiting_has_become_pointless(servers):
    def check():
        raise DemoFailed("the service has ended")

    with pytest.raises(DemoFailed, match="the service has ended"):
        await asyncio.wait_for(stream_all(servers, meeting(), speed=0.1, check=check), 20)
