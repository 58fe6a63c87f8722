"""What counts as lost, duplicated and out of order, and whom it is laid to."""

from tests.chaos.verdict import ZOMBIE_SECONDS, Copy, Crash, Source, judge

INPUTS = [Source(0, offset) for offset in range(5)]


def copy(offset: int, at: float | None = None, *, place: int | None = None, writer: str = "a", **changes) -> Copy:
    """The answer to record *offset* of partition 0, which lies at *place* of the output since *at*."""
    lies = offset if place is None else place
    fields = {"topic": "out", "partition": 0, "offset": lies, "at": float(lies) if at is None else at, "writer": writer}
    return Copy(**{"source": Source(0, offset), **fields, **changes})


def all_but(*offsets: int) -> list[Copy]:
    return [copy(each.offset) for each in INPUTS if each.offset not in offsets]


def test_one_answer_for_each_record_in_order_is_all_well():
    verdict = judge(INPUTS, all_but())
    assert (verdict.records, verdict.lost, verdict.stray, verdict.duplicates) == (5, [], [], 0)
    assert (verdict.unexplained, verdict.out_of_order, verdict.apart) == ([], [], [])


def test_a_record_without_an_answer_in_either_topic_is_lost():
    letter = copy(3, topic="letters")
    assert judge(INPUTS, [*all_but(1, 3), letter]).lost == [Source(0, 1)]


def test_an_answer_to_a_record_that_does_not_exist_is_stray():
    strays = [copy(1, source=Source(1, 1)), copy(7)]
    assert judge(INPUTS, [*all_but(), *strays]).stray == strays


def test_a_second_answer_is_a_duplicate_also_in_the_other_topic():
    again = copy(2, place=9)
    verdict = judge(INPUTS, [*all_but(), again, copy(3, at=20, topic="letters")])
    assert verdict.duplicates == 2
    assert {each.source.offset for each in verdict.unexplained} == {2, 3}


def test_a_duplicate_is_laid_to_the_crash_of_a_worker_that_had_written_the_record_before():
    crash = Crash("a", at=5, until=5)
    verdict = judge(INPUTS, [*all_but(), copy(2, place=9, writer="b")], [crash])
    assert (verdict.duplicates, verdict.unexplained, verdict.by_crash) == (1, [], {crash: 1})


def test_a_crash_of_somebody_else_explains_nothing():
    verdict = judge(INPUTS, [*all_but(), copy(2, place=9, writer="b")], [Crash("c", at=5, until=5)])
    assert len(verdict.unexplained) == 1


def test_a_crash_after_the_duplicate_explains_nothing():
    verdict = judge(INPUTS, [*all_but(), copy(2, place=9, writer="b")], [Crash("a", at=10, until=10)])
    assert len(verdict.unexplained) == 1


def test_one_copy_of_a_crashed_worker_explains_one_duplicate():
    again = [copy(2, place=9, writer="b"), copy(2, place=10, writer="c")]
    verdict = judge(INPUTS, [*all_but(), *again], [Crash("a", at=5, until=5)])
    assert (verdict.duplicates, len(verdict.unexplained), verdict.most_after_one_crash) == (2, 1, 1)


def test_what_was_committed_before_the_crash_may_not_come_again():
    crash = Crash("a", at=5, until=5, committed={0: 3, 1: 0})
    again = [copy(2, place=9, writer="b"), copy(3, place=10, writer="b")]
    verdict = judge(INPUTS, [*all_but(), *again], [crash])
    assert (verdict.unexplained, verdict.by_crash) == ([again[0]], {crash: 1})


def test_what_a_zombie_writes_when_it_is_back_is_explained_for_a_while():
    crash = Crash("z", at=1, until=6)
    soon = [copy(2, place=9, at=7, writer="z")]
    late = [copy(2, place=9, at=7 + ZOMBIE_SECONDS, writer="z")]
    assert judge(INPUTS, [*all_but(), *soon], [crash]).unexplained == []
    assert judge(INPUTS, [*all_but(), *late], [crash]).unexplained == late


def test_each_duplicate_is_laid_to_the_latest_crash_that_may_be_guilty():
    crashes = [Crash("a", at=3, until=8), Crash("a", at=6, until=6), Crash("a", at=50, until=50)]
    verdict = judge(INPUTS, [*all_but(), copy(2, place=9), copy(3, place=10)], crashes)
    assert (verdict.by_crash, verdict.most_after_one_crash) == ({crashes[1]: 2}, 2)


def test_what_is_answered_in_two_topics_may_be_in_order_in_either():
    copies = [*all_but(1), copy(1, place=9), copy(1, at=0.5, topic="letters")]
    verdict = judge(INPUTS, copies)
    assert (verdict.out_of_order, verdict.duplicates) == ([], 1)


def test_an_answer_behind_that_of_a_later_record_is_out_of_order():
    swapped = [copy(2, place=3), copy(3, place=2)]
    assert judge(INPUTS, [*all_but(2, 3), *swapped]).out_of_order == [swapped[0]]


def test_order_is_judged_by_first_answers():
    again = [copy(1, place=9), copy(0, place=10)]
    assert judge(INPUTS, [*all_but(), *again]).out_of_order == []


def test_order_is_judged_within_a_topic_and_within_a_partition_of_the_input():
    inputs = [*INPUTS, Source(1, 0), Source(1, 1)]
    others = [copy(0, place=20 + each, source=Source(1, each)) for each in range(2)]
    letters = [copy(1, at=0.5, place=0, topic="letters")]
    assert judge(inputs, [*all_but(1), *letters, *others]).out_of_order == []


def test_disorder_that_a_frozen_worker_had_in_its_hands_is_counted_apart():
    swapped = [copy(2, place=3), copy(3, place=2, writer="z")]
    copies = [*all_but(2, 3), *swapped]
    frozen = judge(INPUTS, copies, [Crash("z", at=1, until=2, frozen=True)])
    assert (frozen.out_of_order, frozen.apart) == ([], [swapped[0]])
    for crash in (Crash("z", at=1, until=2), Crash("z", at=30, until=31, frozen=True)):
        assert judge(INPUTS, copies, [crash]).out_of_order == [swapped[0]]
