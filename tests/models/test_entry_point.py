from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable
from models.signature import TensorSpec
from tests.models.conftest import Export, Load


def test_inputs_are_named_and_typed_as_a_row_sees_them(tf: Any, export: Export, load: Load) -> None:
    path = export(
        lambda pixels, age, member, embedding, words, small: {"scores": pixels[:, 0]},
        pixels=([None, 2, None], tf.float32),
        age=([None], tf.int64),
        member=([None, 3], tf.bool),
        embedding=([None, 4], tf.bfloat16),
        words=([None, None], tf.string),
        small=([None, 1], tf.uint8),
    )
    signature = load(path).signature
    assert signature.name == "serving_default"
    assert set(signature.inputs) == {
        TensorSpec("pixels", "float32", (2, None)),
        TensorSpec("age", "int64", ()),
        TensorSpec("member", "bool", (3,)),
        TensorSpec("embedding", "bfloat16", (4,)),
        TensorSpec("words", "string", (None,)),
        TensorSpec("small", "uint8", (1,)),
    }


def test_an_input_keeps_a_name_that_is_no_identifier(tf: Any, load: Load, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None, 2], tf.float32, name="my.input")
    serve = tf.function(lambda table: {"scores": table}, input_signature=[spec], autograph=False)
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures={"serving_default": serve})
    model = load(tmp_path / "m")
    assert [one.name for one in model.signature.inputs] == ["my.input"]
    assert model.predict({"my.input": [[1.0, 2.0]]}).scores.tolist() == [[2.0, 1.0]]


def test_a_saved_model_of_tensorflow_1_can_be_served(tf: Any, load: Load, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        table = v1.placeholder(tf.float32, [None, 2], name="table")
        scores = table * v1.get_variable("factor", initializer=3.0)
        keys = tf.constant([0, 1], tf.int64)
        names = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, tf.constant(["no", "yes"])), "?")
        classes = tf.tile(names.lookup(keys)[tf.newaxis], [tf.shape(table)[0], 1])
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "v1"))
        info = v1.saved_model.build_tensor_info
        definition = v1.saved_model.build_signature_def(
            {"my-input": info(table)}, {"scores": info(scores), "classes": info(classes)}, "predict"
        )
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": definition}, main_op=v1.tables_initializer()
        )
        builder.save()
    model = load(tmp_path / "v1")
    assert model.signature.inputs == (TensorSpec("my-input", "float32", (2,)),)
    top = model.predict({"my-input": [[1.0, 2.0]]})
    assert (top.scores.tolist(), top.indices.tolist()) == ([[6.0, 3.0]], [[1, 0]])
    assert top.labels is not None
    assert top.labels.tolist() == [[b"yes", b"no"]]


def test_another_signature_can_be_picked(tf: Any, load: Load, tmp_path: Path) -> None:
    spec = [tf.TensorSpec([None], tf.float32, name="value")]
    signatures = {
        name: tf.function(lambda value, factor=factor: {"scores": value * factor}, autograph=False)
        for name, factor in (("serving_default", 1.0), ("doubled", 2.0))
    }
    concrete = {name: function.get_concrete_function(*spec) for name, function in signatures.items()}
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures=concrete)
    assert load(tmp_path / "m", signature="doubled").predict({"value": [2.0]}).scores.tolist() == [[4.0]]
    with pytest.raises(ModelNotUsable, match=r"no signature 'tripled'; there are: doubled, serving_default$"):
        load(tmp_path / "m", signature="tripled")


def test_a_model_without_signatures_is_refused(tf: Any, load: Load, tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "bare"))
    with pytest.raises(ModelNotUsable, match=r"no signature 'serving_default'; there are: none at all$"):
        load(tmp_path / "bare")


def test_a_signature_without_inputs_is_refused(tf: Any, export: Export, load: Load) -> None:
    with pytest.raises(ModelNotUsable, match="takes no inputs"):
        load(export(lambda: {"scores": tf.zeros([1, 2])}))


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_an_input_of_any_shape_is_warmed_up_with_one_that_the_model_takes(
    tf: Any, export: Export, load: Load, rank: int
) -> None:
    def body(table: Any) -> dict[str, Any]:
        fits = tf.debugging.assert_equal(tf.rank(table), rank + 1)
        with tf.control_dependencies([fits]):
            return {"scores": tf.reshape(table, [tf.shape(table)[0], -1]) * 2}

    model = load(export(body, table=(None, tf.float32)), top_k=0)
    assert model.signature.inputs == (TensorSpec("table", "float32", None),)
    model.warm_up(4)
    assert model.answers()
    rows = np.ones((3, *[2] * rank), np.float32)
    assert model.predict({"table": rows}).scores.shape == (3, 2**rank)


@pytest.mark.parametrize("other", [8, None])
def test_a_model_of_so_many_rows_a_call_is_called_with_as_many(
    tf: Any, export: Export, load: Load, other: int | None
) -> None:
    heights: list[int] = []

    def body(table: Any, factor: Any) -> dict[str, Any]:
        tf.py_function(lambda table: heights.append(len(table)), [table], [])
        return {"scores": table * factor[:, tf.newaxis]}

    module = load(export(body, table=([8, 3], tf.float32), factor=([other], tf.float32)))
    assert set(module.signature.inputs) == {TensorSpec("table", "float32", (3,)), TensorSpec("factor", "float32", ())}
    for rows in (1, 8, 9, 20):
        heights.clear()
        table = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
        top = module.predict({"table": table, "factor": np.full(rows, 2, np.float32)})
        assert top.scores.tolist() == (table[:, ::-1] * 2).tolist()
        assert heights == [8] * -(-rows // 8)


@pytest.mark.parametrize("dtype", ["float32", "string"])
def test_a_sparse_input_of_tensorflow_1_takes_dense_rows(tf: Any, load: Load, tmp_path: Path, dtype: str) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        sparse = v1.sparse_placeholder(dtype, [None, 3], name="placeholder")
        other = v1.placeholder(tf.float32, [None])
        ones = tf.ones_like(sparse.indices[:, 0])
        known = tf.sparse.to_dense(tf.SparseTensor(sparse.indices, ones, sparse.dense_shape))
        scores = tf.concat([tf.cast(known, tf.float32), other[:, tf.newaxis]], axis=1)
        builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "v1"))
        info = v1.saved_model.build_tensor_info
        definition = v1.saved_model.build_signature_def(
            {"my-words": info(sparse), "other": info(other)}, {"scores": info(tf.reshape(scores, [-1, 4]))}, "predict"
        )
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": definition})
        builder.save()
    model = load(tmp_path / "v1", top_k=0)
    assert model.signature.inputs == (TensorSpec("my-words", dtype, (3,)), TensorSpec("other", "float32", ()))
    model.warm_up(4)
    rows = [[b"", b"a", b"b"], [b"c", b"", b""]] if dtype == "string" else [[0, 7, -1], [9, 0, 0]]
    words = np.array(rows, object if dtype == "string" else dtype)
    top = model.predict({"my-words": words, "other": np.array([2, 3.0])})
    assert top.scores.tolist() == [[2, 1, 1, 0], [3, 1, 0, 0]]
    assert top.indices.tolist() == [[3, 1, 2, 0], [3, 0, 1, 2]]


def test_inputs_without_a_common_batch_axis_are_refused(tf: Any, export: Export, load: Load) -> None:
    path = export(lambda x, y: {"scores": x + tf.reduce_sum(y)}, x=([8, 2], tf.float32), y=([3, 2], tf.float32))
    with pytest.raises(ModelNotUsable, match=r"first axes differ: x \[8, 2\], y \[3, 2\]; export all of them with"):
        load(path)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (([0, 2], "float32"), "the inputs take no rows, their first axis has length 0: table"),
        (([], "float32"), "'table' is a scalar: it needs a batch axis"),
        (([None, 2], "complex64"), "'table' is complex64: only numbers, bool and string can be fed"),
    ],
)
def test_an_input_that_rows_cannot_feed_is_refused(
    tf: Any, export: Export, load: Load, spec: tuple[list[int | None] | None, str], why: str
) -> None:
    path = export(lambda table: {"scores": tf.zeros([tf.size(table), 2])}, table=spec)
    with pytest.raises(ModelNotUsable, match=why):
        load(path)
