import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lines import LineRecord, blocks


def test_lines_are_numbered_from_1_and_blank_ones_left_out() -> None:
    first, second = blocks(io.BytesIO(b'{"a":1}\n\n  \r\n{"b":2}\r\nlast'), 10, 100)
    assert first.records == [LineRecord(1, b'{"a":1}'), LineRecord(4, b'{"b":2}')]
    assert second.records == [LineRecord(5, b"last")]
    assert second.end == 26


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n \n"])
def test_nothing_is_no_record(content: bytes) -> None:
    assert [record for block in blocks(io.BytesIO(content), 10, 100) for record in block.records] == []


class Slow(io.BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self._step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._step)


@given(st.lists(st.binary(max_size=8)), st.integers(1, 9), st.integers(1, 4))
def test_however_it_comes_the_lines_are_those_of_the_whole(parts: list[bytes], step: int, most: int) -> None:
    content = b"\n".join(parts)
    found = [record for block in blocks(Slow(content, step), most, 100) for record in block.records]
    assert all(len(block.records) <= most for block in blocks(Slow(content, step), most, 100))
    lines = content.split(b"\n")
    assert found == [LineRecord(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]


def test_what_is_there_does_not_wait_for_more() -> None:
    here, there = os.pipe()
    with open(here, "rb", buffering=0) as source, open(there, "wb", buffering=0) as sink:
        sink.write(b"one\ntw")
        reading = blocks(source, 10, 100)
        assert next(reading).records == [LineRecord(1, b"one")]
        sink.write(b"o\n")
        assert next(reading).records == [LineRecord(2, b"two")]


@pytest.mark.parametrize("step", [1, 3, 100])
def test_of_a_line_that_is_too_long_only_the_beginning_is_kept(step: int) -> None:
    found = [record for block in blocks(Slow(b"abcdefgh\nij\nklmnopq", step), 9, 4) for record in block.records]
    assert found == [LineRecord(1, b"abcde"), LineRecord(2, b"ij"), LineRecord(3, b"klmno")]
