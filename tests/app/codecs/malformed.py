"""Malformed values of records, as data: for a signature of one input, `features`, float32 [32].

The id is read from `id`, values may have `MAX_BYTES` bytes, and no input has a path of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.errors import Reason, Stage

MAX_BYTES = 1_048_576
LENGTH = 32


@dataclass(frozen=True, slots=True)
class Malformed:
    """A value that must be refused: what it is called, its bytes (None: a tombstone), where and why."""

    name: str
    value: bytes | None
    stage: Stage
    reason: Reason


def features(*changed: str, at: int = 0) -> str:
    """The JSON of 32 good features, those from *at* on replaced by *changed*."""
    good = [f"{place / 8}" for place in range(LENGTH)]
    return f"[{','.join([*good[:at], *changed, *good[at + len(changed) :]])}]"


GOOD = features()


def record(value: str = GOOD, *, id_: str = '"r1"', more: str = "") -> str:
    """The JSON of a record whose features are *value*, with *more* members at the end."""
    return f'{{"id":{id_},"features":{value}{more}}}'


def nested(opening: str, closing: str, core: str = "", *, depth: int = 10_000) -> str:
    """*core* inside *depth* pairs of brackets."""
    return opening * depth + core + closing * depth


_NOT_UTF8 = {
    "a lone continuation byte": b"\x80",
    "the last continuation byte alone": b"\xbf",
    "the byte FE": b"\xfe",
    "the byte FF": b"\xff",
    "an overlong NUL": b"\xc0\x80",
    "an overlong ASCII letter": b"\xc1\xa1",
    "an overlong sequence of three bytes": b"\xe0\x80\xaf",
    "an overlong sequence of four bytes": b"\xf0\x80\x80\xaf",
    "an encoded high surrogate": b"\xed\xa0\x80",
    "an encoded low surrogate": b"\xed\xb0\x80",
    "an encoded surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "a code point above U+10FFFF": b"\xf4\x90\x80\x80",
    "a sequence of five bytes": b"\xf8\x88\x80\x80\x80",
    "a Latin-1 letter": b"caf\xe9 ",
    "two bytes cut after one": b"\xc3",
    "three bytes cut after two": b"\xe2\x82",
    "four bytes cut after three": b"\xf0\x9f\x98",
    "a lead byte before ASCII": b"\xc3(",
}

_BINARY = {
    "UTF-16 with its mark": record().encode("utf-16"),
    "UTF-32 with its mark": record().encode("utf-32"),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "a pickle": b"\x80\x04}\x94.",
    "MessagePack": b"\x82\xa2id\xa2r1",
    "CBOR": b"\xa2bidbr1",
    "a PNG image": b"\x89PNG\r\n\x1a\n",
    "Protocol Buffers": b"\x0a\x80\x01\xff",
}

_NOT_JSON = {
    "a byte-order mark before a good record": "\ufeff" + record(),
    "a byte-order mark alone": "\ufeff",
    "a byte-order mark after the record": record() + "\ufeff",
    "one space": " ",
    "white space only": " \t\r\n ",
    "a NUL alone": "\0",
    "a NUL before the record": "\0" + record(),
    "a NUL after the record": record() + "\0",
    "UTF-16 without its mark": record().encode("utf-16-le").decode(),
    "Avro with Confluent's header": "\0\0\0\0\1\4r1",
    "plain text": "hello",
    "CSV": "r1,0.5,0.25",
    "XML": "<record/>",
    "YAML": "id: r1\nfeatures: []",
    "a URL-encoded form": "id=r1&features=1",
    "JSON with padding": f"callback({record()})",
    "a Python dictionary": record().replace('"', "'"),
    "a JavaScript object": '{id: "r1", features: []}',
    "Base64 of JSON": "eyJpZCI6InIxIn0=",
    "NaN as a feature": record(features("NaN")),
    "NaN as the last feature": record(features("NaN", at=31)),
    "-NaN as a feature": record(features("-NaN")),
    "nan as a feature": record(features("nan")),
    "Infinity as a feature": record(features("Infinity", at=5)),
    "-Infinity as a feature": record(features("-Infinity", at=5)),
    "inf as a feature": record(features("inf")),
    "NaN as the features": record("NaN"),
    "NaN as the id": record(id_="NaN"),
    "NaN in an unused field": record(more=',"x":NaN'),
    "Infinity in an unused field": record(more=',"x":[Infinity]'),
    "-Infinity in an unused field": record(more=',"x":{"y":-Infinity}'),
    "None as a value": record("None"),
    "True as a value": record(more=',"x":True'),
    "undefined as a value": record("undefined"),
    "nul cut short": record(more=',"x":nul'),
    "true cut short": record(more=',"x":tru'),
    "a trailing comma in the features": record(features()[:-1] + ",]"),
    "a trailing comma in the object": record(more=","),
    "a trailing comma in an unused list": record(more=',"x":[1,]'),
    "a trailing comma in an unused object": record(more=',"x":{"y":1,}'),
    "a leading comma in the features": record("[," + features()[1:]),
    "a leading comma in the object": "{," + record()[1:],
    "two commas between features": record(features().replace(",", ",,", 1)),
    "no comma between features": record(features().replace(",", " ", 1)),
    "no comma between members": record().replace(',"features"', ' "features"'),
    "a semicolon between features": record(features().replace(",", ";", 1)),
    "no colon": record().replace('"features":', '"features" '),
    "two colons": record().replace('"features":', '"features"::'),
    "an equals sign for a colon": record().replace('"features":', '"features"='),
    "a key without a value": record(more=',"x"'),
    "a value without a key": record(more=",:1"),
    "a number as a key": record(more=",1:2"),
    "a key without quotes": record(more=",x:1"),
    "a key in single quotes": record(more=",'x':1"),
    "null as a key": record(more=",null:1"),
    "a line comment": record() + "// done",
    "a block comment": record(more="/* more */"),
    "a hash comment": "# record\n" + record(),
    "a leading zero": record(features("01")),
    "a leading zero below zero": record(features("-01")),
    "a leading plus": record(features("+1")),
    "no digit before the point": record(features(".5")),
    "no digit after the point": record(features("5.")),
    "no digit between point and exponent": record(features("5.e3")),
    "an empty exponent": record(features("1e")),
    "an exponent that is only a sign": record(features("1e+")),
    "an exponent with a fraction": record(features("1e0.5")),
    "a minus alone": record(features("-")),
    "two minuses": record(features("--1")),
    "two points": record(features("1.2.3")),
    "a decimal comma in quotes cut off": record(features('"1,5')),
    "a hexadecimal number": record(features("0x10")),
    "a number with underscores": record(features("1_000")),
    "a number with a unit": record(features("1.5m")),
    "an integer suffix": record(features("1L")),
    "Arabic digits": record(features("\u0661\u0662")),
    "a full-width digit": record(features("\uff11")),
    "a leading zero in an unused field": record(more=',"x":00'),
    "a malformed number in an unused field": record(more=',"x":1.'),
    "two records on one line": record() + record(),
    "two records on two lines": record() + "\n" + record(),
    "text after the record": record() + " end",
    "a comma after the record": record() + ",",
    "a closing brace too many": record() + "}",
    "a closing bracket too many": record(features() + "]"),
    "a bracket closed by a brace": record(features()[:-1] + "}"),
    "the object closed by a bracket": record()[:-1] + "]",
    "a form feed as white space": "\f" + record(),
    "a vertical tab as white space": record() + "\v",
    "a no-break space as white space": "\u00a0" + record(),
    "a line separator as white space": record() + "\u2028",
    "a raw NUL in a text": record(more=',"x":"a\0b"'),
    "a raw NUL in the id": record(id_='"a\0b"'),
    "a raw NUL in a key": record(more=',"a\0b":1'),
    "a raw line break in a text": record(more=',"x":"a\nb"'),
    "a raw tab in a text": record(more=',"x":"a\tb"'),
    "a raw control character in the id": record(id_='"\x1f"'),
    "the escape x": record(more=r',"x":"\x41"'),
    "the escape of a single quote": record(more=r',"x":"\'"'),
    "the escape 0": record(id_=r'"\0"'),
    "the escape u with three digits": record(more=r',"x":"\u004"'),
    "the escape u with a letter that is no digit": record(more=r',"x":"\u00g1"'),
    "the escape u with a sign": record(more=r',"x":"\u+041"'),
    "an escape cut off": '{"id":"r1\\',
    "a text that never ends": record(more=',"x":"never'),
    "a text that an escaped quote keeps open": record(id_=r'"r1\"'),
    "an opening brace alone": "{",
    "an opening bracket alone": "[",
    "a quote alone": '"',
    "cut in a key": record()[:9],
    "cut after a key": '{"id"',
    "cut after a colon": '{"id":',
    "cut after a comma": '{"id":"r1",',
    "cut in the features": record()[:60],
    "cut in a number": record(features("-"))[:20],
    "cut before the last bracket": record()[:-2],
    "cut before the last brace": record()[:-1],
    "the first half missing": record()[60:],
}

_NOT_AN_OBJECT = {
    "null": "null",
    "true": "true",
    "false": "false",
    "zero": "0",
    "a number": "-1.5e3",
    "a number beyond every type": "1e400",
    "an integer of 5,000 digits": "1" * 5000,
    "a text": '"r1"',
    "an empty text": '""',
    "a record in a text": '"{}"',
    "an empty list": "[]",
    "the features alone": GOOD,
    "a record in a list": f"[{record()}]",
    "a list in lists": "[[[]]]",
    "a number between white space": " \n7\t ",
}

_TOO_DEEP = {
    "10,000 lists in an unused field": record(more=',"x":' + nested("[", "]")),
    "10,000 objects in an unused field": record(more=',"x":' + nested('{"y":', "}", "1")),
    "10,000 lists of objects in an unused field": record(more=',"x":' + nested('[{"y":', "}]", "1")),
    "10,000 lists as the features": record(nested("[", "]")),
    "10,000 lists as a feature": record(features(nested("[", "]"), at=3)),
    "10,000 lists as the id": record(id_=nested("[", "]")),
    "100,000 lists for the record": nested("[", "]", depth=100_000),
    "100,000 lists that never end": nested("[", "", depth=100_000),
    "100,000 objects that never end": nested('{"x":', "", depth=100_000),
}

_MISSING = {
    "an empty object": "{}",
    "only the id": '{"id":"r1"}',
    "the features under another name": '{"id":"r1","feature":' + GOOD + "}",
    "the features in capitals": '{"id":"r1","FEATURES":' + GOOD + "}",
    "the features with a space in the name": '{"id":"r1","features ":' + GOOD + "}",
    "the features one level down": '{"id":"r1","data":{"features":' + GOOD + "}}",
    "the features under an empty name": '{"id":"r1","":' + GOOD + "}",
    "the features element by element": "{" + ",".join(f'"features[{place}]":1' for place in range(LENGTH)) + "}",
}

_NO_LIST_OF_NUMBERS = {
    "null": "null",
    "true": "true",
    "false": "false",
    "a text": '"0.5"',
    "an empty text": '""',
    "a list in a text": f'"{GOOD}"',
    "an object": "{}",
    "an object of numbers": "{" + ",".join(f'"{place}":1' for place in range(LENGTH)) + "}",
    "Base64": '{"b64":"AAAA"}',
}

_NO_NUMBER = {
    "null": "null",
    "true": "true",
    "false": "false",
    "a number in a text": '"0.5"',
    "an empty text": '""',
    "NaN in a text": '"NaN"',
    "a lone surrogate": r'"\ud800"',
    "an object": "{}",
    "a number in an object": '{"value":1}',
    "Base64": '{"b64":"AAAA"}',
}

_WRONG_SHAPE = {
    "one number": "0.5",
    "zero": "0",
    "an empty list": "[]",
    "a list of one": "[0.5]",
    "one too few": features()[: features().rindex(",")] + "]",
    "one too many": features()[:-1] + ",1]",
    "twice as many": features()[:-1] + "," + features()[1:],
    "a thousand": f"[{','.join(['1'] * 1000)}]",
    "with a batch axis": f"[{GOOD}]",
    "as a column": f"[{','.join(['[0.5]'] * LENGTH)}]",
    "as 4 rows of 8": f"[{','.join(['[1,2,3,4,5,6,7,8]'] * 4)}]",
    "32 empty lists": f"[{','.join(['[]'] * LENGTH)}]",
    "a list for the first": features("[0.5]"),
    "a list for the last": features("[0.5]", at=31),
    "an empty list for one": features("[]", at=7),
    "one nested 100 deep": features(nested("[", "]", "1", depth=100), at=7),
    "one too few and a wrong one": "[null]",
    "a list of nothing but null": "[null,null]",
}

_OUT_OF_RANGE = {
    "the first decimal that rounds to infinity": "3.4028236e38",
    "its negative": "-3.4028236e38",
    "1e39": "1e39",
    "-1e39": "-1e39",
    "with a capital and a sign": "1E+39",
    "the greatest double": "1.7976931348623157e308",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "an exponent of 20 digits": "1e99999999999999999999",
    "an integer of 40 digits": "1" + "0" * 39,
    "an integer of 401 digits": "-1" + "0" * 400,
    "an integer of 5,000 digits": "9" * 5000,
    "400 digits and a fraction": "1" + "0" * 400 + ".5",
}

_BAD_ID = {
    "true": "true",
    "false": "false",
    "a whole number with a point": "1.0",
    "a fraction": "1.5",
    "a number with an exponent": "1e3",
    "a negative zero with a point": "-0.0",
    "a number beyond every type": "1e400",
    "one above 64 bits": str(2**63),
    "one below 64 bits": str(-(2**63) - 1),
    "an unsigned 64-bit integer": str(2**64 - 1),
    "an integer of 5,000 digits": "1" * 5000,
    "an empty list": "[]",
    "a text in a list": '["r1"]',
    "an empty object": "{}",
    "Base64": '{"b64":"AAAA"}',
    "a text of 1,025 bytes": f'"{"x" * 1025}"',
    "513 letters of two bytes": '"' + "\u00e9" * 513 + '"',
    "257 letters of four bytes": '"' + "\U0001f3c1" * 257 + '"',
    "a text of 100,000 bytes": f'"{"x" * 100_000}"',
    "a high surrogate alone": r'"\ud800"',
    "a low surrogate alone": r'"\udc00"',
    "surrogates in the wrong order": r'"\udc00\ud800"',
    "a high surrogate before a letter": r'"\ud83dx"',
    "two high surrogates": r'"\ud83d\ud83d"',
}


def _encoded(values: Mapping[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in values.items()}


def _broken_texts() -> Iterator[tuple[str, bytes]]:
    for name, bytes_ in _NOT_UTF8.items():
        yield f"{name} in an unused text", record(more=',"x":"?"').encode().replace(b"?", bytes_)
        yield f"{name} in an unused key", record(more=',"?":1').encode().replace(b"?", bytes_)
        yield f"{name} in the id", record(id_='"?"').encode().replace(b"?", bytes_)
        yield f"{name} after the record", record().encode() + bytes_
        yield f"{name} alone", bytes_


def _replaced(what: str, values: Mapping[str, str], places: Iterable[int]) -> dict[str, bytes]:
    return {
        f"{what} {place}: {name}": record(features(value, at=place)).encode()
        for name, value in values.items()
        for place in places
    }


def _too_large() -> dict[str, bytes]:
    padding = MAX_BYTES - len(record(more=',"x":""'))
    return {
        "a good record one byte too long": record(more=f',"x":"{"y" * (padding + 1)}"').encode(),
        "a good record of 2 MB": record(more=f',"x":"{"y" * 2_000_000}"').encode(),
        "2 MB of white space": b" " * 2_000_000,
        "2 MB of opening brackets": b"[" * 2_000_000,
        "2 MB that are no UTF-8": b"\xff" * 2_000_000,
        "2 MB of zeros": b"\0" * 2_000_000,
        "2 MB of features": record(f"[{','.join(['0.5'] * 500_000)}]").encode(),
    }


def _cases() -> Iterator[Malformed]:
    def each(stage: Stage, reason: Reason, values: Mapping[str, bytes | None]) -> Iterator[Malformed]:
        return (Malformed(f"{reason}: {name}", value, stage, reason) for name, value in values.items())

    decode, validate = Stage.DECODE, Stage.VALIDATE
    yield from each(decode, Reason.EMPTY, {"a tombstone": None, "no bytes": b""})
    yield from each(decode, Reason.INVALID_UTF8, {**dict(_broken_texts()), **_BINARY})
    yield from each(decode, Reason.INVALID_JSON, _encoded(_NOT_JSON))
    yield from each(decode, Reason.NOT_AN_OBJECT, _encoded(_NOT_AN_OBJECT))
    yield from each(decode, Reason.TOO_DEEP, _encoded(_TOO_DEEP))
    yield from each(decode, Reason.TOO_LARGE, _too_large())
    yield from each(validate, Reason.MISSING_FIELD, _encoded(_MISSING))
    whole = {f"the features: {name}": record(value).encode() for name, value in _NO_LIST_OF_NUMBERS.items()}
    yield from each(validate, Reason.WRONG_TYPE, {**whole, **_replaced("feature", _NO_NUMBER, (0, 31))})
    twice = {"good features, then null": record(more=',"features":null').encode()}
    yield from each(validate, Reason.WRONG_TYPE, twice)
    shapes = {name: record(value).encode() for name, value in _WRONG_SHAPE.items()}
    yield from each(validate, Reason.WRONG_SHAPE, shapes)
    yield from each(validate, Reason.OUT_OF_RANGE, _replaced("feature", _OUT_OF_RANGE, (0, 31)))
    ids = {name: record(id_=value).encode() for name, value in _BAD_ID.items()}
    ids["a good id, then a bad one"] = record(more=',"id":true').encode()
    yield from each(validate, Reason.BAD_ID, ids)


MALFORMED = tuple(_cases())
"""Every case; names are unique."""
