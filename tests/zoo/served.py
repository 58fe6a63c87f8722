"""The models of the zoo that can be served."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.zoo.case import Answer, Case, Rows, call
from tests.zoo.writing import edited, tf1, tf2

X = {"x": ([None, 3], "float32")}
THREE: Rows = [{"x": [1.0, 3.0, 2.0]}, {"x": [0.5, -1.0, 0.25]}, {"x": [7.0, 7.0, 9.0]}]


def _doubled(tf: Any) -> Any:
    return lambda x: {"scores": x * 2}


def _number(dtype: str) -> Case:
    low, high = (0, 200) if dtype.startswith("u") else (-100, 100)
    rows = [{"x": [1, high, low]}, {"x": [3, 2, 1]}]
    if "float" in dtype:
        rows = [{"x": [1.5, 2.25, -3.0]}, {"x": [0.0, -0.5, 4.0]}]
    return Case(dtype, tf2(lambda tf: lambda x: {"scores": tf.identity(x)}, {"x": ([None, 3], dtype)}), rows, call())


def _vocabulary(tf: Any, folder: Path) -> Any:
    file = folder / "words.txt"
    file.write_text("cat\ndog\n", encoding="utf-8")
    lines = tf.lookup.TextFileIndex
    return tf.lookup.TextFileInitializer(str(file), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER)


def _write_words(tf: Any, path: Path) -> None:
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(_vocabulary(tf, path.parent), 2)
    module.weights = tf.Variable([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0], [0.0, 9.0, 0.0]])
    module.optimizer, module.momentum = tf.Module(), tf.Variable([[0.0]])
    spec = tf.TensorSpec([None], tf.string, name="word")
    serve = tf.function(
        lambda word: {"scores": tf.gather(module.weights, module.table.lookup(word))},
        input_signature=[spec],
        autograph=False,
    )
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})
    (path.parent / "words.txt").unlink()


def _lose_the_optimizer(message: Any) -> None:
    nodes = message.meta_graphs[0].object_graph_def.nodes
    places = {child.local_name: child.node_id for child in nodes[0].children}
    nodes[places["optimizer"]].slot_variables.add(
        slot_name="m", original_variable_node_id=places["weights"], slot_variable_node_id=places["momentum"]
    )


def _weights(tf: Any, path: Path, rows: Rows) -> Answer:
    """What the model that `_write_words` writes says, where TensorFlow itself does not load it."""
    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    weights = reader.get_tensor("weights/.ATTRIBUTES/VARIABLE_VALUE")
    return Answer(weights[[["cat", "dog", "?"].index(row["word"]) for row in rows]])


def _tf1_words(tf: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    v1 = tf.compat.v1
    word = v1.placeholder(tf.string, [None], name="word")
    keys, values = tf.constant(["cat", "dog"]), tf.constant([0, 1], tf.int64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 2)
    weights = v1.get_variable("w", initializer=[[1.0, 2, 3], [6.0, 5, 4], [0.0, 9, 0]], use_resource=False)
    scores = tf.gather(weights, table.lookup(word))
    names = tf.tile(tf.constant([["low", "middle", "high"]]), [tf.shape(word)[0], 1])
    return {"word": word}, {"scores": scores, "classes": names}


def _tf1_loop(tf: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    v1 = tf.compat.v1
    v1.disable_control_flow_v2()
    try:
        x = v1.placeholder(tf.float32, [None, 2])
        _, doubled = v1.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 2), [tf.constant(0), x])
    finally:
        v1.enable_control_flow_v2()
    return {"x": x}, {"scores": doubled}


FEATURES: Rows = [
    {"age": [1.5], "tags": ["a", b"\xff"], "count": 7},
    {"age": [2.5]},
    {"age": [0.5], "tags": ["x", "y", "z", "w"]},
]


def _examples(outputs: str) -> Any:
    def build(tf: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        v1 = tf.compat.v1
        serialized = v1.placeholder(tf.string, [None], name="input_example_tensor")
        parsed = v1.io.parse_example(
            serialized,
            {
                "age": tf.io.FixedLenFeature([1], tf.float32),
                "count": tf.io.FixedLenFeature([], tf.int64, default_value=3),
                "tags": tf.io.VarLenFeature(tf.string),
            },
        )
        tags = tf.cast(tf.not_equal(tf.sparse.to_dense(parsed["tags"]), ""), tf.float32)
        count = tf.cast(parsed["count"], tf.float32)
        scores = tf.stack([parsed["age"][:, 0], count, tf.reduce_sum(tags, 1)], axis=1)
        if outputs == "regress":
            return {"inputs": serialized}, {"outputs": scores[:, :1]}
        names = tf.tile(tf.constant([["age", "count", "tags"]]), [tf.shape(scores)[0], 1])
        return {"inputs": serialized}, {"scores": scores, "classes": names}

    return build


def _serialized(tf: Any, row: Mapping[str, Any]) -> bytes:
    kinds = {
        "age": lambda value: tf.train.Feature(float_list=tf.train.FloatList(value=value)),
        "count": lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])),
        "tags": lambda value: tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[tag.encode() if isinstance(tag, str) else tag for tag in value])
        ),
    }
    features = tf.train.Features(feature={name: kinds[name](value) for name, value in row.items()})
    example: bytes = tf.train.Example(features=features).SerializeToString()
    return example


def _call_with_examples(scores: str, labels: Any) -> Any:
    ask = call(scores=scores, labels=labels)
    return lambda tf, path, rows: ask(tf, path, [{"inputs": _serialized(tf, row)} for row in rows])


def _write_keras(tf: Any, path: Path) -> None:
    import keras

    keras.utils.set_random_seed(3)
    one, two = keras.Input((3,), name="one"), keras.Input((1,), name="two", dtype="float32")
    joined = keras.layers.Concatenate()([one, keras.layers.Rescaling(0.5)(two)])
    scores = keras.layers.Dense(4, activation="relu", name="scores")(joined)
    keras.Model(inputs=[one, two], outputs=scores).export(path, verbose=False)


def _keras(tf: Any, path: Path, rows: Rows) -> Answer:
    function = tf.saved_model.load(str(path)).signatures["serving_default"]
    # One row at a time: a matrix product may add up in another order for another number of rows.
    parts = [
        function(one=tf.constant([row["one"]], tf.float32), two=tf.constant([row["two"]], tf.float32)) for row in rows
    ]
    return Answer(np.concatenate([next(iter(part.values())).numpy() for part in parts]))


def _write_text_form(tf: Any, path: Path) -> None:
    from google.protobuf import text_format

    from models.meta_graph import SavedModel

    tf2(_doubled, X)(tf, path)
    message = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (path / "saved_model.pb").unlink()
    (path / "saved_model.pbtxt").write_text(text_format.MessageToString(message), "utf-8")


def _write_picky(tf: Any, path: Path) -> None:
    """A model that refuses zeros, and one recorded request."""
    from tests.models.test_recorded import predict_log, record

    def body(tf: Any) -> Any:
        def positive(x: Any) -> Any:
            with tf.control_dependencies([tf.debugging.assert_positive(x)]):
                return {"scores": x * 2}

        return positive

    tf2(body, X)(tf, path)
    record(tf, path, [predict_log(tf, None, x=np.ones((2, 3), np.float32))])


def _write_sparse(tf: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    sparse = tf.compat.v1.sparse_placeholder(tf.float32, [None, 3])
    count = tf.sparse.reduce_sum(tf.SparseTensor(sparse.indices, tf.ones_like(sparse.values), sparse.dense_shape), 1)
    total = tf.sparse.reduce_sum(sparse, 1)
    return {"x": sparse}, {"scores": tf.reshape(tf.stack([count, total], axis=1), [-1, 2])}


def _sparse(tf: Any, path: Path, rows: Rows) -> Answer:
    function = tf.saved_model.load(str(path)).signatures["serving_default"]
    sparse = tf.sparse.from_dense(tf.constant([row["x"] for row in rows], tf.float32))
    arguments = {"x_indices": sparse.indices, "x_values": sparse.values, "x_dense_shape": sparse.dense_shape}
    return Answer(function(**arguments)["scores"].numpy())


def _padded(tf: Any, path: Path, rows: Rows) -> Answer:
    width = max(len(row["x"]) for row in rows)
    ask = call()
    return ask(tf, path, [{"x": row["x"] + [-1] * (width - len(row["x"]))} for row in rows])


def _both(tf: Any, path: Path, rows: Rows) -> Answer:
    spam = call(scores="spam")(tf, path, rows).scores
    return Answer(np.concatenate([1 - spam, spam], axis=1), ["ham", "spam"])


def _sums(tf: Any) -> Any:
    """The sum of what is not negative, and how many columns the model sees."""

    def body(x: Any) -> dict[str, Any]:
        columns = tf.fill([tf.shape(x)[0]], tf.cast(tf.shape(x)[1], tf.float32))
        return {"scores": tf.stack([tf.reduce_sum(tf.nn.relu(x), 1), columns], axis=1)}

    return body


def _write_keras_file(tf: Any, path: Path) -> None:
    import keras

    keras.utils.set_random_seed(3)
    path.mkdir()
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, {"scores": keras.layers.Dense(4, activation="softmax")(inputs)})
    model.save(path / "mine.keras")
    np.save(path.parent / "said.npy", model(np.array([row["x"] for row in THREE], np.float32))["scores"].numpy())


def _write_tflite_file(tf: Any, path: Path) -> None:
    path.mkdir()
    tf2(_doubled, X)(tf, path.parent / "converted")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path.parent / "converted"))
    (path / "mine.tflite").write_bytes(converter.convert())


def _said(tf: Any, path: Path, rows: Rows) -> Answer:
    return Answer(np.load(path.parent / "said.npy"))


def _converted(tf: Any, path: Path, rows: Rows) -> Answer:
    return call()(tf, path.parent / "converted", rows)


UNEVEN: Rows = [{"x": [1, 2, 3]}, {"x": [5]}, {"x": [2, 2, 2]}, {"x": [9, 9]}]

CASES = (
    *(_number(dtype) for dtype in ("float16", "bfloat16", "float32", "float64")),
    *(_number(dtype) for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")),
    Case(
        "bool",
        tf2(lambda tf: lambda x: {"scores": tf.cast(x, tf.float32) * [1.0, 2.0, 3.0]}, {"x": ([None, 3], "bool")}),
        [{"x": [True, False, True]}, {"x": [False, True, False]}],
        call(),
    ),
    Case(
        "string, also such as are no text",
        tf2(
            lambda tf: lambda x: {"scores": tf.cast(tf.strings.length(x), tf.int32)},
            {"x": ([None, 2], "string")},
        ),
        [{"x": ["abc", "ä"]}, {"x": [b"\xff\xfe\xfd\xfc", ""]}],
        call(),
    ),
    Case("a table, an asset and a variable", _write_words, [{"word": "dog"}, {"word": "?"}, {"word": "cat"}], call()),
    Case(
        "an optimizer that cannot be restored",
        edited(_write_words, _lose_the_optimizer),
        [{"word": "cat"}, {"word": "?"}, {"word": "dog"}],
        _weights,
    ),
    Case(
        "several inputs with names that are no identifiers",
        tf2(
            lambda tf: lambda a, b, c: {"scores": tf.stack([a[:, 0], tf.cast(b, tf.float32), c[:, 0, 1]], axis=1)},
            {"my-input": ([None, 1], "float32"), "b.c": ([None], "int32"), "C": ([None, 1, 2], "float32")},
        ),
        [{"my-input": [1.5], "b.c": 2, "C": [[0.0, 3.0]]}, {"my-input": [9.5], "b.c": -2, "C": [[1.0, 0.25]]}],
        call(),
    ),
    Case(
        "an image of three axes",
        tf2(lambda tf: lambda x: {"scores": tf.reduce_max(x, [1, 2])}, {"x": ([None, 2, 2, 3], "float32")}),
        [{"x": [[[1.0, 2, 3], [4, 0, 0]], [[0, 9, 0], [0, 0, 1]]]}],
        call(),
    ),
    Case(
        "one number a row, one score a row",
        tf2(lambda tf: lambda x: {"rating": x * 2}, {"x": ([None], "float32")}),
        [{"x": 1.5}, {"x": -2.0}],
        call(scores="rating", labels=["rating"]),
    ),
    Case(
        "one column of scores",
        tf2(lambda tf: lambda x: {"rating": x[:, :1]}, X),
        THREE,
        call(scores="rating", labels=["rating"]),
    ),
    Case("scores with a last axis of length 1", tf2(lambda tf: lambda x: {"scores": x[..., None]}, X), THREE, call()),
    Case(
        "two names for one probability",
        tf2(lambda tf: lambda x: {"spam": x}, {"x": ([None], "float32")}),
        [{"x": 0.25}, {"x": 0.75}, {"x": 0.5}],
        _both,
        settings={"MODEL_LABELS_PATH": "{folder}/labels.txt"},
        files={"labels.txt": "ham\nspam\n"},
    ),
    Case(
        "labels from a file",
        tf2(_doubled, X),
        THREE,
        call(labels=["a", "b", "ö c"]),
        settings={"MODEL_LABELS_PATH": "{folder}/labels.txt"},
        files={"labels.txt": "a\nb\nö c\n"},
    ),
    Case(
        "labels of each row",
        tf2(lambda tf: lambda x: {"scores": x, "classes": tf.strings.as_string(tf.cast(x, tf.int32))}, X),
        THREE,
        call(labels="classes"),
    ),
    Case(
        "labels for all rows",
        tf2(lambda tf: lambda x: {"scores": x, "labels": tf.constant(["a", "b", "c"])}, X),
        THREE[:2],
        call(labels="labels"),
    ),
    Case(
        "several outputs that could be the scores",
        tf2(lambda tf: lambda x: {"logits": x * 2, "odds": x * 3, "words": tf.strings.as_string(x)}, X),
        THREE,
        call(scores="logits"),
    ),
    Case(
        "probabilities beside others",
        tf2(lambda tf: lambda x: {"probabilities": tf.identity(x), "logits": -x}, X),
        THREE,
        call(scores="probabilities"),
    ),
    Case("another signature", tf2(_doubled, X, signature="predict"), THREE, call("predict")),
    Case("always 4 rows a call", tf2(_doubled, {"x": ([4, 3], "float32")}), [*THREE, *THREE], call(rows_at_once=4)),
    Case("always 1 row a call", tf2(_doubled, {"x": ([1, 3], "float32")}), THREE, call(rows_at_once=1)),
    Case(
        "8 rows a call, labels for all rows",
        tf2(lambda tf: lambda x: {"scores": x, "labels": tf.constant(["a", "b", "c"])}, {"x": ([8, 3], "float32")}),
        THREE,
        call(rows_at_once=8, labels="labels"),
    ),
    Case(
        "rows that differ in length, apart",
        tf2(_sums, {"x": ([None, None], "float32")}),
        UNEVEN,
        call(rows_at_once=1),
    ),
    Case(
        "rows that differ in length, padded",
        tf2(_sums, {"x": ([None, None], "float32")}),
        UNEVEN,
        _padded,
        settings={"MODEL_PAD_VALUE": "-1"},
    ),
    Case(
        "an input of any shape",
        tf2(lambda tf: lambda x: {"scores": tf.reshape(x, [tf.shape(x)[0], -1]) * 2}, {"x": (None, "float32")}),
        THREE,
        call(),
    ),
    Case(
        "ragged inside",
        tf2(
            lambda tf: lambda x: {"scores": tf.cast(tf.strings.split(x).row_lengths(), tf.int32)[:, None] * [1, 2]},
            {"x": ([None], "string")},
        ),
        [{"x": "a b c"}, {"x": ""}, {"x": "d"}],
        call(),
    ),
    Case("a sparse input", tf1(_write_sparse), [{"x": [1.0, 0.0, 3.0]}, {"x": [0.0, 0.0, 0.0]}], _sparse),
    Case(
        "allowed sizes",
        tf2(_doubled, X),
        [*THREE, *THREE],
        call(),
        settings={"BATCH_ALLOWED_SIZES": "4,16"},
    ),
    Case(
        "compiled by XLA",
        tf2(_doubled, X),
        THREE,
        call(),
        settings={"BATCH_ALLOWED_SIZES": "4", "MODEL_XLA": "on"},
    ),
    Case(
        "Keras 3",
        _write_keras,
        [{"one": [1.0, 2.0, 3.0], "two": [4.0]}, {"one": [0.0, 0.5, 9.0], "two": [-4.0]}],
        _keras,
        exact=False,
    ),
    Case("a file of Keras", _write_keras_file, THREE, _said, exact=False),
    Case("a file of TensorFlow Lite", _write_tflite_file, THREE, _converted, cpu_only=True),
    Case("a text file instead of a binary one", _write_text_form, THREE, call()),
    Case("recorded requests, and zeros refused", _write_picky, [{"x": [1.0, 2.0, 3.0]}], call()),
    Case(
        "TensorFlow 1: a table and an old variable",
        tf1(_tf1_words),
        [{"word": "dog"}, {"word": "cat"}],
        call(labels="classes"),
    ),
    Case("TensorFlow 1: a loop", tf1(_tf1_loop), [{"x": [1.0, 2.0]}, {"x": [4.0, 3.0]}], call()),
    Case(
        "TensorFlow 1: classify",
        tf1(_examples("classify"), method="classify"),
        FEATURES,
        _call_with_examples("scores", "classes"),
    ),
    Case(
        "TensorFlow 1: regress",
        tf1(_examples("regress"), method="regress"),
        FEATURES,
        _call_with_examples("outputs", ["outputs"]),
    ),
)
