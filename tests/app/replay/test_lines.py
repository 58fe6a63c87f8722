import io

import pytest

from app.replay import lines
from app.replay.lines import LineRefused, of_lines
from app.replay.recorded import Recorded


def read(content: bytes, key: str | None = None, time: str | None = None) -> list[Recorded]:
    return [recorded for some in of_lines(io.BytesIO(content), key, time) for recorded in some]


def test_a_line_is_a_value_as_it_is() -> None:
    found = read(b'{"a": 1}\n\nno JSON at all\n')
    assert [(each.at_ms, each.partition, each.record.key, each.record.value) for each in found] == [
        (None, None, None, b'{"a": 1}'),
        (None, None, None, b"no JSON at all"),
    ]


def test_its_fields_may_say_its_key_and_its_time() -> None:
    content = b"""{"race": {"id": "r-7"}, "at": 12.5}
{"race": {"id": 8}, "at": 1700000000000}
{"race": {"id": "\\u00e4"}, "at": "2023-11-14T22:13:20.250Z"}
"""
    found = read(content, "race.id", "at")
    assert [(each.record.key, each.at_ms) for each in found] == [
        (b"r-7", 12_500),
        (b"8", 1_700_000_000_000),
        ("ä".encode(), 1_700_000_000_250),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 2: no JSON: "),
        (b"[1]", "line 2: there is no field 'race'"),
        (b'{"at": 1}', "line 2: there is no field 'race'"),
        (b'{"race": null, "at": 1}', "line 2: 'race' is null; a key is text or a whole number"),
        (b'{"race": true, "at": 1}', "line 2: 'race' is true; a key is text or a whole number"),
        (b'{"race": 1, "at": "now"}', "line 2: 'at' is \"now\"; expected a number, or a time in RFC 3339"),
        (b'{"race": 1, "at": []}', "line 2: 'at' is []; expected a number"),
        (b'{"race": 1, "at": NaN}', "line 2: 'at' is NaN; expected a number"),
        (b'{"race": 1, "at": 1e400}', "line 2: 'at' is Infinity; expected a number"),
        (b'{"race": 1, "at": 1' + b"0" * 400 + b"}", "line 2: 'at' is 1000"),
    ],
)
def test_what_is_not_as_it_is_said_to_be_ends_it_after_what_came_before(line: bytes, message: str) -> None:
    reading = of_lines(io.BytesIO(b'{"race": 1, "at": 1}\n' + line + b'\n{"race": 3, "at": 3}'), "race", "at")
    assert [each.record.key for each in next(reading)] == [b"1"]
    with pytest.raises(LineRefused) as caught:
        next(reading)
    assert str(caught.value).startswith(message)


def test_a_line_beyond_all_measure_is_refused_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_BYTES", 5)
    with pytest.raises(LineRefused, match="line 2: longer than 5 bytes"):
        read(b"12345\n123456\n")
