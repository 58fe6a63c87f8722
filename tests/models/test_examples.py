"""Signatures that classify and regress, as estimators of TensorFlow 1 export them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable, RowsRefused
from models.signature import TensorSpec
from tests.models.conftest import Load

Write = Callable[..., Path]


def objects(*cells: Any) -> Any:
    column = np.empty(len(cells), object)
    column[:] = cells
    return column


def features(tf: Any) -> dict[str, Any]:
    return {
        "age": tf.io.FixedLenFeature([1], tf.float32),
        "count": tf.io.FixedLenFeature([], tf.int64, default_value=3),
        "pixels": tf.io.FixedLenFeature([2, 2], tf.float32, default_value=[[0.5, 0.5], [0.5, 0.5]]),
        "tags": tf.io.VarLenFeature(tf.string),
        "visits": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
    }


def scores_of(tf: Any, parsed: Any) -> Any:
    tags = tf.cast(tf.not_equal(tf.sparse.to_dense(parsed["tags"]), ""), tf.float32)
    return tf.stack(
        [
            parsed["age"][:, 0],
            tf.cast(parsed["count"], tf.float32),
            tf.reduce_sum(parsed["pixels"], [1, 2]),
            tf.reduce_sum(tags, 1),
            tf.reduce_sum(parsed["visits"], 1),
        ],
        axis=1,
    )


@pytest.fixture
def write(tf: Any, tmp_path: Path) -> Write:
    """Write a model of TensorFlow 1 whose signature *method* parses examples."""

    def written(method: str, parse: Any = None, outputs: Any = None) -> Path:
        v1 = tf.compat.v1
        with tf.Graph().as_default(), v1.Session() as session:
            serialized = v1.placeholder(tf.string, [None], name="input_example_tensor")
            parsed = (parse or (lambda strings: v1.io.parse_example(strings, features(tf))))(serialized)
            scores = scores_of(tf, parsed)
            names = tf.tile(tf.constant([["age", "count", "pixels", "tags", "visits"]]), [tf.shape(scores)[0], 1])
            info = v1.saved_model.build_tensor_info
            given = outputs(scores) if outputs else {"scores": scores, "classes": names}
            definition = v1.saved_model.build_signature_def(
                {"inputs": info(serialized)},
                {name: info(tensor) for name, tensor in given.items()},
                f"tensorflow/serving/{method}",
            )
            builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "model"))
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": definition})
            builder.save()
        return tmp_path / "model"

    return written


WANTED = (
    TensorSpec("age", "float32", (1,)),
    TensorSpec("count", "int64", (), loose=True, optional=True),
    TensorSpec("pixels", "float32", (2, 2), loose=True, optional=True),
    TensorSpec("tags", "string", (None,), loose=True, optional=True),
    TensorSpec("visits", "float32", (None,), loose=True, optional=True),
)
COLUMNS = {
    "age": np.array([[1.5], [2.5]], np.float32),
    "count": objects([7], None),
    "pixels": objects(None, [1.0, 2.0, 3.0, 4.0]),
    "tags": objects([b"a", b"\xff"], None),
    "visits": objects(None, [1.0, 2.0, 4.0]),
}
SCORES = [[1.5, 7, 2, 2, 0], [2.5, 3, 10, 0, 7]]


def test_rows_bring_the_features_that_are_parsed_and_those_with_a_default_are_optional(
    load: Load, write: Write
) -> None:
    model = load(write("classify"), top_k=0)
    assert model.signature.inputs == WANTED
    top = model.predict(COLUMNS)
    assert np.take_along_axis(top.scores, np.argsort(top.indices, axis=1), axis=1).tolist() == SCORES
    assert top.labels is not None
    assert top.labels[0].tolist() == [b"count", b"pixels", b"tags", b"age", b"visits"]
    model.warm_up(8)


def test_a_regression_ranks_its_one_output(load: Load, write: Write) -> None:
    model = load(write("regress", outputs=lambda scores: {"outputs": scores[:, :1]}))
    assert model.labels == ("outputs",)
    assert model.predict(COLUMNS).scores.tolist() == [[1.5], [2.5]]


def test_the_older_parser_is_understood_too(tf: Any, load: Load, write: Write) -> None:
    def parse(serialized: Any) -> dict[str, Any]:
        one, two = tf.constant([3], tf.int64), tf.zeros([2, 2]) + 0.5
        indices, values, shapes, dense = tf.raw_ops.ParseExample(
            serialized=serialized,
            names=tf.constant([], tf.string),
            sparse_keys=["tags"],
            dense_keys=["age", "count", "pixels", "visits"],
            dense_defaults=[tf.constant([], tf.float32), one, two, tf.constant([0.0])],
            sparse_types=[tf.string],
            dense_shapes=[[1], [1], [2, 2], [1]],
        )
        tags = tf.SparseTensor(indices[0], values[0], shapes[0])
        age, count, pixels, visits = dense
        return {"age": age, "count": count[:, 0], "pixels": pixels, "tags": tags, "visits": visits}

    model = load(write("classify", parse))
    optional = [spec.name for spec in model.signature.inputs if spec.optional]
    assert optional == ["count", "pixels", "tags", "visits"]
    assert model.predict(COLUMNS | {"visits": objects([2.0], None)}).indices[:, 0].tolist() == [1, 2]


def test_a_parser_within_functions_is_found(tf: Any, load: Load, write: Write) -> None:
    @tf.function
    def inner(strings: Any) -> Any:
        return tf.io.parse_example(tf.identity(strings), features(tf))

    @tf.function
    def outer(strings: Any) -> Any:
        return inner(strings)

    assert load(write("classify", outer)).signature.inputs == WANTED


def test_what_does_not_fit_a_feature_is_refused_by_the_parser(load: Load, write: Write) -> None:
    model = load(write("classify"))
    with pytest.raises(RowsRefused, match=r"Key: pixels.*Number of float values != expected"):
        model.predict(COLUMNS | {"pixels": objects([1.0], None)})


def test_a_classifier_of_the_strings_themselves_takes_them_as_they_are(tf: Any, load: Load, write: Write) -> None:
    def parse(serialized: Any) -> Any:
        optional = tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0])
        length = tf.cast(tf.strings.length(serialized), tf.float32)
        others = tf.io.parse_example(tf.fill([tf.shape(serialized)[0]], ""), features(tf) | {"age": optional})
        return others | {"age": length[:, None]}

    model = load(write("classify", parse))
    assert model.signature.inputs == (TensorSpec("inputs", "string", ()),)
    top = model.predict({"inputs": objects(b"seven..", b"")})
    assert top.labels is not None
    assert top.labels[0].tolist()[0] == b"age"


def test_features_whose_names_come_only_with_a_call_are_refused(tf: Any, load: Load, write: Write) -> None:
    def parse(serialized: Any) -> Any:
        key = tf.strings.join(["a", tf.strings.as_string(tf.random.uniform([], 0, 1, tf.int32))])
        age = tf.raw_ops.ParseExampleV2(
            serialized=serialized,
            names=tf.constant([], tf.string),
            sparse_keys=tf.constant([], tf.string),
            dense_keys=[key],
            ragged_keys=tf.constant([], tf.string),
            dense_defaults=[tf.constant([], tf.float32)],
            num_sparse=0,
            sparse_types=[],
            ragged_value_types=[],
            ragged_split_types=[],
            dense_shapes=[[1]],
        ).dense_values[0]
        return tf.io.parse_example(tf.constant([""]), features(tf)) | {"age": age}

    with pytest.raises(ModelNotUsable, match=r"names of the features .* are not constants"):
        load(write("classify", parse))
