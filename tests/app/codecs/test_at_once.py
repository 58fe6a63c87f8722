"""Many values parsed in one call: each is what it would be alone, or all are in doubt."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.codecs.at_once import AtOnce
from app.codecs.fast import DOUBTS


class Lap(msgspec.Struct):
    """What the values are."""

    lap: int
    more: object = None


LAPS = AtOnce(Lap, max_bytes=100)
ALONE = msgspec.json.Decoder(Lap).decode
PIECES = [
    b'{"lap":1}',
    b' {"lap":2,"more":["\xc3\xbc"]} ',
    b'{"lap":3,"more":[1',
    b"2]}",
    b'{"lap":4},{"lap":5}',
    b'{"lap":6,"more":"',
    b'"}',
    b"7",
    b"null",
    b"",
    b" ",
    b"]",
    b"[",
    b',{"lap":8}',
    b'{"lap":"9"}',
    b'{"lap":1,"more":"\xff"}',
    b'{"lap":1,"more":"\xc3',
    None,
    b'{"lap":1,"more":"%b"}' % (b"x" * 100),
]


def test_each_value_is_what_it_would_be_alone():
    values = [b'{"lap":%d,"more":"\xc3\xbc"}' % lap for lap in range(5)]
    assert LAPS.parse(values) == [ALONE(value) for value in values]
    assert LAPS.parse([]) == []
    assert LAPS.parse(values[:1]) == [ALONE(values[0])]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6))
@example([b'{"lap":3,"more":[1', b"2]}", b'{"lap":4},{"lap":5}'])
@example([b'{"lap":6,"more":"', b'"}', b'{"lap":4},7,{"lap":5}'])
def test_it_is_in_doubt_where_one_of_them_would_be_alone(values: list[bytes | None]):
    try:
        alone = [_alone(value) for value in values]
    except DOUBTS:
        with pytest.raises(DOUBTS):
            LAPS.parse(values)
    else:
        assert LAPS.parse(values) == alone


def _alone(value: bytes | None) -> Lap:
    if value is None or len(value) > 100:
        raise ValueError("missing or too long")
    value.decode()
    return ALONE(value)
