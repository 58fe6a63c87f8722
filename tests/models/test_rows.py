import numpy as np

from models.rows import made_up_rows
from models.signature import Signature, TensorSpec


def test_made_up_rows_fit_the_signature() -> None:
    signature = Signature(
        "serving_default",
        (
            TensorSpec("pixels", "float32", (8, None)),
            TensorSpec("age", "int64", ()),
            TensorSpec("member", "bool", (2,)),
            TensorSpec("embedding", "bfloat16", (3,)),
            TensorSpec("words", "string", (None,)),
            TensorSpec("tags", "string", (None,), loose=True, optional=True),
        ),
    )
    rows = made_up_rows(signature, 4)
    assert {name: (column.shape, column.dtype.name) for name, column in rows.items()} == {
        "pixels": ((4, 8, 1), "float32"),
        "age": ((4,), "int64"),
        "member": ((4, 2), "bool"),
        "embedding": ((4, 3), "float32"),
        "words": ((4, 1), "object"),
        "tags": ((4,), "object"),
    }
    assert rows["words"].tolist() == [[b""]] * 4
    assert rows["tags"].tolist() == [None] * 4
    assert not any(np.any(rows[name]) for name in ("pixels", "age", "member", "embedding"))
