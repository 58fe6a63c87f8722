"""What a chunk knows of itself."""

from tests.app.chunks import run_of


def test_a_chunk_holds_its_records_and_is_not_acknowledged_yet():
    taken = run_of(5, 3)
    assert [record.offset for record in taken] == [5, 6, 7]
    assert (taken.start, taken.end, taken.acknowledged) == (5, 8, False)


def test_chunks_of_equal_records_are_two_chunks():
    one, other = run_of(0, 2), run_of(0, 2)
    assert list(one) == list(other)
    assert one != other
    assert [one, other].index(other) == 1
    assert len({one, other, one}) == 2
