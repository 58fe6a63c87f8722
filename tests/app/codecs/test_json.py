"""Verdicts on whole values: what is refused and why, what is taken and as what."""

import json
import math
from typing import Any

import numpy as np
import pytest
from aiokafka.record.default_records import DefaultRecord

from app.errors import Reason, StartFailed
from models.signature import TensorSpec
from tests.app.codecs.malformed import GOOD, LENGTH, MALFORMED, MAX_BYTES, Malformed, features, record
from tests.app.codecs.records import ORIGIN, Record, decode, decoder, spec

FEATURES = spec("features", "float32", LENGTH)
GOOD_ROW = np.array(json.loads(GOOD), np.float32)

ODDITIES = {
    "white space around everything": ' \r\n\t{ "id" : "r1" , "features" : ' + GOOD.replace(",", "\n, ") + "} \n",
    "a repeated field, the last one good": record('"bad"', more=f',"features":{GOOD}'),
    "a repeated id, the last one good": record(id_="true", more=',"id":"r1"'),
    "an escaped field name": record().replace('"features"', r'"\u0066eatures"'),
    "an escaped id": record(id_=r'"\u0072\u0031"'),
    "unknown fields of every kind": record(more=',"n":null,"t":true,"l":[1,[2,{"x":[]}]],"o":{"features":1},"":""'),
    "a lone surrogate in an unused text": record(more=r',"x":"\ud800"'),
    "a lone surrogate in an unused key": record(more=r',"\udc00":1'),
    "an escaped NUL in an unused text": record(more=r',"x":"\u0000"'),
    "the delete character in a text": record(more=',"x":"\x7f"'),
    "text of all planes in an unused field": record(more=',"x":"\u00e9\u20ac\u2028\ufeff\U0001f3c1"'),
    "an unused number beyond every type": record(more=',"x":1e999999999'),
    "an unused integer of 5,000 digits": record(more=f',"x":{"7" * 5000}'),
    "an unused field nested 100 deep": record(more=f',"x":{"[" * 100}{"]" * 100}'),
    "the id after the features": '{"features":' + GOOD + ',"id":"r1"}',
}


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_a_malformed_value_is_refused_where_and_why_the_table_says(case: Malformed) -> None:
    decoded = decoder(FEATURES).decode([Record(case.value)], ORIGIN)

    [(place, rejection)] = decoded.rejected
    assert (place, decoded.groups) == (0, ())
    assert (rejection.stage, rejection.reason) == (case.stage, case.reason)
    assert 0 < len(rejection.message) <= 500
    assert rejection.message.encode()


def test_the_table_has_over_200_kinds_each_with_a_name_of_its_own() -> None:
    assert len(MALFORMED) >= 200
    assert len({case.name for case in MALFORMED}) == len({case.value for case in MALFORMED}) == len(MALFORMED)
    others = "deadline duplicate_candidate max_age model_error non_finite_score not_encodable out_of_order"
    others += " too_large_to_publish"
    assert {case.reason for case in MALFORMED} == set(Reason) - set(map(Reason, others.split()))


def test_malformed_values_do_no_harm_to_the_good_ones_between_them() -> None:
    chunk = []
    for place, case in enumerate(MALFORMED):
        chunk += [Record(case.value), Record(record(id_=f'"good-{place}"').encode())]

    decoded = decoder(FEATURES).decode(chunk, ORIGIN)

    [group] = decoded.groups
    assert [place for place, _ in decoded.rejected] == list(range(0, len(chunk), 2))
    assert list(group.positions) == list(range(1, len(chunk), 2))
    assert group.ids == [f"good-{place}" for place in range(len(MALFORMED))]
    np.testing.assert_array_equal(group.columns["features"], np.tile(GOOD_ROW, (len(MALFORMED), 1)))


@pytest.mark.parametrize("value", ODDITIES.values(), ids=ODDITIES)
def test_an_odd_but_valid_value_is_taken(value: str) -> None:
    decoded = decode(decoder(FEATURES), value)

    assert not decoded.rejected
    [group] = decoded.groups
    assert group.ids == ["r1"]
    assert group.columns["features"].tobytes() == GOOD_ROW.tobytes()


def test_a_value_of_exactly_the_greatest_length_is_taken() -> None:
    padding = MAX_BYTES - len(record(more=',"x":""'))
    value = record(more=f',"x":"{"y" * padding}"')

    assert len(value) == MAX_BYTES
    assert not decode(decoder(FEATURES), value).rejected


def test_a_chunk_without_rejections_is_one_group_of_all_places() -> None:
    decoded = decode(decoder(FEATURES), *(record(id_=str(place)) for place in range(5)))

    [group] = decoded.groups
    assert list(group.positions) == [0, 1, 2, 3, 4]
    assert group.ids == [0, 1, 2, 3, 4]
    assert group.columns["features"].shape == (5, LENGTH)
    assert group.columns["features"].dtype == np.float32
    assert group.nbytes == 5 * LENGTH * 4


def test_an_empty_chunk_has_neither_groups_nor_rejections() -> None:
    decoded = decoder(FEATURES).decode([], ORIGIN)

    assert (decoded.groups, decoded.rejected) == ((), ())


def test_records_of_aiokafka_are_decoded_as_they_are() -> None:
    value = record(id_="null").encode()
    received = DefaultRecord(41, 0, 0, b"\xff", value, [])

    [group] = decoder(FEATURES).decode([received], ORIGIN).groups
    assert group.ids == ["in-3-41"]


def test_a_rejection_keeps_nothing_of_the_record_alive() -> None:
    for case in MALFORMED:
        [(_, rejection)] = decoder(FEATURES).decode([Record(case.value)], ORIGIN).rejected
        assert (rejection.__traceback__, rejection.__cause__, rejection.__context__) == (None, None, None)


# -- the message


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (record(features("1e39", at=3)), ["features[3]", "1e39", "float32", "3.40282346"]),
        (record(features('"0.5"', at=3)), ["features[3]", '"0.5"', "a number", "float32"]),
        (record("[1,2]"), ["features", "a list of 2", "32"]),
        (record("null"), ["features", "null", "[32]", "float32"]),
        ('{"id":1}', ["features", "missing"]),
        (record(id_="1.5"), ["id", "1.5", "1024 bytes", "64-bit"]),
        (record(id_='"' + "x" * 2000 + '"'), ["id", "xxx…", "1024 bytes"]),
        ("[1]", ["a list of 1", "an object"]),
        (b"\xff", ["byte 0"]),
        (" " * (MAX_BYTES + 1), ["1048577 bytes", "RECORD_MAX_BYTES", "1048576"]),
    ],
)
def test_the_message_names_the_field_the_value_the_limit_and_what_was_expected(
    value: str | bytes, said: list[str]
) -> None:
    [(_, rejection)] = decode(decoder(FEATURES), value).rejected

    assert [words for words in said if words not in rejection.message] == []


def test_a_long_value_is_shortened_in_the_message_and_so_is_a_long_path() -> None:
    inputs = spec("f" * 1000, "float32", 1)
    [(_, rejection)] = decode(decoder(inputs), '{"' + "f" * 1000 + '":["' + "v" * 1000 + '"]}').rejected
    [(_, shorter)] = decode(decoder(spec("f", "float32", 1)), '{"f":["' + "v" * 1000 + '"]}').rejected

    assert len(rejection.message) == 500
    assert "v" * 40 in shorter.message
    assert "v" * 51 not in shorter.message


# -- the id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"r1"', "r1"),
        ('""', ""),
        (r'"\u0000"', "\0"),
        (r'"\ud83c\udfc1"', "\U0001f3c1"),
        ('"' + "x" * 1024 + '"', "x" * 1024),
        ('"' + "\u00e9" * 512 + '"', "\u00e9" * 512),
        ('"' + "\U0001f3c1" * 256 + '"', "\U0001f3c1" * 256),
        ('"12"', "12"),
        ("12", 12),
        ("0", 0),
        ("-0", 0),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
    ],
)
def test_an_id_is_echoed_as_it_came(text: str, expected: str | int) -> None:
    [group] = decode(decoder(FEATURES), record(id_=text)).groups

    assert [(type(found), found) for found in group.ids] == [(type(expected), expected)]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"k1", "k1"),
        ("\u00e9".encode(), "\u00e9"),
        (b"", ""),
        (b"k" * 2000, "k" * 2000),
        (b"\xff", "in-3-7"),
        (None, "in-3-7"),
    ],
)
@pytest.mark.parametrize("value", [record(id_="null"), '{"features":' + GOOD + "}"], ids=["null", "missing"])
def test_a_record_without_an_id_is_called_by_its_key_or_its_place(value: str, key: bytes | None, expected: str) -> None:
    [group] = decoder(FEATURES).decode([Record(value.encode(), key=key)], ORIGIN).groups

    assert group.ids == [expected]


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ('{"id":"r1"}', "r1"),
        ('{"id":null}', "key"),
        ("{}", "key"),
        ("null", "key"),
        (None, "key"),
        ("5", Reason.BAD_ID),
        ("[]", Reason.BAD_ID),
        ('{"id":{"id":"r1"}}', Reason.BAD_ID),
    ],
)
def test_an_id_may_lie_levels_down(meta: str | None, expected: str) -> None:
    value = '{"x":1' + (f',"meta":{meta}' if meta else "") + "}"
    decoded = decoder(spec("x", "int32"), id_field="meta.id").decode([Record(value.encode(), key=b"key")], ORIGIN)

    assert expected in [*(group.ids[0] for group in decoded.groups), *(why.reason for _, why in decoded.rejected)]


def test_the_id_may_be_an_input_too() -> None:
    both = decoder(spec("id", "string"))
    decoded = decode(both, '{"id":"r1"}', '{"id":"' + "x" * 1025 + '"}', '{"id":{"b64":"QQ=="}}', '{"id":7}')

    [group] = decoded.groups
    assert (group.ids, group.columns["id"].tolist()) == (["r1"], [b"r1"])
    assert [why.reason for _, why in decoded.rejected] == [Reason.BAD_ID, Reason.BAD_ID, Reason.WRONG_TYPE]


def test_an_id_that_is_a_float_input_too_keeps_its_own_type() -> None:
    decoded = decode(decoder(spec("id", "float32")), '{"id":7}', '{"id":7.5}')

    [group] = decoded.groups
    assert (group.ids, group.columns["id"].tolist()) == ([7], [7.0])
    assert type(group.ids[0]) is int
    assert [why.reason for _, why in decoded.rejected] == [Reason.BAD_ID]


# -- dtypes


def _taken(dtype: str, text: str) -> Any:
    decoded = decode(decoder(spec("x", dtype)), '{"x":' + text + "}")
    assert [why.message for _, why in decoded.rejected] == []
    return decoded.groups[0].columns["x"][0]


def _refused(dtype: str, text: str) -> Reason:
    [(_, rejection)] = decode(decoder(spec("x", dtype)), '{"x":' + text + "}").rejected
    return rejection.reason


@pytest.mark.parametrize(
    ("dtype", "text", "expected"),
    [
        ("float32", "3", 3.0),
        ("float32", "-0.0", -0.0),
        ("float32", "1e-400", 0.0),
        ("float32", "1e-46", 0.0),
        ("float32", "1e-45", 1.401298464324817e-45),
        ("float32", "16777217", 16777216.0),
        ("float32", "0.1", float(np.float32(0.1))),
        ("float32", "3.4028235e38", float(np.finfo(np.float32).max)),
        ("float32", "3.4028235677973362e38", float(np.finfo(np.float32).max)),
        ("float32", "-3.4028235e38", float(np.finfo(np.float32).min)),
        # A decimal just above the middle of two float32 becomes the middle as a double, and then the even neighbour.
        ("float32", "1.00000005960464477540", 1.0),
        ("float64", "0.1", 0.1),
        ("float64", "9007199254740993", 9007199254740992.0),
        ("float64", "1.7976931348623157e308", 1.7976931348623157e308),
        ("float64", "5e-324", 5e-324),
        ("float16", "65519.99", 65504.0),
        ("float16", "6e-8", 5.960464477539063e-08),
        ("bfloat16", "3.39e38", 3.3895313892515355e38),
        ("bfloat16", "1.00390625", 1.0),
    ],
)
def test_a_number_becomes_the_nearest_float_by_way_of_a_double(dtype: str, text: str, expected: float) -> None:
    found = float(np.float64(_taken(dtype, text)))

    assert (found, math.copysign(1, found)) == (expected, math.copysign(1, expected))


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("float16", "65520"),
        ("float16", "-65520.0"),
        ("float16", "1e5"),
        ("bfloat16", "3.3961775292304957e38"),
        ("bfloat16", "3.4028235e38"),
        ("float32", "3.4028235677973366e38"),
        ("float64", "1.7976931348623159e308"),
        ("float64", "1e309"),
        ("float64", "-1e400"),
    ],
)
def test_a_number_that_would_become_infinite_is_out_of_range(dtype: str, text: str) -> None:
    assert _refused(dtype, text) == Reason.OUT_OF_RANGE


@pytest.mark.parametrize("text", ["3", "3.0", "3.000", "3e0", "0.3e1", "30E-1", "3e+00", "300000000000000000000e-20"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_a_whole_number_is_an_integer_however_it_is_written(dtype: str, text: str) -> None:
    found = _taken(dtype, text)

    assert (np.asarray(found).dtype, found) == (np.dtype(dtype), 3)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_integers_are_exact_up_to_both_limits_and_refused_beyond(dtype: str) -> None:
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    for limit in (low, high):
        assert [int(_taken(dtype, text)) for text in (f"{limit}", f"{limit}.0", f"{limit}.00e0")] == [limit] * 3
    for beyond in (low - 1, high + 1, 10**40, -(10**5000)):
        text = "-1" + "0" * 5000 if beyond < -(10**100) else str(beyond)
        assert {_refused(dtype, text), _refused(dtype, text + ".0"), _refused(dtype, text + "e1")} == {
            Reason.OUT_OF_RANGE
        }


@pytest.mark.parametrize("text", ["3.5", "-0.1", "1e-1", "1e-400", "9007199254740993.5", "0.30e0"])
def test_a_fraction_for_an_integer_is_of_the_wrong_type(text: str) -> None:
    assert _refused("int64", text) == Reason.WRONG_TYPE


@pytest.mark.parametrize("text", ["9007199254740993", "9007199254740993.0", "900719925474099.3e1"])
def test_a_64_bit_integer_never_passes_through_a_float(text: str) -> None:
    assert int(_taken("int64", text)) == 9007199254740993


@pytest.mark.parametrize(
    ("dtype", "wrong"),
    [
        ("float32", ["true", "false", '"1"', "null", "{}", '{"b64":"QQ=="}']),
        ("int32", ["true", "false", '"1"', "null", "{}", "1.5"]),
        ("bool", ["0", "1", "1.0", '"true"', "null", "{}"]),
        ("string", ["0", "1.5", "true", "null", "{}", '{"b64":1}', '{"b64":null}', '{"x":"QQ=="}', r'"\ud800"']),
    ],
)
def test_a_value_of_another_kind_is_of_the_wrong_type(dtype: str, wrong: list[str]) -> None:
    assert {text: _refused(dtype, text) for text in wrong} == dict.fromkeys(wrong, Reason.WRONG_TYPE)


def test_booleans_are_taken_as_they_are() -> None:
    [group] = decode(decoder(spec("x", "bool", 2)), '{"x":[true,false]}').groups

    assert (group.columns["x"].dtype, group.columns["x"].tolist()) == (np.dtype(bool), [[True, False]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('""', b""),
        ('"caf\u00e9"', b"caf\xc3\xa9"),
        (r'"\u0000"', b"\0"),
        (r'"\ud83c\udfc1"', b"\xf0\x9f\x8f\x81"),
        ('{"b64":""}', b""),
        ('{"b64":"gAH/"}', b"\x80\x01\xff"),
        ('{"b64":"QQ=="}', b"A"),
        (r'{"b64":"\u0051Q=="}', b"A"),
        ('{"b64":1,"b64":"QQ=="}', b"A"),
    ],
)
def test_a_string_is_the_utf8_of_a_text_or_the_bytes_of_base64(text: str, expected: bytes) -> None:
    assert _taken("string", text) == expected


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QQ==\\n", "Q Q=", "-_-_", "====", "AAAA=", "AAAA====", "\u00e9QQ="])
def test_base64_that_is_not_padded_and_standard_is_of_the_wrong_type(text: str) -> None:
    assert _refused("string", '{"b64":"' + text + '"}') == Reason.WRONG_TYPE


def test_base64_with_company_is_of_the_wrong_type() -> None:
    assert _refused("string", '{"b64":"QQ==","more":1}') == Reason.WRONG_TYPE


def test_strings_are_columns_of_bytes_objects_and_count_with_their_lengths() -> None:
    [group] = decode(decoder(spec("x", "string", 2)), '{"x":["a","bcd"]}', '{"x":["",{"b64":"gAH/"}]}').groups

    assert group.columns["x"].dtype == object
    assert group.columns["x"].tolist() == [[b"a", b"bcd"], [b"", b"\x80\x01\xff"]]
    assert group.nbytes == group.columns["x"].nbytes + 7


# -- shapes


def _of(dtype: str, digits: str) -> str:
    """Lists of digits, or of texts of one digit."""
    return "".join(f'"{c}"' if c.isdigit() else c for c in digits) if dtype == "string" else digits


@pytest.mark.parametrize(
    ("shape", "text", "expected"),
    [
        ((), "5", (1,)),
        ((1,), "[5]", (1, 1)),
        ((0,), "[]", (1, 0)),
        ((2, 3), "[[1,2,3],[4,5,6]]", (1, 2, 3)),
        ((2, 1, 2), "[[[1,2]],[[3,4]]]", (1, 2, 1, 2)),
        ((None,), "[]", (1, 0)),
        ((None,), "[1,2,3]", (1, 3)),
        ((None, 2), "[]", (1, 0, 2)),
        ((None, 2), "[[1,2]]", (1, 1, 2)),
        ((2, None), "[[],[]]", (1, 2, 0)),
        ((None, None), "[]", (1, 0, 0)),
        ((None, None), "[[1],[2],[3]]", (1, 3, 1)),
        ((None, 1, None), "[[[1,2]],[[3,4]],[[5,6]]]", (1, 3, 1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "uint64", "string"])
def test_tensors_of_any_rank_are_taken(
    dtype: str, shape: tuple[int | None, ...], text: str, expected: tuple[int, ...]
) -> None:
    [group] = decode(decoder(TensorSpec("x", dtype, shape)), '{"x":' + _of(dtype, text) + "}").groups

    column = group.columns["x"]
    assert column.shape == expected
    assert [int(element) for element in column.ravel()] == [int(c) for c in text if c.isdigit()]


@pytest.mark.parametrize(
    ("shape", "wrong"),
    [
        ((), ["[1]", "[]", "[[1]]"]),
        ((2,), ["1", "[]", "[1]", "[1,2,3]", "[[1,2]]", "[[1],[2]]"]),
        ((2, 2), ["[1,2]", "[[1,2]]", "[[1,2],[3]]", "[[1,2],3]", "[[1,2],[3,4],[5,6]]", "[[[1,2]],[[3,4]]]"]),
        ((None,), ["1", "[[1]]", "[1,[2]]"]),
        ((None, 2), ["[1,2]", "[[1]]", "[[1,2],[3]]", "[[]]"]),
        ((2, None), ["[]", "[[1],[2,3]]", "[[1]]", "[1,2]"]),
        ((None, None), ["[[1],[]]", "[[1],[2,3]]", "[[1],2]"]),
        ((None, 2, None), ["[[[1],[2]],[[1],[2,3]]]", "[[[1],[2]],[[1,1],[2,3]]]", "[[[1]]]"]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint64", "string"])
def test_lists_that_are_ragged_or_of_the_wrong_length_or_depth_are_of_the_wrong_shape(
    dtype: str, shape: tuple[int | None, ...], wrong: list[str]
) -> None:
    for text in wrong:
        value = '{"x":' + _of(dtype, text) + "}"
        [(_, rejection)] = decode(decoder(TensorSpec("x", dtype, shape)), value).rejected
        assert (text, rejection.reason) == (text, Reason.WRONG_SHAPE)


def test_rows_are_grouped_by_the_shapes_that_they_bring() -> None:
    inputs = decoder(spec("x", "int32", None), spec("y", "int32", 2, None))
    values = [
        '{"id":0,"x":[1],"y":[[],[]]}',
        '{"id":1,"x":[1,2],"y":[[],[]]}',
        '{"id":2,"x":"no"}',
        '{"id":3,"x":[3],"y":[[],[]]}',
        '{"id":4,"x":[1],"y":[[1],[2]]}',
        '{"id":5,"x":[4.0],"y":[[],[]]}',
    ]
    decoded = decode(inputs, *values)

    assert [(group.ids, list(group.positions)) for group in decoded.groups] == [
        ([0, 3, 5], [0, 3, 5]),
        ([1], [1]),
        ([4], [4]),
    ]
    assert decoded.groups[0].columns["x"].tolist() == [[1], [3], [4]]
    assert [group.columns["y"].shape for group in decoded.groups] == [(3, 2, 0), (1, 2, 0), (1, 2, 1)]
    assert len({group.shape_key for group in decoded.groups}) == 3


def test_equal_shapes_have_equal_keys_across_chunks() -> None:
    inputs = decoder(spec("x", "int32", None))
    first, second, third = (decode(inputs, '{"x":' + text + "}").groups[0] for text in ("[1]", "[2]", "[1,2]"))

    assert first.shape_key == second.shape_key != third.shape_key


# -- fields


def test_an_input_of_any_shape_takes_what_comes_and_rows_of_one_shape_share_a_group() -> None:
    anything = TensorSpec("x", "float32", None)
    decoded = decode(
        decoder(anything),
        '{"x":1}',
        '{"x":[1,2]}',
        '{"x":[[1],[2]]}',
        '{"x":2.5}',
        '{"x":[3,4]}',
        '{"x":[]}',
        '{"x":[[1],2]}',
    )
    shapes = [(group.positions, group.columns["x"].shape) for group in decoded.groups]
    assert shapes == [([0, 3], (2,)), ([1, 4], (2, 2)), ([2], (1, 2, 1)), ([5], (1, 0))]
    assert decoded.groups[1].columns["x"].tolist() == [[1, 2], [3, 4]]
    assert [(place, rejection.reason) for place, rejection in decoded.rejected] == [(6, Reason.WRONG_SHAPE)]


@pytest.mark.parametrize(
    ("value", "reason"), [('"a"', Reason.WRONG_TYPE), ("[1,[2]]", Reason.WRONG_SHAPE), ("null", Reason.WRONG_TYPE)]
)
def test_an_input_of_any_shape_takes_no_other_kind_and_nothing_ragged(value: str, reason: Reason) -> None:
    [(_, rejection)] = decode(decoder(TensorSpec("x", "float32", None)), f'{{"x":{value}}}').rejected
    assert rejection.reason == reason


def test_an_optional_input_may_be_missing_and_rows_of_other_lengths_share_a_group() -> None:
    tags = TensorSpec("tags", "string", (None,), loose=True, optional=True)
    pixels = TensorSpec("pixels", "float32", (2, 1), loose=True, optional=True)
    [group] = decode(
        decoder(FEATURES, tags, pixels, fields={"tags": "meta.tags"}),
        record(more=',"meta":{"tags":["a",{"b64":"/w=="}]},"pixels":[[1],[2.5]]'),
        record(more=',"meta":{"tags":[]}'),
        record(more=',"meta":{}'),
        record(),
    ).groups
    assert group.positions == range(4)
    assert [_listed(cell) for cell in group.columns["tags"]] == [[b"a", b"\xff"], [], None, None]
    assert [_listed(cell) for cell in group.columns["pixels"]] == [[[1.0], [2.5]], None, None, None]
    assert group.columns["pixels"][0].dtype == np.float32
    assert group.columns["features"].shape == (4, LENGTH)
    assert group.nbytes == 4 * LENGTH * 4 + (4 * 8 + 2 * 8 + 2) + (4 * 8 + 2 * 4)


def _listed(cell: Any) -> Any:
    return None if cell is None else cell.tolist()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('"tags":null', Reason.WRONG_TYPE),
        ('"tags":["a",1]', Reason.WRONG_TYPE),
        ('"tags":"a"', Reason.WRONG_SHAPE),
        ('"pixels":[[1]]', Reason.WRONG_SHAPE),
        ('"pixels":[[1],[1e99]]', Reason.OUT_OF_RANGE),
    ],
)
def test_an_optional_input_that_is_there_must_fit(more: str, reason: Reason) -> None:
    tags = TensorSpec("tags", "string", (None,), loose=True, optional=True)
    pixels = TensorSpec("pixels", "float32", (2, 1), loose=True, optional=True)
    [(_, rejection)] = decode(decoder(FEATURES, tags, pixels), record(more=f",{more}")).rejected
    assert rejection.reason == reason


def test_inputs_are_found_where_the_fields_say() -> None:
    inputs = decoder(
        spec("a", "int32"),
        spec("b.c", "int32"),
        spec("d", "int32"),
        spec("e", "int32"),
        fields={"a": "data.deep.a", "d": r"data.d\.e", "e": "data.deep.a"},
    )
    value = '{"data":{"deep":{"a":1},"d.e":3,"d":9},"b.c":2,"b":{"c":8},"id":1}'
    [group] = decode(inputs, value).groups

    assert {name: column.tolist() for name, column in group.columns.items()} == {
        "a": [1],
        "b.c": [2],
        "d": [3],
        "e": [1],
    }


def test_one_field_may_feed_inputs_of_different_types() -> None:
    inputs = decoder(spec("a", "int64"), spec("b", "float32"), fields={"a": "x", "b": "x"})
    decoded = decode(inputs, '{"x":3}', '{"x":3.5}')

    assert {name: column.tolist() for name, column in decoded.groups[0].columns.items()} == {"a": [3], "b": [3.0]}
    assert [why.reason for _, why in decoded.rejected] == [Reason.WRONG_TYPE]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "\0", "\u00e9", "f0", "id "])
def test_a_field_may_have_any_name(name: str) -> None:
    value = json.dumps({name: [1.5], "id": "r1"})
    [group] = decode(decoder(spec(name, "float32", 1)), value).groups

    assert (group.ids, group.columns[name].tolist()) == (["r1"], [[1.5]])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{}", Reason.MISSING_FIELD),
        ('{"data":{}}', Reason.MISSING_FIELD),
        ('{"data":null}', Reason.MISSING_FIELD),
        ('{"data":[1]}', Reason.WRONG_TYPE),
        ('{"data":{"x":null}}', Reason.WRONG_TYPE),
        ('{"data":{"x":1},"data":{}}', Reason.MISSING_FIELD),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(value: str, reason: Reason) -> None:
    [(_, rejection)] = decode(decoder(spec("x", "float32"), fields={"x": "data.x"}), value).rejected

    assert rejection.reason == reason
    assert "data" in rejection.message


def test_all_mistakes_in_the_fields_are_reported_at_once() -> None:
    with pytest.raises(StartFailed) as caught:
        decoder(
            spec("x", "float32"), spec("y", "float32"), fields={"z": "a", "q": "b", "x": "", "y": "c..d"}, id_field=""
        )

    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert all(any(word in line for line in lines) for word in ("'z'", "'q'", "'x'", "'y'", "RECORD_ID_FIELD"))
    assert all("x, y" in line for line in lines[:4])


def test_a_path_inside_another_is_refused_at_the_start() -> None:
    with pytest.raises(StartFailed, match=r"'id\.x' lies inside 'id'"):
        decoder(spec("x", "float32"), fields={"x": "id.x"})


def test_inputs_that_json_cannot_carry_are_refused_at_the_start() -> None:
    with pytest.raises(StartFailed, match=r"'x'.*complex64\n.*'y'.*resource"):
        decoder(spec("x", "complex64"), spec("y", "resource", 2), spec("z", "bool"))


def test_a_signature_without_inputs_is_refused_at_the_start() -> None:
    with pytest.raises(StartFailed, match="no inputs"):
        decoder()
