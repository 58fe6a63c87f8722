"""What is kept of published records while somebody watches."""

from app.errors import Reason, RejectedRecord
from app.live.newest import MOST, PER_PARTITION, Newest
from tests.app.chunks import chunk, record, run_of


def publish(newest: Newest, partition: int, start: int = 0, count: int = 1) -> None:
    newest.published(run_of(start, count, partition=partition), [b"%d" % place for place in range(count)])


def test_while_nobody_watches_nothing_is_kept_nor_looked_at():
    newest = Newest()
    newest.published(run_of(0, 3), None)  # type: ignore[arg-type]  # it would be an error to look
    newest.begin()
    assert newest.take() == []
    publish(newest, 0)
    newest.end()
    assert newest.take() == []


def test_of_a_partition_the_newest_are_kept_until_they_are_taken():
    newest = Newest()
    newest.begin()
    publish(newest, 0, 0, 500)
    publish(newest, 0, 500, 3)
    taken = newest.take()
    assert [each.offset for each in taken] == [*range(500 - PER_PARTITION + 3, 503)]
    assert [each.ranking for each in taken[-3:]] == [b"0", b"1", b"2"]
    assert newest.take() == []


def test_of_many_partitions_those_are_kept_that_were_heard_of_last():
    newest = Newest()
    newest.begin()
    for partition in range(100):
        publish(newest, partition, count=PER_PARTITION)
    publish(newest, 92, 100)
    publish(newest, 200)
    taken = newest.take()
    assert len(taken) <= MOST
    assert {each.tp.partition for each in taken} == {92, 94, 95, 96, 97, 98, 99, 200}


def test_refused_records_are_not_among_them_and_those_without_a_ranking_of_their_own_are():
    newest = Newest()
    newest.begin()
    outcomes = [RejectedRecord(Reason.EMPTY, ""), b"ranking", None]
    newest.published(chunk(record(0), record(1, b"1"), record(2, b"2")), outcomes)  # type: ignore[arg-type]
    assert [(each.record, each.ranking) for each in newest.take()] == [(b"1", b"ranking"), (b"2", None)]
