"""From a chunk to its acknowledgement: real decoder, batcher, model and encoder, and a publisher that we can watch."""

import asyncio
import json
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backoff import Backoff
from app.batching import Batcher, Dispatch
from app.codecs.json import JsonDecoder
from app.codecs.member_reader import Glance
from app.codecs.prediction import PredictionEncoder
from app.errors import ModelFailed, ProducerFenced, ProducerLost, PublishFailed, RejectedRecord
from app.freshness import Freshness
from app.kafka.chunk import Chunk
from app.kafka.client import Client
from app.kafka.idempotent import IdempotentProducer
from app.kafka.producer import Refusal
from app.kafka.routing import Router
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outbox import Outbox
from app.outcome import Outcome
from app.pipeline import Pipeline
from app.ranker import Ranker
from app.ranking import Ranking
from app.records import Incoming, Outgoing, RecordFactory
from app.scoring import Scorer
from app.standings.conflation import MANY, Conflation, Launch
from app.traffic import Traffic
from models.errors import ModelUnavailable, RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Columns, Predictor, TopK
from tests.app.alone import Alone
from tests.app.chunks import TOPIC, chunk, record, row
from tests.app.test_metrics import samples
from tests.broker.records import Record
from tests.broker.topics import Topics

OUTPUT, DEAD_LETTERS = "out", "letters"
POISON = 13.0


class Outlet:
    """A producer that remembers what it confirmed, and waits, refuses or fails when told to."""

    hold_seconds = 0.0
    trouble = None

    def __init__(self, partitions: int = 2) -> None:
        self.counts = {TOPIC: 2, OUTPUT: partitions, DEAD_LETTERS: partitions}
        self.confirmed: list[tuple[str, int, Outgoing]] = []
        self.refuses: Callable[[str, Outgoing], bool] = lambda topic, record: False
        self.refusal = Refusal.TOO_LARGE
        self.fails: Callable[[str, int], bool] = lambda topic, partition: False
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.waiting = 0
        self.failure: Exception = PublishFailed("the broker refused a batch")
        self.waits = False
        self.commits: list[int] = []
        self.commit_fails: Exception | None = None
        self.opening_fails: Exception | None = None
        self.opened = self.closed = 0

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> dict[int, Refusal]:
        self.waiting += 1
        await self.confirms.wait()
        self.waiting -= 1
        if self.fails(topic, partition):
            raise self.failure
        refused = {place: self.refusal for place, each in enumerate(records) if self.refuses(topic, each)}
        self.confirmed += [(topic, partition, each) for place, each in enumerate(records) if place not in refused]
        return refused

    async def open(self) -> None:
        self.opened += 1
        if self.opening_fails is not None:
            raise self.opening_fails

    async def commit(self, offset: int) -> None:
        self.commits.append(offset)
        if self.commit_fails is not None:
            raise self.commit_fails

    async def close(self) -> None:
        self.closed += 1

    def to(self, topic: str, partition: int | None = None) -> list[Outgoing]:
        return [each for name, at, each in self.confirmed if name == topic and partition in {None, at}]


class Always:
    """One version, whatever becomes of it."""

    def __init__(self, ranker: Ranker) -> None:
        self.current = ranker
        self.told: list[tuple[Sequence[Incoming], Sequence[Outcome], Ranker]] = []

    def ranked(
        self, records: Sequence[Incoming], outcomes: Sequence[Outcome], ranker: Ranker, *, again: bool = False
    ) -> None:
        assert not again
        self.told.append((records, outcomes, ranker))

    def instead_of(self, ranker: Ranker, error: ModelFailed) -> None:
        assert ranker is self.current


class Rig:
    """A pipeline of real parts around *model*, with partitions 0 and 1 assigned; `async with` ends it."""

    def __init__(self, model: Predictor, outlet: Outlet, **options: Any) -> None:
        self.outlet = outlet
        self.acknowledged: list[Chunk] = []
        self.failures: list[BaseException] = []
        self.lost: list[TP] = []
        self.fenced: list[TP] = []
        self.dispatches: list[Dispatch] = []
        self.published: list[tuple[Chunk, Sequence[Outcome]]] = []
        self.metrics = Metrics()
        self._executor = ThreadPoolExecutor(options.get("max_in_flight", 1))
        self._producer = options.get("producer", outlet)
        limit = BatchLimit(options.get("max_size", 64))
        ranker = Ranker(
            model,
            JsonDecoder(model.signature, fields={}, id_field="id", max_bytes=10_000),
            PredictionEncoder(model=model.name, version=model.version, labels=model.labels, min_score=None),
            RecordFactory(model.name, model.version),
        )
        self.rankers = Always(ranker)
        tracing = options.get("tracing")
        on_call = tracing.called if tracing else lambda _: None
        scorer = Scorer(self._executor, on_call, limit=limit, backoff=Backoff(0.001, pauses=3))
        batcher = Batcher(
            tracing.batches(scorer) if tracing else scorer,
            limit=limit,
            max_in_flight=options.get("max_in_flight", 1),
            max_rows=1000,
            max_bytes=10**6,
            on_dispatch=self.dispatches.append,
        )
        ranking = Ranking(batcher, Freshness(0, skip=False), self.metrics.stage_took)
        self.pipeline = Pipeline(
            rank=Traffic(self.rankers, Alone(), ranking).outcomes,
            outbox=Outbox(
                options.get("router", Router(outlet.counts.__getitem__, TOPIC)),
                output_topic=options.get("output_topic", OUTPUT),
                dead_letter_topic=options.get("dead_letter_topic", DEAD_LETTERS),
            ),
            producer_for=lambda _: self._producer,
            observer=self.metrics,
            on_lost=self.lost.append,
            on_fenced=self.fenced.append,
            on_failure=self.failures.append,
            drain_seconds=options.get("drain_seconds", 30),
            conflation=options.get("conflation"),
            on_published=self._published,
            tracing=tracing,
        )

    async def __aenter__(self) -> "Rig":
        await self.open(0, 1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pipeline.drain_seconds = 0
        await self.pipeline.partitions_revoked()
        self._executor.shutdown()

    async def open(self, *partitions: int, epoch: int = 0) -> None:
        for partition in partitions:
            await self.pipeline.open_partition(TP(TOPIC, partition), epoch)
        self.pipeline.rebalanced()

    def accept(self, *chunks: Chunk) -> None:
        self.pipeline.accept(chunks, self._acknowledge)

    def _acknowledge(self, taken: Chunk) -> None:
        if self._producer is self.outlet:
            confirmed = {dict(each.headers)["source-offset"] for _, _, each in self.outlet.confirmed}
            assert {b"%d" % each.offset for each in taken} <= confirmed
        self.acknowledged.append(taken)

    def _published(self, shown: Chunk, outcomes: Sequence[Outcome]) -> None:
        assert shown not in self.acknowledged
        self.published.append((shown, outcomes))

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.001)

    async def wait_until_acknowledged(self, count: int) -> None:
        await self.wait_for(lambda: len(self.acknowledged) >= count or bool(self.failures))
        assert self.failures == []


class OneMember:
    """Says that all records are of one member."""

    def glance(self, records: Sequence[Incoming]) -> Glance:
        return Glance([("g", "m")] * len(records), None)

    def takes(self, _: Incoming) -> bool:
        return True


def rows(start: int, *first_features: float, partition: int = 0) -> Chunk:
    """A chunk of rows called `r<offset>`."""
    return chunk(
        *(
            record(start + place, row(f"r{start + place}", first, 1, 2, 3), partition=partition, key=b"k%d" % place)
            for place, first in enumerate(first_features)
        )
    )


def ids(records: Sequence[Outgoing | Record]) -> list[str]:
    return [json.loads(each.value)["id"] for each in records]


def reasons(records: Sequence[Outgoing | Record]) -> list[bytes]:
    return [dict(each.headers)["error-reason"] for each in records]


async def test_what_is_confirmed_is_shown_once_with_its_records_before_it_is_acknowledged():
    async with Rig(NumpyModel(), Outlet()) as rig:
        first, second = rows(0, 1, 2), chunk(record(2, b"{"), record(3, row("r3", 1, 2, 3, 4)))
        rig.accept(first, second)
        await rig.wait_until_acknowledged(2)
        assert [shown for shown, _ in rig.published] == [first, second]
        kinds = [[type(outcome) for outcome in outcomes] for _, outcomes in rig.published]
        assert kinds == [[bytes, bytes], [RejectedRecord, bytes]]
        assert b'"id":"r1"' in rig.published[0][1][1]


async def test_each_record_of_a_chunk_becomes_a_prediction_or_a_dead_letter():
    bad = chunk(record(0, row("r0", 1, 2, 3, 4)), record(1, b"{"), record(2, None), record(3, row("r3", 5, 6, 7, 8)))
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.accept(bad)
        await rig.wait_until_acknowledged(1)
        assert ids(rig.outlet.to(OUTPUT, 0)) == ["r0", "r3"]
        assert reasons(rig.outlet.to(DEAD_LETTERS, 0)) == [b"invalid_json", b"empty"]
        assert [each.value for each in rig.outlet.to(DEAD_LETTERS)] == [b"{", None]


async def test_a_chunk_of_nothing_but_refused_records_is_acknowledged_once_they_are_dead_lettered():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.confirms.clear()
        rig.accept(chunk(record(0, b"no"), record(1, b"[]")))
        await rig.wait_for(lambda: rig.outlet.waiting == 1)
        assert rig.acknowledged == []
        rig.outlet.confirms.set()
        await rig.wait_until_acknowledged(1)
        assert (rig.outlet.to(OUTPUT), len(rig.outlet.to(DEAD_LETTERS))) == ([], 2)


async def test_a_poisoned_row_is_dead_lettered_and_its_neighbours_in_the_same_batch_are_predicted():
    async with Rig(NumpyModel(poison=POISON), Outlet()) as rig:
        rig.accept(rows(0, 1, POISON, 2), rows(7, 3, 4, partition=1), rows(3, POISON, POISON))
        await rig.wait_until_acknowledged(3)
        assert ids(rig.outlet.to(OUTPUT, 0)) == ["r0", "r2"]
        assert ids(rig.outlet.to(OUTPUT, 1)) == ["r7", "r8"]
        assert ids(rig.outlet.to(DEAD_LETTERS)) == ["r1", "r3", "r4"]
        assert reasons(rig.outlet.to(DEAD_LETTERS)) == [b"model_error"] * 3


async def test_a_score_that_is_not_finite_is_dead_lettered_and_its_neighbours_are_not():
    class Overflows(NumpyModel):
        def predict(self, columns: Columns) -> TopK:
            with np.errstate(all="ignore"):
                return super().predict(columns)

    async with Rig(Overflows(), Outlet()) as rig:
        rig.accept(rows(0, 1, 3.4e38, 2))
        await rig.wait_until_acknowledged(1)
        assert ids(rig.outlet.to(OUTPUT)) == ["r0", "r2"]
        assert reasons(rig.outlet.to(DEAD_LETTERS)) == [b"non_finite_score"]


@pytest.mark.parametrize("fault", [RowsRefused, ModelUnavailable])
async def test_when_the_model_is_at_fault_nothing_is_published_dead_lettered_or_acknowledged(fault: Any):
    model = NumpyModel()
    async with Rig(model, Outlet()) as rig:
        model.fail_everything = fault
        rig.accept(rows(0, 1, 2), rows(2, 3))
        await rig.wait_for(lambda: bool(rig.failures))
        model.fail_everything = None
        # What comes later is computed and stays where it is; the other partition shows when it would have left.
        rig.accept(rows(3, 4), rows(0, 5, partition=1))
        await rig.wait_for(lambda: len(rig.acknowledged) == 1)
        assert isinstance(rig.failures[0], ModelFailed)
        assert [partition for _, partition, _ in rig.outlet.confirmed] == [1]
        assert [each.tp.partition for each in rig.acknowledged] == [1]


async def test_a_failed_publish_stops_its_partition_and_no_other():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.fails = lambda topic, partition: partition == 0
        rig.accept(rows(0, 1), rows(0, 2, partition=1), rows(1, 3), rows(1, 4, partition=1))
        await rig.wait_for(lambda: len(rig.acknowledged) == 2 and bool(rig.failures))
        assert [each.tp.partition for each in rig.acknowledged] == [1, 1]
        assert [type(each) for each in rig.failures] == [PublishFailed]


async def test_dead_letters_that_cannot_be_published_leave_their_chunk_unacknowledged():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.fails = lambda topic, partition: topic == DEAD_LETTERS
        rig.accept(chunk(record(0, row("r0", 1, 2, 3, 4)), record(1, b"no")))
        await rig.wait_for(lambda: bool(rig.failures))
        assert ids(rig.outlet.to(OUTPUT)) == ["r0"]
        assert rig.acknowledged == []


async def test_a_ranking_that_is_too_large_to_publish_becomes_a_dead_letter_of_its_record():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.refuses = lambda topic, each: topic == OUTPUT and each.key == b"k1"
        rig.accept(rows(0, 1, 2, 3), rows(3, 4, 5))
        await rig.wait_until_acknowledged(2)
        assert ids(rig.outlet.to(OUTPUT)) == ["r0", "r2", "r3"]
        letters = rig.outlet.to(DEAD_LETTERS)
        assert ids(letters) == ["r1", "r4"]
        assert reasons(letters) == [b"too_large_to_publish"] * 2
        assert json.loads(letters[0].value)["features"] == [2, 1, 2, 3]
        found = samples(rig.metrics)
        assert found["streamrank_records_total", "published"] == 3
        assert found["streamrank_dead_letters_total", "too_large_to_publish", "encode"] == 2


async def test_a_dead_letter_that_is_too_large_goes_out_without_its_value():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.refuses = lambda topic, each: len(each.value or b"") > 100
        rig.accept(chunk(record(0, b"x" * 101), record(1, b"y"), record(2, b"z" * 102)))
        await rig.wait_until_acknowledged(1)
        letters = rig.outlet.to(DEAD_LETTERS)
        assert [each.value for each in letters] == [b"y", None, None]
        assert [dict(each.headers).get("value-omitted") for each in letters] == [None, b"101", b"102"]


async def test_a_dead_letter_that_is_too_large_even_without_its_value_is_our_fault():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.refuses = lambda topic, each: True
        rig.accept(chunk(record(0, b"x")))
        await rig.wait_for(lambda: bool(rig.failures))
        assert "raise max.message.bytes of the topic" in str(rig.failures[0])
        assert rig.acknowledged == []


async def test_a_ranking_that_the_topic_takes_for_invalid_becomes_a_dead_letter_of_its_record():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.refusal = Refusal.INVALID
        rig.outlet.refuses = lambda topic, each: topic == OUTPUT and each.key == b"k1"
        rig.accept(rows(0, 1, 2, 3))
        await rig.wait_until_acknowledged(1)
        letters = rig.outlet.to(DEAD_LETTERS)
        assert (ids(rig.outlet.to(OUTPUT)), ids(letters), reasons(letters)) == (
            ["r0", "r2"],
            ["r1"],
            [b"not_encodable"],
        )


async def test_a_dead_letter_that_the_topic_takes_for_invalid_keeps_its_value_and_stops_the_worker():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.refusal = Refusal.INVALID
        rig.outlet.refuses = lambda topic, each: topic == DEAD_LETTERS and each.value is not None
        rig.accept(chunk(record(0, b"x")))
        await rig.wait_for(lambda: bool(rig.failures))
        assert "set its cleanup.policy to delete" in str(rig.failures[0])
        assert (rig.acknowledged, rig.outlet.to(DEAD_LETTERS)) == ([], [])


async def test_topics_with_another_number_of_partitions_are_filled_by_key_and_refusals_find_their_record():
    outlet = Outlet(partitions=3)
    async with Rig(NumpyModel(), outlet) as rig:
        outlet.refuses = lambda topic, each: topic == OUTPUT and each.key in {b"k2", b"k5"}
        rig.accept(rows(0, *range(1, 21)))
        await rig.wait_until_acknowledged(1)
        route = Router(outlet.counts.__getitem__, TOPIC)
        for topic in (OUTPUT, DEAD_LETTERS):
            assert all(
                at == route.partition(topic, 0, each.key) for name, at, each in outlet.confirmed if name == topic
            )
        assert len({at for name, at, _ in outlet.confirmed if name == OUTPUT}) == 3
        assert sorted(ids(outlet.to(DEAD_LETTERS))) == ["r2", "r5"]
        assert {*ids(outlet.to(OUTPUT))} == {f"r{place}" for place in range(20)} - {"r2", "r5"}
        assert len(outlet.confirmed) == 20


async def test_a_chunk_of_a_partition_that_is_not_ours_is_left_alone():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.accept(rows(0, 1, partition=5))
        rig.accept(rows(0, 1))
        await rig.wait_until_acknowledged(1)
        assert ids(rig.outlet.to(OUTPUT)) == ["r0"]
        assert ("streamrank_records_consumed_total", "5", TOPIC) not in samples(rig.metrics)


async def test_partitions_that_are_revoked_finish_first_and_take_nothing_more():
    async with Rig(NumpyModel(delay_seconds=0.02), Outlet()) as rig:
        rig.accept(rows(0, 1), rows(1, 2), rows(0, 3, partition=1))
        assert await rig.pipeline.partitions_revoked()
        assert len(rig.acknowledged) == 3
        rig.accept(rows(2, 1))
        await rig.pipeline.partitions_revoked()
        assert (len(rig.acknowledged), len(rig.outlet.confirmed)) == (3, 3)


async def test_partitions_that_are_being_let_go_take_nothing_that_was_fetched_just_before():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.confirms.clear()
        rig.accept(rows(0, 1))
        letting_go = asyncio.create_task(rig.pipeline.partitions_revoked())
        await rig.wait_for(lambda: rig.outlet.waiting == 1)
        rig.accept(rows(1, 2), rows(0, 3, partition=1))
        rig.outlet.confirms.set()
        assert await letting_go
        assert (len(rig.acknowledged), ids(rig.outlet.to(OUTPUT))) == (1, ["r0"])


async def test_what_is_held_for_company_goes_on_when_none_can_come(mlp: Predictor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.standings.conflation.longest_hold_seconds", lambda *_, **__: 3600.0)

    def conflation(launch: Launch, _: int) -> Conflation:
        return Conflation(OneMember, launch, lambda part, kept: part.__setitem__(slice(None), kept))

    async with Rig(mlp, Outlet(), conflation=conflation) as rig:
        waiting = rows(0, 1, 2, 3, 4)
        waiting.waiting = MANY
        rig.accept(waiting)
        await asyncio.sleep(0)
        assert rig.outlet.confirmed == []
        rig.pipeline.nothing_comes()
        await rig.wait_until_acknowledged(1)
    assert ids([each for _, _, each in rig.outlet.confirmed]) == ["r3"]


async def test_what_revoked_partitions_cannot_finish_in_time_is_dropped_and_never_published_later():
    async with Rig(NumpyModel(), Outlet(), drain_seconds=0.05) as rig:
        rig.outlet.confirms.clear()
        rig.accept(rows(0, 1), rows(1, 2))
        await rig.wait_for(lambda: rig.outlet.waiting == 1)
        assert not await rig.pipeline.partitions_revoked()
        rig.outlet.confirms.set()
        await rig.open(0)
        rig.accept(rows(0, 1))
        await rig.wait_until_acknowledged(1)
        assert ids(rig.outlet.to(OUTPUT)) == ["r0"]


async def test_lanes_with_nothing_to_do_have_finished_however_little_time_there_is():
    async with Rig(NumpyModel(), Outlet(), drain_seconds=0) as rig:
        assert await rig.pipeline.partitions_revoked()


async def test_lanes_that_failed_have_not_finished():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.fails = lambda topic, partition: True
        rig.accept(rows(0, 1))
        await rig.wait_for(lambda: bool(rig.failures))
        assert not await rig.pipeline.partitions_revoked()


async def test_a_worker_that_got_no_partition_has_finished_whatever_it_dropped_before():
    async with Rig(NumpyModel(), Outlet(), drain_seconds=0.05) as rig:
        rig.outlet.confirms.clear()
        rig.accept(rows(0, 1))
        assert not await rig.pipeline.partitions_revoked()
        await rig.open()
        assert await rig.pipeline.partitions_revoked()


async def test_what_was_lost_and_cannot_be_opened_again_is_not_finished():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.fails, rig.outlet.failure = lambda topic, partition: True, ProducerLost("not done in time")
        rig.accept(rows(0, 1))
        await rig.wait_for(lambda: bool(rig.lost))
        rig.outlet.opening_fails = ProducerLost("no broker")
        with pytest.raises(ProducerLost):
            await rig.open(0)
        assert rig.pipeline.unconfirmed == {TP(TOPIC, 0)}
        assert not await rig.pipeline.partitions_revoked()
        assert rig.pipeline.unconfirmed == set()


async def test_a_new_assignment_drops_what_is_left_of_the_old_one():
    async with Rig(NumpyModel(), Outlet()) as rig:
        rig.outlet.confirms.clear()
        rig.accept(rows(0, 1))
        await rig.wait_for(lambda: rig.outlet.waiting == 1)
        await rig.open(0)
        rig.outlet.confirms.set()
        rig.accept(rows(0, 1))
        await rig.wait_until_acknowledged(1)
        assert ids(rig.outlet.to(OUTPUT)) == ["r0"]


@pytest.mark.parametrize("while_committing", [False, True])
async def test_a_partition_whose_transaction_is_in_doubt_is_to_be_opened_anew_and_the_worker_lives(
    while_committing: bool,
):
    outlet = Outlet()
    async with Rig(NumpyModel(), outlet) as rig:
        if while_committing:
            outlet.commit_fails = ProducerLost("no answer")
        else:
            outlet.fails = lambda topic, partition: partition == 0
            outlet.failure = ProducerLost("no answer")
        rig.accept(rows(0, 1), rows(1, 2))
        await rig.wait_for(lambda: bool(rig.lost))
        assert (rig.lost, rig.fenced, rig.failures, rig.acknowledged) == ([TP(TOPIC, 0)], [], [], [])
        outlet.commit_fails, outlet.fails = None, lambda topic, partition: False
        outlet.confirmed.clear()
        await rig.open(0, epoch=1)
        # What was fetched before is not published any more; the same records come again.
        rig.accept(rows(2, 3))
        again = rows(0, 1, 2, 3)
        again.epoch = 1
        rig.accept(again)
        await rig.wait_until_acknowledged(1)
        assert rig.acknowledged == [again]
        assert ids(outlet.to(OUTPUT)) == ["r0", "r1", "r2"]


async def test_a_partition_that_somebody_else_has_opened_is_let_go_and_the_worker_lives():
    outlet = Outlet()
    async with Rig(NumpyModel(), outlet) as rig:
        outlet.commit_fails = ProducerFenced("somebody else")
        rig.accept(rows(0, 1))
        await rig.wait_for(lambda: bool(rig.fenced))
        assert (rig.lost, rig.fenced, rig.failures, rig.acknowledged) == ([], [TP(TOPIC, 0)], [], [])


async def test_results_of_an_earlier_epoch_are_never_published():
    gate = Gate(NumpyModel())
    async with Rig(gate, Outlet()) as rig:
        rig.accept(rows(0, 1))
        await rig.wait_for(lambda: len(gate.columns) == 1)
        await rig.open(0, epoch=1)
        gate.opened.set()
        rig.accept(rows(1, 2))
        again = rows(0, 3)
        again.epoch = 1
        rig.accept(again)
        await rig.wait_until_acknowledged(1)
        assert (rig.acknowledged, ids(rig.outlet.to(OUTPUT))) == ([again], ["r0"])


async def test_a_way_out_that_cannot_be_made_ready_is_closed_and_nothing_is_taken_for_it():
    outlet = Outlet()
    async with Rig(NumpyModel(), outlet) as rig:
        outlet.opening_fails = ProducerLost("no broker")
        closed = outlet.closed
        with pytest.raises(ProducerLost):
            await rig.open(0, epoch=1)
        assert outlet.closed == closed + 2, "the old way out and the new one"
        again = rows(0, 1)
        again.epoch = 1
        rig.accept(again, rows(0, 1, partition=1))
        await rig.wait_until_acknowledged(1)
        assert [each.tp.partition for each in rig.acknowledged] == [1]


async def test_every_record_is_counted_once_when_it_is_confirmed():
    async with Rig(NumpyModel(poison=POISON), Outlet()) as rig:
        rig.outlet.confirms.clear()
        rig.accept(rows(0, 1, POISON), chunk(record(2, b"no"), record(3, row("r3", 1, 2, 3, 4))))
        await rig.wait_for(lambda: rig.outlet.waiting == 1)
        found = samples(rig.metrics)
        assert found["streamrank_records_consumed_total", "0", TOPIC] == 4
        assert found["streamrank_records_total", "published"] == 0
        rig.outlet.confirms.set()
        await rig.wait_until_acknowledged(2)
        found = samples(rig.metrics)
        assert found["streamrank_records_total", "published"] == 2
        assert found["streamrank_records_total", "dead_lettered"] == 2
        assert found["streamrank_dead_letters_total", "model_error", "predict"] == 1
        assert found["streamrank_end_to_end_seconds_count",] == 4
        for stage in ("decode", "encode", "publish"):
            assert found["streamrank_stage_seconds_count", stage] >= 1
        before = found["streamrank_rebalances_total",]
        rig.pipeline.rebalanced()
        assert samples(rig.metrics)["streamrank_rebalances_total",] == before + 1


class Gate:
    """A predictor whose first call waits until told to go on, and which remembers the columns of every call."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner
        self.opened = threading.Event()
        self.columns: list[Columns] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def predict(self, columns: Columns) -> TopK:
        self.columns.append(columns)
        assert self.opened.wait(30)
        return self._inner.predict(columns)


async def test_published_scores_are_those_of_the_model_for_the_merged_batch_to_the_last_bit(mlp: Predictor):
    print("seed: 8")
    features = np.random.default_rng(8).random((100, 32), dtype=np.float32)
    records = [
        record(place // 2, row(f"{place}", *map(float, each)), partition=place % 2)
        for place, each in enumerate(features)
    ]
    gate = Gate(mlp)
    async with Rig(gate, Outlet()) as rig:
        for start in range(0, 50, 10):
            rig.accept(*(chunk(*records[partition::2][start : start + 10]) for partition in (0, 1)))
        await rig.wait_for(lambda: len(gate.columns) == 1)
        gate.opened.set()
        await rig.wait_until_acknowledged(10)
        answers = {json.loads(each.value)["id"]: json.loads(each.value) for each in rig.outlet.to(OUTPUT)}
    assert [len(each["features"]) for each in gate.columns] == [64, 36]
    places = {each.tobytes(): place for place, each in enumerate(features)}
    for columns in gate.columns:
        expected = mlp.predict(columns)
        for place, each in enumerate(columns["features"]):
            entries = answers.pop(str(places[each.tobytes()]))["predictions"]
            got = np.array([entry["score"] for entry in entries], dtype=np.float32)
            assert got.tobytes() == expected.scores[place].tobytes()
            assert [int(entry["label"]) for entry in entries] == expected.indices[place].tolist()
    assert answers == {}


@settings(max_examples=60, deadline=None)
@given(
    dice=st.randoms(use_true_random=True),
    max_size=st.integers(1, 9),
    in_flight=st.integers(1, 3),
    aligned=st.booleans(),
)
def test_whatever_the_batches_records_leave_in_order_and_no_one_is_lost_or_doubled(
    dice: random.Random, max_size: int, in_flight: int, aligned: bool
):
    model = NumpyModel(poison=POISON)

    def some_record(offset: int, partition: int) -> Any:
        name = f"{partition}-{offset}"
        features = [dice.choice([POISON, 1.0, 2.0, 3.0]), 0, 0, 0]
        value = row(name, *features) if dice.random() < 0.8 else b"broken"
        # One key a partition, so that its records stay together whatever the number of partitions.
        return record(offset, value, partition=partition, key=b"key-%d" % partition)

    async def scenario() -> None:
        outlet = Outlet(partitions=2 if aligned else 3)
        outlet.refuses = lambda topic, each: topic == OUTPUT and dict(each.headers)["source-offset"].endswith(b"3")
        async with Rig(model, outlet, max_size=max_size, max_in_flight=in_flight) as rig:
            chunks = []
            for partition in (0, 1):
                offset = 0
                for length in [dice.randint(1, 6) for _ in range(dice.randint(1, 8))]:
                    chunks.append(chunk(*(some_record(offset + place, partition) for place in range(length))))
                    offset += length
            dice.shuffle(chunks)
            for each in sorted(chunks, key=lambda each: each.start):
                rig.accept(each)
                if dice.random() < 0.5:
                    await asyncio.sleep(0.001 * dice.random())
            assert await rig.pipeline.partitions_revoked()
            assert rig.failures == []
            check(rig, chunks)

    def check(rig: Rig, chunks: list[Chunk]) -> None:
        for partition in (0, 1):
            mine = [each for each in chunks if each.tp.partition == partition]
            acknowledged = [each.start for each in rig.acknowledged if each.tp.partition == partition]
            assert acknowledged == sorted(each.start for each in mine)
            wanted = sorted(each.offset for taken in mine for each in taken)
            by_topic = {topic: offsets(rig.outlet.to(topic), partition) for topic in (OUTPUT, DEAD_LETTERS)}
            assert by_topic[OUTPUT] == sorted(by_topic[OUTPUT])
            assert sorted(by_topic[OUTPUT] + by_topic[DEAD_LETTERS]) == wanted

    def offsets(records: Sequence[Outgoing], partition: int) -> list[int]:
        headers = [dict(each.headers) for each in records]
        return [int(each["source-offset"]) for each in headers if each["source-partition"] == b"%d" % partition]

    asyncio.run(scenario())


async def test_on_a_real_broker_chunks_end_in_the_output_and_the_dead_letter_topic(topics: Topics):
    client = Client([topics.client.bootstrap_servers])
    await client.start()
    await client.watch([topics.input, topics.output, topics.dead_letters])
    rig = Rig(
        NumpyModel(poison=POISON),
        Outlet(),
        producer=IdempotentProducer(client),
        router=Router(client.partition_count, topics.input),
        output_topic=topics.output,
        dead_letter_topic=topics.dead_letters,
    )
    async with rig:
        for start in range(0, 40, 4):
            rig.accept(rows(start, 1, POISON, 2, 3), rows(start, 4, 5, 6, POISON, partition=1))
        await rig.wait_until_acknowledged(20)
    await client.stop()
    outputs = await asyncio.to_thread(topics.client.read_all, topics.output)
    letters = await asyncio.to_thread(topics.client.read_all, topics.dead_letters)
    for partition, poisoned in ((0, 1), (1, 3)):
        names = [f"r{place}" for place in range(40)]
        bad = names[poisoned::4]
        assert ids([each for each in outputs if each.partition == partition]) == [
            each for each in names if each not in bad
        ]
        assert ids([each for each in letters if each.partition == partition]) == bad
    assert all(isinstance(each, Record) and each.key for each in outputs)
