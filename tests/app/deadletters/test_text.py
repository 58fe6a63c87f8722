import json

import pytest

from app.deadletters.text import in_words, kind, printable, spread


def test_nothing_that_is_shown_commands_the_terminal() -> None:
    assert printable("a\x1b[31m\n\x9b\u202eé 你") == "a\\x1b[31m\\n\\x9b\\u202eé 你"


@pytest.mark.parametrize(
    ("data", "words"), [(None, "none"), (b"", ""), ("é\n".encode(), "é\\n"), (b"\xff\x00", "0xff00")]
)
def test_bytes_are_told_as_text_or_in_hexadecimal(data: bytes | None, words: str) -> None:
    assert in_words(data) == words


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1}', "JSON"),
        (b"[]", "JSON"),
        (b"1e400", "JSON"),
        (b"NaN", "text"),
        (b'{"a": Infinity}', "text"),
        (b"\xef\xbb\xbf{}", "text"),
        (b"{'a': 1}", "text"),
        (b"[" * 100_000, "text"),
        (b"", "text"),
        (b"\xff", "bytes"),
    ],
)
def test_a_value_is_json_text_or_bytes(data: bytes, expected: str) -> None:
    assert kind(data) == expected


def test_json_is_indented_and_nothing_in_it_is_changed() -> None:
    data = (
        b'{"b":1.50,"a" : [ 1e400,-0,{},[ ],"x\\"{,:}\\\\",true,null],'
        b'"b":{"c":123456789012345678901234567890},"":[{"d":"\\u00e9"}]}'
    )

    assert list(spread(data)) == [
        "{",
        '  "b": 1.50,',
        '  "a": [',
        "    1e400,",
        "    -0,",
        "    {},",
        "    [],",
        '    "x\\"{,:}\\\\",',
        "    true,",
        "    null",
        "  ],",
        '  "b": {',
        '    "c": 123456789012345678901234567890',
        "  },",
        '  "": [',
        "    {",
        '      "d": "\\u00e9"',
        "    }",
        "  ]",
        "}",
    ]


@pytest.mark.parametrize("value", ["", [], {}, 3, None, [[[]]], {"a": []}, ["\u2028\x7f\U000e0001", {"b": [1, "]"]}]])
def test_indented_json_reads_back_as_the_same(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=3), json.dumps(value, ensure_ascii=False)):
        assert json.loads("\n".join(spread(text.encode()))) == value


def test_text_keeps_its_lines_and_bytes_become_a_hex_dump_of_a_bounded_length() -> None:
    assert list(spread(b"two\tlines\nand \x1b")) == ["two\\tlines", "and \\x1b"]
    dump = list(spread(b"\xffA\x1b" + bytes(2000)))
    assert dump[0] == "00000000  ff 41 1b 00 00 00 00 00 00 00 00 00 00 00 00 00  .A.............."
    assert len(dump) == 1024 // 16 + 1
    assert dump[-1] == "... 979 more bytes; --raw writes them all"
    assert list(spread(b"\xff\xfe")) == [f"00000000  {'ff fe':<47}  .."]
