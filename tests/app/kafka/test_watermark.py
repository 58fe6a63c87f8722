"""Commits follow the unbroken run of acknowledged chunks, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ChunkLost
from app.kafka.chunk import Chunk
from app.kafka.in_flight import InFlight
from app.kafka.watermark import Watermark
from tests.app.chunks import TIMESTAMP, chunk, record, run_of


def filled(*chunks: Chunk, position: int = 0) -> Watermark:
    watermark = Watermark(position)
    for each in chunks:
        watermark.fetched(each)
    return watermark


def test_nothing_is_committable_before_the_first_chunk_is_acknowledged():
    first, second = run_of(0, 3), run_of(3, 2)
    watermark = filled(first, second)
    second.acknowledged = True
    assert watermark.committable() is None
    first.acknowledged = True
    assert watermark.committable() == 5


def test_a_commit_frees_what_lies_below_it_and_no_more():
    first, second = run_of(0, 3), run_of(3, 2)
    watermark = filled(first, second)
    first.acknowledged = True
    assert (watermark.records, watermark.nbytes) == (5, 10)
    assert watermark.committed(3) == (3, 6)
    assert (len(watermark), watermark.records, watermark.nbytes) == (1, 2, 4)
    assert watermark.committed(3) == (0, 0)


def test_a_commit_within_a_chunk_frees_nothing_of_it():
    assert filled(run_of(0, 3)).committed(2) == (0, 0)


def test_a_span_without_records_is_committed_past_once_all_before_it_is_acknowledged():
    first, markers = run_of(0, 3), chunk(start=3, end=5)
    markers.acknowledged = True
    watermark = filled(first, markers)
    assert watermark.committable() is None
    first.acknowledged = True
    assert watermark.committable() == 5
    assert watermark.committed(5) == (3, 6)


def test_the_oldest_timestamp_is_that_of_the_first_record_that_is_not_committed():
    first = chunk(record(0, timestamp=TIMESTAMP + 5), record(1, timestamp=TIMESTAMP))
    markers, second = chunk(start=2, end=4), chunk(record(4, timestamp=TIMESTAMP + 9))
    watermark = filled(first, markers, second)
    first.acknowledged = True
    assert watermark.oldest_timestamp == TIMESTAMP + 5
    watermark.committed(2)
    assert watermark.oldest_timestamp == TIMESTAMP + 9
    watermark.committed(5)
    assert watermark.oldest_timestamp is None


@pytest.mark.parametrize("start", [2, 4], ids=["again", "too far"])
def test_a_chunk_that_does_not_join_the_one_before_it_is_an_error_that_names_both_offsets(start: int):
    watermark = filled(run_of(0, 3))
    with pytest.raises(ChunkLost, match=rf"in\[0\]: fetched offset {start}, but 3 is next"):
        watermark.fetched(run_of(start, 2))
    assert watermark.records == 3


def test_the_first_chunk_must_begin_at_the_committed_offset():
    with pytest.raises(ChunkLost, match="fetched offset 6, but 5 is next"):
        filled(run_of(6, 1), position=5)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fetch"), st.integers(0, 4), st.integers(0, 2)),
        st.tuples(st.just("acknowledge"), st.integers(0, 30), st.just(0)),
        st.tuples(st.sampled_from(["begin commit", "end commit", "fail commit", "revoke"]), st.just(0), st.just(0)),
    ),
    max_size=60,
)


class Books:
    """A partition's watermark and what is in flight, beside a plain record of what was really done."""

    def __init__(self, position: int) -> None:
        self.watermark, self.in_flight = Watermark(position), InFlight(10**6, 10**9)
        self.fetched: list[Chunk] = []
        self.stale: list[Chunk] = []
        self.committed = self.end = position
        self.under_way: int | None = None

    def fetch(self, count: int, gap: int) -> None:
        if count + gap:
            start, stop = self.end, self.end + count + gap
            taken = chunk(*(record(start + place) for place in range(count)), start=start, end=stop)
            self.fetched.append(taken)
            self.watermark.fetched(taken)
            self.in_flight.add(len(taken), taken.nbytes)
            self.end = stop

    def acknowledge(self, number: int) -> None:
        """Of what is in flight, or of what was dropped at a revocation and finishes all the same."""
        everything = self.fetched + self.stale
        if number < len(everything):
            everything[number].acknowledged = True

    def begin_commit(self) -> None:
        if self.under_way is None:
            self.under_way = self.watermark.committable()

    def end_commit(self) -> None:
        if self.under_way is not None:
            offset, self.under_way = self.under_way, None
            assert offset > self.committed
            assert all(each.acknowledged for each in self.fetched if each.start < offset)
            self.in_flight.remove(*self.watermark.committed(offset))
            self.committed = offset

    def revoke(self) -> None:
        """Drop all that is in flight, and begin again from what is committed, as `Consumer._open` does."""
        self.in_flight.remove(self.watermark.records, self.watermark.nbytes)
        self.stale += self.fetched
        self.fetched, self.under_way, self.end = [], None, self.committed
        self.watermark = Watermark(self.committed, self.watermark.epoch + 1)

    def check(self) -> None:
        left = [each for each in self.fetched if each.end > self.committed]
        assert self.in_flight.records == sum(len(each) for each in left) == self.watermark.records
        assert self.in_flight.nbytes == sum(each.nbytes for each in left) == self.watermark.nbytes
        assert self.watermark.unacknowledged == sum(len(each) for each in left if not each.acknowledged)
        assert self.watermark.position == self.end


@settings(max_examples=3000, deadline=None)
@given(steps=STEPS, position=st.sampled_from([0, 1000]))
def test_commits_never_pass_an_unacknowledged_record_and_what_is_in_flight_adds_up(
    steps: list[tuple[str, int, int]], position: int
):
    books = Books(position)
    for step, number, gap in steps:
        match step:
            case "fetch":
                books.fetch(number, gap)
            case "acknowledge":
                books.acknowledge(number)
            case "begin commit":
                books.begin_commit()
            case "end commit":
                books.end_commit()
            case "fail commit":
                books.under_way = None
            case "revoke":
                books.revoke()
        books.check()
    books.end_commit()
    for each in books.fetched:
        each.acknowledged = True
    books.begin_commit()
    books.end_commit()
    books.check()
    assert books.committed == books.end
    assert (len(books.watermark), books.watermark.committable()) == (0, None)
