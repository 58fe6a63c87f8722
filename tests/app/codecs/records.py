"""Records and decoders for the tests of the codecs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.codecs.json import Decoded, JsonDecoder
from models.signature import Signature, TensorSpec
from tests.app.codecs.malformed import MAX_BYTES

ORIGIN = "in-3"


@dataclass(frozen=True, slots=True)
class Record:
    """What decoding needs of a record."""

    value: bytes | None
    offset: int = 7
    key: bytes | None = None


def spec(name: str, dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(name, dtype, shape)


def decoder(
    *inputs: TensorSpec, fields: Mapping[str, str] | None = None, id_field: str = "id", max_bytes: int = MAX_BYTES
) -> JsonDecoder:
    return JsonDecoder(
        Signature("serving_default", inputs), fields=fields or {}, id_field=id_field, max_bytes=max_bytes
    )


def decode(decoder: JsonDecoder, *values: str | bytes) -> Decoded:
    """Decode a chunk of these values."""
    return decoder.decode([Record(value.encode() if isinstance(value, str) else value) for value in values], ORIGIN)


def assert_same(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if found.dtype == object:
        assert found.tolist() == expected.tolist()
    else:
        assert found.tobytes() == expected.tobytes()
