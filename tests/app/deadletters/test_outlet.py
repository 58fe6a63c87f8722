"""Writing letters and committing progress, whatever is lost on the way to a real Apache Kafka."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from app.deadletters.destination import Addressed
from app.deadletters.outlet import AtLeastOnce, ExactlyOnce, Outlet
from app.errors import ProducerFenced
from app.kafka.committed import GroupOffsets
from app.kafka.idempotent import IdempotentProducer
from app.kafka.producer import Refusal
from app.records import Outgoing
from tests.app.deadletters.letters import letter, outgoing
from tests.app.kafka.publishing import connected
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.topics import Topics


def addressed(*numbers: int, size: int = 1) -> list[Addressed]:
    """Letters of partition 0, each for the input partition that its number says."""
    found = [letter(outgoing(number), offset=number) for number in numbers]
    return [
        Addressed(each, each.place.offset % 4, Outgoing(b"%d" % each.place.offset, b"x" * size, [])) for each in found
    ]


@asynccontextmanager
async def outlet(topics: Topics, kind: type[Outlet] = ExactlyOnce, servers: str | None = None) -> AsyncIterator[Outlet]:
    """An open outlet of dead-letter partition 0."""
    async with connected(servers or topics.client.bootstrap_servers, topics.input, topics.dead_letters) as client:
        offsets, source = GroupOffsets(client, topics.group), TopicPartition(topics.dead_letters, 0)
        opened: Outlet
        if kind is ExactlyOnce:
            opened = ExactlyOnce(client, topic=topics.input, source=source, offsets=offsets)
        else:
            opened = AtLeastOnce(IdempotentProducer(client), topic=topics.input, source=source, offsets=offsets)
        await opened.open()
        try:
            yield opened
        finally:
            await opened.close()


async def written(topics: Topics) -> list[int]:
    return sorted(int(each.key or b"") for each in await asyncio.to_thread(topics.client.read_all, topics.input))


async def committed(topics: Topics) -> dict[int, int]:
    return await asyncio.to_thread(topics.client.committed_offsets, topics.dead_letters, topics.group)


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize("kind", [ExactlyOnce, AtLeastOnce])
async def test_letters_are_written_to_their_partitions_and_the_offset_is_committed(
    topics: Topics, kind: type[Outlet]
) -> None:
    async with outlet(topics, kind) as each:
        assert await each.settle(addressed(*range(9)), 9) == {}
        assert await each.settle([], 12) == {}
        assert await each.open() == 12
    records = await asyncio.to_thread(topics.client.read_all, topics.input)
    assert [(record.partition, int(record.key or b"")) for record in records] == [
        (number % 4, number) for number in sorted(range(9), key=lambda number: (number % 4, number))
    ]
    assert await committed(topics) == {0: 12}


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize("kind", [ExactlyOnce, AtLeastOnce])
async def test_what_the_broker_refuses_is_told_by_its_place(topics: Topics, kind: type[Outlet]) -> None:
    letters: Sequence[Addressed] = addressed(0, 1, 2, 4, 6, 8)
    letters = [*letters[:3], *addressed(4, size=2_000_000), *letters[4:]]
    async with outlet(topics, kind) as each:
        assert await each.settle(letters, 9) == {3: Refusal.TOO_LARGE}
    assert (await written(topics), await committed(topics)) == ([0, 1, 2, 6, 8], {0: 9})


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize(
    "api_key",
    [
        ApiKey.ADD_PARTITIONS_TO_TXN,
        ApiKey.PRODUCE,
        ApiKey.ADD_OFFSETS_TO_TXN,
        ApiKey.TXN_OFFSET_COMMIT,
        ApiKey.END_TXN,
    ],
    ids=lambda api_key: api_key.name,
)
@pytest.mark.parametrize("carried_out", [True, False], ids=["answer lost", "request late"])
async def test_whatever_is_lost_each_letter_is_written_once(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, api_key: ApiKey, *, carried_out: bool
) -> None:
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 2.0)
    async with outlet(topics, servers=proxy.bootstrap_servers) as each:
        await each.settle(addressed(0), 1)
        if carried_out:
            proxy.swallow_answers(api_key, count=1, reset=True)
        else:
            hold = proxy.hold(api_key, count=1)
        assert await each.settle(addressed(1, 2), 3) == {}
        assert await committed(topics) == {0: 3}
        if not carried_out:
            hold.release()
            await asyncio.to_thread(hold.wait_until_answered)
        await each.settle(addressed(3), 4)
    assert (await written(topics), await committed(topics)) == ([0, 1, 2, 3], {0: 4})


@pytest.mark.needs_apache_kafka
async def test_whoever_opens_the_same_partition_takes_it_over(topics: Topics) -> None:
    async with outlet(topics) as first:
        await first.settle(addressed(0), 1)
        async with outlet(topics) as second:
            with pytest.raises(ProducerFenced):
                await first.settle(addressed(1), 2)
            await second.settle(addressed(1), 2)
    assert await written(topics) == [0, 1]


@pytest.mark.needs_apache_kafka
async def test_progress_that_somebody_else_has_made_while_we_were_in_doubt_is_theirs(
    topics: Topics, proxy: Proxy
) -> None:
    async with outlet(topics, servers=proxy.bootstrap_servers) as each:
        await each.settle(addressed(0), 1)
        proxy.swallow_answers(ApiKey.ADD_OFFSETS_TO_TXN, count=1, reset=True)
        with proxy.hold(ApiKey.INIT_PRODUCER_ID, count=1) as hold:
            settling = asyncio.create_task(each.settle(addressed(1), 2))
            await asyncio.to_thread(hold.wait)
            async with outlet(topics) as other:
                await other.settle(addressed(1, 2), 3)
        with pytest.raises(ProducerFenced, match="changed by somebody else"):
            await settling
    assert await written(topics) == [0, 1, 2]
