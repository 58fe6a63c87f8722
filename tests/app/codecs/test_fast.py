"""Plain records must not need the exact way: it is ten times slower."""

from typing import Any

import pytest

from app.codecs.columns import Column
from app.codecs.fast import DOUBTS, FastReader
from app.codecs.fields import RecordFields
from models.signature import Signature, TensorSpec
from tests.app.codecs.documents import DTYPES, FLOATS
from tests.app.codecs.malformed import LENGTH, features, record


def reader(*inputs: TensorSpec, id_field: str = "id", **fields: str) -> FastReader:
    paths = RecordFields.of(Signature("s", inputs), fields=fields, id_field=id_field)
    return FastReader.of([Column.of(spec) for spec in inputs], paths)


def row(reader: FastReader, value: str) -> tuple[Any, ...]:
    return reader.row(reader.parse(value.encode()))


def leaf(dtype: str) -> str:
    return {"string": '"a"', "bool": "true"}.get(dtype, "1.5" if dtype in FLOATS else "1")


@pytest.mark.parametrize("shape", [(), (2,), (2, 2), (None,), (None, 2), (2, None), (None, None)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_plain_record_is_in_no_doubt(dtype: str, shape: tuple[int | None, ...]) -> None:
    text = leaf(dtype)
    for _ in shape:
        text = f"[{text},{text}]"

    identifier, cell = row(reader(TensorSpec("x", dtype, shape)), '{"id":"r1","unused":[null],"x":' + text + "}")
    assert identifier == "r1"
    assert str(cell).count({"string": "a", "bool": "True"}.get(dtype, "1")) == 2 ** len(shape)


@pytest.mark.parametrize("text", ['""', '"' + "\U0001f3c1" * 256 + '"', "0", str(2**63 - 1), str(-(2**63)), "null"])
def test_a_plain_id_is_in_no_doubt(text: str) -> None:
    row(reader(TensorSpec("features", "float32", (LENGTH,))), record(id_=text))


def test_neither_are_fields_levels_down_nor_a_field_for_two_inputs() -> None:
    inputs = [TensorSpec(name, "float32", ()) for name in "xyz"]
    found = row(reader(*inputs, id_field="m.id", x="m.v", y="m.v", z="m.n.v"), '{"m":{"id":1,"v":2.5,"n":{"v":3.5}}}')

    assert found == (1, 2.5, 2.5, 3.5)


def test_neither_are_the_greatest_values_of_every_type() -> None:
    row(reader(TensorSpec("x", "uint64", (2,))), f'{{"x":[0,{2**64 - 1}]}}')
    row(reader(TensorSpec("x", "int64", (2,))), f'{{"x":[{-(2**63)},{2**63 - 1}]}}')
    row(reader(TensorSpec("x", "float16", (2,))), '{"x":[-65504,65504.0]}')
    row(reader(TensorSpec("x", "float64", ())), '{"x":1.7976931348623157e308}')


@pytest.mark.parametrize(
    "value",
    [
        record(features("1e39")),
        record(id_='"' + "x" * 257 + '"'),
        record(more=r',"x":"\ud800"'),
        record("null"),
        record()[:-1],
        "[" * 100_000,
    ],
    ids=["out of range", "a long id", "a lone surrogate", "null", "cut", "deep"],
)
def test_everything_else_is_in_doubt(value: str) -> None:
    with pytest.raises(DOUBTS):
        row(reader(TensorSpec("features", "float32", (LENGTH,))), value)
