"""Warm-up requests that were recorded with a model, in the form of TensorFlow Serving."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable
from models.predictor import Columns
from models.recorded import FILE, MOST, recorded_requests
from models.signature import Signature, TensorSpec
from tests.models.conftest import Export, Load

PICKY = Signature("serving_default", (TensorSpec("speed", "float32", (2,)), TensorSpec("word", "string", ())))


def message(*fields: tuple[int, bytes]) -> bytes:
    """A protocol buffer message of these fields, as the wire has it; each shorter than 128 bytes twice over."""
    return b"".join(bytes([number << 3 | 2, *_varint(len(value))]) + value for number, value in fields)


def _varint(number: int) -> list[int]:
    return [number] if number < 128 else [number % 128 | 128, *_varint(number // 128)]


def predict_log(tf: Any, signature: str | None, **tensors: Any) -> bytes:
    spec = message((1, b"model"), *([(3, signature.encode())] if signature else []))
    entries = [
        (2, message((1, name.encode()), (2, tf.make_tensor_proto(tensor).SerializeToString())))
        for name, tensor in tensors.items()
    ]
    return message((1, b""), (6, message((1, message((1, spec), *entries)))))


def record(tf: Any, folder: Path, logs: Sequence[bytes]) -> None:
    (folder / FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for log in logs:
            writer.write(log)


@pytest.fixture
def picky(tf: Any, export: Export) -> Path:
    """A model that refuses rows of zeros."""

    def body(speed: Any, word: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_positive(speed, "speed must be positive")]):
            return {"scores": speed * tf.cast(tf.strings.length(word), tf.float32)[:, tf.newaxis]}

    return export(body, speed=([None, 2], tf.float32), word=([None], tf.string))


def good(tf: Any, rows: int, signature: str | None = None) -> bytes:
    return predict_log(tf, signature, speed=np.full((rows, 2), 3, np.float32), word=np.array([b"abc"] * rows))


def test_a_model_that_refuses_made_up_rows_is_warmed_up_with_what_was_recorded(
    tf: Any, load: Load, picky: Path
) -> None:
    with pytest.raises(ModelNotUsable, match=r"fails for made-up rows .*: .*speed must be positive"):
        load(picky).warm_up(8)
    record(tf, picky, [good(tf, 2), good(tf, 3, "serving_default")])
    model = load(picky, allowed_sizes=[4, 8])
    assert not model.answers()
    model.warm_up(8)
    assert model.answers()


def test_a_recorded_request_that_fails_is_named(tf: Any, load: Load, picky: Path) -> None:
    bad = predict_log(tf, None, speed=np.full((1, 2), -3, np.float32), word=np.array([b"abc"]))
    record(tf, picky, [good(tf, 1), bad])
    with pytest.raises(ModelNotUsable, match=r"fails for request 2 of tf_serving_warmup_requests: .*speed must be pos"):
        load(picky).warm_up(8)


def found(folder: Path, signature: Signature = PICKY, *, as_examples: bool = False) -> list[Columns]:
    return list(recorded_requests(folder, signature, as_examples=as_examples))


def test_what_was_recorded_for_another_signature_or_in_another_way_is_passed_over(tf: Any, tmp_path: Path) -> None:
    assert found(tmp_path) == []
    record(tf, tmp_path, [good(tf, 1, "other"), message((2, b""), (3, b"")), good(tf, 3)])
    assert [columns["speed"].shape for columns in found(tmp_path)] == [(3, 2)]


def test_no_more_are_run_than_tensorflow_serving_runs(tf: Any, tmp_path: Path) -> None:
    record(tf, tmp_path, [good(tf, 1)] * (MOST + 1))
    assert len(found(tmp_path)) == MOST


def test_a_request_without_an_input_is_told(tf: Any, tmp_path: Path) -> None:
    record(tf, tmp_path, [good(tf, 1), predict_log(tf, None, speed=np.zeros((1, 2), np.float32))])
    with pytest.raises(ModelNotUsable, match=r"tf_serving_warmup_requests: request 2 does not fit .*: 'word'"):
        found(tmp_path)


def test_a_request_of_another_dtype_is_told(tf: Any, tmp_path: Path) -> None:
    record(tf, tmp_path, [predict_log(tf, None, speed=np.zeros((1, 2), np.int32), word=np.array([b"a"]))])
    with pytest.raises(ModelNotUsable, match=r"request 1 does not fit the signature: .*Type mismatch"):
        found(tmp_path)


@pytest.mark.parametrize(("content", "why"), [(b"no records at all", "is no file of TensorFlow records")])
def test_a_broken_file_is_told(tf: Any, tmp_path: Path, content: bytes, why: str) -> None:
    record(tf, tmp_path, [])
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ModelNotUsable, match=why):
        found(tmp_path)
    record(tf, tmp_path, [b"\xff"])
    with pytest.raises(ModelNotUsable, match="request 1 does not fit the signature"):
        found(tmp_path)


def test_rows_of_loose_inputs_are_listed(tf: Any, tmp_path: Path) -> None:
    record(tf, tmp_path, [predict_log(tf, None, steps=np.array([[1, 2, 3], [4, 5, 6]], np.int64))])
    loose = Signature("serving_default", (TensorSpec("steps", "int64", (None,), loose=True),))
    [columns] = found(tmp_path, loose)
    assert [cell.tolist() for cell in columns["steps"]] == [[1, 2, 3], [4, 5, 6]]


def test_recorded_examples_become_the_rows_that_they_were_made_of(tf: Any, tmp_path: Path) -> None:
    def feature(**kind: Any) -> Any:
        return tf.train.Feature(**kind)

    def example(**features: Any) -> bytes:
        found: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        return found

    whole = example(
        age=feature(float_list=tf.train.FloatList(value=[1.5, 2.5])),
        tags=feature(bytes_list=tf.train.BytesList(value=[b"x", b"y", b"z"])),
    )
    lacking = example(age=feature(float_list=tf.train.FloatList(value=[3.5, 4.5])))
    examples = Signature(
        "serving_default",
        (TensorSpec("age", "float32", (2, 1)), TensorSpec("tags", "string", (None,), loose=True, optional=True)),
    )
    for kind in (2, 3):
        lists = message((1, whole), (1, lacking))
        record(tf, tmp_path, [message((kind, message((1, message((1, b""), (2, message((1, lists)))))))), good(tf, 1)])
        [columns] = found(tmp_path, examples, as_examples=True)
        assert columns["age"].tolist() == [[[1.5], [2.5]], [[3.5], [4.5]]]
        assert columns["tags"][0].tolist() == [b"x", b"y", b"z"]
        assert columns["tags"][1] is None
    bare = message((1, example()))
    record(tf, tmp_path, [message((2, message((1, message((2, message((1, bare))))))))])
    with pytest.raises(ModelNotUsable, match=r"request 1 does not fit the signature: the feature 'age' is missing"):
        found(tmp_path, examples, as_examples=True)
