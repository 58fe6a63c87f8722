"""The ledger beside an oracle that does the same with lists, one offset at a time."""

import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.book import Account, Span
from app.audit.ledger import Ledger
from app.audit.ranges import Ranges
from tests.app.audit.test_ranges import runs

Naming = tuple[int, int]


def array(numbers: Sequence[int]) -> np.ndarray:
    return np.array(numbers, np.int64)


@dataclass
class Case:
    """Two input partitions, of which some offsets hold records, and what output partitions name, in pieces as read."""

    spans: dict[int, Span]
    records: dict[int, set[int]]
    places: list[list[list[Naming]]]
    deleted: int
    holes: bool


@st.composite
def cases(draw: st.DrawFn) -> Case:
    spans = {}
    records = {}
    for partition in (0, 3):
        start, looked_at, rest = draw(st.integers(0, 5)), draw(st.integers(0, 12)), draw(st.integers(0, 3))
        spans[partition] = Span(start, start + looked_at, start + looked_at + rest)
        records[partition] = draw(st.sets(st.integers(start, start + looked_at + rest)))
    naming = st.tuples(st.sampled_from([0, 0, 3, 7]), st.integers(0, 22))
    places = draw(st.lists(st.lists(st.lists(naming, max_size=20), max_size=4), max_size=3))
    return Case(spans, records, places, draw(st.integers(0, 4)), draw(st.booleans()))


@dataclass
class Expected:
    records: set[int] = field(default_factory=set)
    named: Counter[int] = field(default_factory=Counter)
    foreign: set[int] = field(default_factory=set)
    earlier: int = 0
    later: int = 0
    places: dict[int, set[int]] = field(default_factory=dict)
    disordered: dict[str, set[int]] = field(default_factory=dict)


def oracle(case: Case) -> dict[int, Expected]:
    books = {partition: Expected() for partition in case.spans}
    for partition, span in case.spans.items():
        books[partition].records = {offset for offset in case.records[partition] if span.start <= offset < span.stop}
    for number, pieces in enumerate(case.places):
        firsts: dict[int, list[int]] = {}
        for partition, offset in (naming for piece in pieces for naming in piece):
            book = books.setdefault(partition, Expected())
            if offset in book.records:
                book.named[offset] += 1
                book.places.setdefault(offset, set()).add(number)
                if offset not in firsts.setdefault(partition, []):
                    if any(earlier > offset for earlier in firsts[partition]):
                        book.disordered.setdefault(f"out[{number}]", set()).add(offset)
                    firsts[partition].append(offset)
            else:
                sort_out(book, case, case.spans.get(partition, Span(0, 0, 0)), partition, offset)
    for partition, book in books.items():
        if partition != 7:
            book.records -= {each for each in book.records if each < case.deleted and each not in book.named}
        spread = {each for each, places in book.places.items() if len(places) > 1}
        book.disordered = {place: late - spread for place, late in book.disordered.items() if late - spread}
    return books


def sort_out(book: Expected, case: Case, span: Span, partition: int, offset: int) -> None:
    below = span.start if partition == 7 else max(span.start, case.deleted)
    if offset < below or (case.holes and partition != 7 and span.start <= offset < span.stop):
        book.earlier += 1
    elif span.stop <= offset < span.end:
        book.later += 1
    else:
        book.foreign.add(offset)


def accounts(case: Case) -> dict[int, Account]:
    ledger = Ledger(case.spans, holes=case.holes)
    for partition, offsets in case.records.items():
        ledger.record(partition, array(list(offsets)))
    for number, pieces in enumerate(case.places):
        place = ledger.place(f"out[{number}]")
        for piece in pieces:
            place.answer(array([partition for partition, _ in piece]), array([offset for _, offset in piece]))
    for partition in case.spans:
        ledger.delete(partition, case.deleted)
    return ledger.accounts()


@given(cases())
def test_it_says_what_the_oracle_says(case: Case):
    expected = oracle(case)
    found = accounts(case)
    assert found.keys() == expected.keys()
    for partition, account in found.items():
        book = expected[partition]
        assert account.span == case.spans.get(partition, Span(0, 0, 0))
        assert account.records == len(book.records)
        assert account.answered == len(book.named)
        assert list(account.missing) == runs(book.records - book.named.keys())
        assert list(account.duplicated) == runs({offset for offset, times in book.named.items() if times > 1})
        assert account.repeats == sum(book.named.values()) - len(book.named)
        assert list(account.foreign) == runs(book.foreign)
        assert (account.earlier, account.later) == (book.earlier, book.later)
        assert {place: list(late) for place, late in account.disordered.items()} == {
            place: runs(offsets) for place, offsets in book.disordered.items()
        }


def of(answers: Sequence[int], records: Sequence[int] = range(10)) -> Account:
    """What is said of an input partition with *records* when one output partition has *answers*."""
    ledger = Ledger({0: Span(0, 10, 10)})
    ledger.record(0, array(records))
    ledger.place("out[0]").answer(np.zeros(len(answers), np.int64), array(answers))
    return ledger.accounts()[0]


@pytest.mark.parametrize(
    ("answers", "late"),
    [
        ([5, 6, 7, 5, 6, 7, 8], []),
        ([5, 7, 6], [6]),
        ([5, 7, 5, 6], [6]),
        ([9, 1, 2, 3], [1, 2, 3]),
        ([7, 7, 6, 6], [6]),
    ],
)
def test_order_is_that_of_first_occurrences(answers: list[int], late: list[int]):
    assert of(answers).disordered == ({"out[0]": Ranges.of(array(late))} if late else {})


def test_a_record_that_is_both_ranked_and_dead_lettered_is_answered_twice_and_in_order():
    ledger = Ledger({0: Span(0, 3, 3)})
    ledger.record(0, array([0, 1, 2]))
    ledger.place("out[0]").answer(array([0, 0, 0]), array([0, 1, 2]))
    ledger.place("dead[0]").answer(array([0]), array([0]))
    account = ledger.accounts()[0]
    assert (list(account.duplicated), account.repeats, account.disordered) == ([(0, 0)], 1, {})


def test_what_two_places_answer_may_be_in_order_in_either():
    ledger = Ledger({0: Span(0, 5, 5)})
    ledger.record(0, array([0, 1, 2, 3, 4]))
    ledger.place("out[0]").answer(np.zeros(5, np.int64), array([0, 2, 3, 1, 4]))
    ledger.place("dead[0]").answer(array([0]), array([1]))
    assert ledger.accounts()[0].disordered == {}


def test_what_an_aborted_transaction_or_its_marker_left_is_no_record_and_naming_it_is_foreign():
    account = of([0, 1, 2, 3], records=[0, 1, 3])
    assert (list(account.foreign), account.records, account.answered) == ([(2, 2)], 3, 3)


def test_what_is_deleted_beyond_what_was_looked_at_counts_as_earlier_and_not_as_later():
    ledger = Ledger({0: Span(0, 2, 9)})
    ledger.delete(0, 5)
    ledger.place("out[0]").answer(array([0, 0, 0]), array([1, 4, 7]))
    account = ledger.accounts()[0]
    assert (account.earlier, account.later, account.foreign.count) == (2, 1, 0)


def test_records_that_are_told_too_late_are_refused():
    ledger = Ledger({0: Span(0, 3, 3)})
    ledger.place("out[0]")
    with pytest.raises(ValueError, match="before the first answer"):
        ledger.record(0, array([1]))


def test_an_offset_takes_a_byte():
    count, piece = 5_000_000, 10_000
    tracemalloc.start()
    ledger = Ledger({0: Span(0, count, count)})
    for start in range(0, count, piece):
        ledger.record(0, np.arange(start, start + piece))
    place = ledger.place("out[0]")
    for start in range(0, count - piece, piece):
        place.answer(np.zeros(piece, np.int64), np.arange(start, start + piece))
    account = ledger.accounts()[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(account.missing) == [(count - piece, count - 1)]
    assert peak < 3 * count + 20_000_000


def test_an_answer_that_stands_for_others_answers_them_in_any_order_and_twice_is_twice():
    ledger = Ledger({0: Span(2, 12, 12)})
    ledger.record(0, array([*range(2, 12)]))
    place = ledger.place("out[0]")
    place.answer(array([0, 0, 0]), array([5, 8, 11]))
    place.stand_for(0, range(2, 5))
    place.stand_for(0, range(6, 8))
    place.stand_for(0, range(10, 14))
    place.stand_for(0, range(6, 7))
    account = ledger.accounts()[0]
    assert list(account.missing) == [(9, 9)]
    assert list(account.duplicated) == [(6, 6), (11, 11)]
    assert account.repeats == 2
    assert list(account.foreign) == [(13, 13)]
    assert account.disordered == {}


def test_an_answer_may_name_any_number_of_offsets_without_taking_memory():
    ledger = Ledger({0: Span(0, 3, 3)})
    ledger.record(0, array([0, 1, 2]))
    ledger.place("out[0]").stand_for(0, range(1, 10**17))
    account = ledger.accounts()[0]
    assert list(account.missing) == [(0, 0)]
    assert list(account.foreign) == [(10**17 - 1, 10**17 - 1)]
