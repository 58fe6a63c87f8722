"""Cells of many rows become arrays, one input at a time or several at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.columns import Column, stack_alike
from app.codecs.json import Grouping
from models.signature import TensorSpec

DTYPES = {
    "float16": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "bfloat16": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "int8": st.integers(-128, 127),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "bool": st.booleans(),
}


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_inputs_of_one_dtype_are_stacked_together_as_they_are_one_by_one(dtype: str, data: st.DataObject) -> None:
    count, rows = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 9))
    columns = [Column.of(TensorSpec(f"x{place}", dtype, ())) for place in range(count)]
    cells = [data.draw(st.lists(DTYPES[dtype], min_size=rows, max_size=rows)) for _ in columns]
    together = stack_alike(columns, cells)
    for column, mine, array in zip(columns, cells, together, strict=True):
        alone, _ = column.stack(mine)
        assert (array.dtype, array.shape) == (alone.dtype, alone.shape)
        assert array.tobytes() == alone.tobytes()


def test_numbers_are_stacked_together_by_dtype_and_everything_else_by_itself() -> None:
    specs = [
        TensorSpec("a", "float32", ()),
        TensorSpec("b", "int32", ()),
        TensorSpec("c", "float32", ()),
        TensorSpec("d", "float32", (2,)),
        TensorSpec("e", "string", ()),
        TensorSpec("f", "string", ()),
    ]
    rows: list[tuple[Any, ...]] = [
        ("r1", 1.5, 7, 2.5, [1.0, 2.0], "x", "y"),
        ("r2", -1.5, 8, -2.5, [3.0, 4.0], "z", ""),
    ]
    (group,) = Grouping([Column.of(spec) for spec in specs]).groups(rows, [0, 1])
    assert {name: column.tolist() for name, column in group.columns.items()} == {
        "a": [1.5, -1.5],
        "b": [7, 8],
        "c": [2.5, -2.5],
        "d": [[1.0, 2.0], [3.0, 4.0]],
        "e": [b"x", b"z"],
        "f": [b"y", b""],
    }
    assert np.shares_memory(group.columns["a"].base, group.columns["c"].base)
    assert group.nbytes == sum(column.nbytes for column in group.columns.values()) + len(b"xzy")
