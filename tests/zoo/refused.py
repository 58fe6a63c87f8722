"""The models of the zoo that cannot be served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.zoo.writing import Write, edited, tf1, tf2

X = {"x": ([None, 3], "float32")}


@dataclass(frozen=True, slots=True)
class Refused:
    """A model that cannot be served, and what the service says at its start.

    Attributes:
        name: what is wrong with it.
        write: writes it to a folder; is given TensorFlow.
        message: a regular expression.
        settings: of the service.
    """

    name: str
    write: Write
    message: str
    settings: Mapping[str, str] = field(default_factory=dict)


def _doubled(tf: Any) -> Callable[..., Any]:
    return lambda x: {"scores": x * 2}


def _without(part: str) -> Write:
    def write(tf: Any, path: Path) -> None:
        module = tf.Module()
        module.weights = tf.Variable([1.0, 2.0, 3.0])
        serve = tf.function(lambda x: {"scores": x * module.weights}, autograph=False)
        spec = tf.TensorSpec([None, 3], tf.float32, name="x")
        tf.saved_model.save(module, str(path), signatures=serve.get_concrete_function(spec))
        for file in path.rglob(part):
            file.write_bytes(file.read_bytes()[:10])

    return write


def _unknown_op(message: Any) -> None:
    for function in message.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "Mul":
                node.op = "CustomOpOfSomebody"


def _lacking_placeholder(tf: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    x, rate = tf.compat.v1.placeholder(tf.float32, [None, 3]), tf.compat.v1.placeholder(tf.float32, [])
    return {"x": x}, {"scores": x * rate}


def _tags(*tags: str) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        del message.meta_graphs[0].meta_info_def.tags[:]
        message.meta_graphs[0].meta_info_def.tags.extend(tags)
        twin = message.meta_graphs.add()
        twin.CopyFrom(message.meta_graphs[0])
        twin.meta_info_def.tags.append("more")

    return change


def _bare(tf: Any, path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(path))


CASES = (
    Refused("no signature", _bare, r"no signature 'serving_default'; there are: none at all"),
    Refused(
        "another signature",
        tf2(_doubled, X, signature="predict"),
        r"no signature 'serving_default'; there are: predict",
    ),
    Refused(
        "no input",
        tf2(lambda tf: lambda: {"scores": tf.zeros([1, 2])}, {}),
        r"signature 'serving_default' takes no inputs",
    ),
    Refused(
        "a scalar input",
        tf2(lambda tf: lambda x, rate: {"scores": x * rate}, {**X, "rate": ([], "float32")}),
        r"input 'rate' is a scalar: it needs a batch axis, that is shape \[None\]",
    ),
    Refused(
        "inputs without a common batch axis",
        tf2(
            lambda tf: lambda x, y: {"scores": x + tf.reduce_sum(y)},
            {"x": ([8, 2], "float32"), "y": ([3, 2], "float32")},
        ),
        r"the inputs do not have one batch axis in common, their first axes differ: x \[8, 2\], y \[3, 2\]",
    ),
    Refused(
        "complex numbers",
        tf2(lambda tf: lambda x: {"scores": tf.math.real(x)}, {"x": ([None, 3], "complex64")}),
        r"input 'x' is complex64: only numbers, bool and string can be fed",
    ),
    Refused(
        "scores of three axes",
        tf2(lambda tf: lambda x: {"map": x * 2}, {"x": ([None, 3, 2], "float32")}),
        r"no output can hold scores \(numbers, \[None\], \[None, N\] or \[None, N, 1\]\); there are: map float32",
    ),
    Refused(
        "ragged scores",
        tf2(lambda tf: lambda x: {"scores": tf.RaggedTensor.from_tensor(x)}, X),
        r"no output can hold scores .*; there are: scores",
    ),
    Refused(
        "padded rows with as many scores as they are long",
        tf2(_doubled, {"x": ([None, None], "float32")}),
        r"as many scores as a row is long, so rows cannot be padded to one length",
        settings={"MODEL_PAD_VALUE": "0"},
    ),
    Refused(
        "two labels for one column, and XLA",
        tf2(lambda tf: lambda x: {"spam": x * 2}, {"x": ([None], "float32")}),
        r"need a check that the score is a probability, which XLA leaves out",
        settings={"MODEL_XLA": "on", "BATCH_ALLOWED_SIZES": "4", "MODEL_LABELS_PATH": "{folder}/labels.txt"},
    ),
    Refused(
        "texts as scores",
        tf2(lambda tf: lambda x: {"label": tf.strings.as_string(x)}, X),
        r"no output can hold scores .*; there are: label string \[None, 3\]",
    ),
    Refused(
        "several outputs that could be the scores",
        tf2(lambda tf: lambda x: {"a": x * 2, "b": x * 3}, X),
        r"which output holds the scores\? Name one of: a float32 \[None, 3\]; b float32 \[None, 3\]",
    ),
    Refused(
        "one answer for all rows",
        tf2(lambda tf: lambda x: {"scores": tf.reduce_sum(x, 0, keepdims=True)[: tf.shape(x)[0]]}, X),
        r"was given \d+ rows and answered for 1",
    ),
    Refused(
        "zeros refused",
        tf2(
            lambda tf: lambda x: {"scores": tf.debugging.check_numerics(1 / x, "1 / x")},
            X,
        ),
        r"fails for made-up rows \(zeros and empty strings\): 1 / x : Tensor had Inf",
    ),
    Refused(
        "labels of another number",
        tf2(_doubled, X),
        r"labels\.txt has 2 labels, but output 'scores' has 3 columns",
        settings={"MODEL_LABELS_PATH": "{folder}/labels.txt"},
    ),
    Refused(
        "an op that is not there", edited(tf2(_doubled, X), _unknown_op), r"Tried .*CustomOpOfSomebody.*; by its graph"
    ),
    Refused("an input that nothing feeds", tf1(_lacking_placeholder), r"Tried .*; by its graph alone: .*placeholder"),
    Refused("variables that are cut off", _without("*.data*"), r"cannot be loaded\. Tried .*; by its graph alone: "),
    Refused("a graph that is cut off", _without("saved_model.pb"), r"cannot be loaded: its saved_model\.pb is broken"),
    Refused(
        "no graph for serving", edited(tf2(_doubled, X), _tags("train")), r"no graph tagged `serve`; there are: train"
    ),
    Refused(
        "XLA for any size",
        tf2(_doubled, X),
        r"MODEL_XLA=on needs BATCH_ALLOWED_SIZES",
        settings={"MODEL_XLA": "on"},
    ),
    Refused(
        "texts for XLA",
        tf2(lambda tf: lambda x: {"scores": tf.strings.length(x)}, {"x": ([None, 2], "string")}),
        r"Detected unsupported operations when trying to compile graph",
        settings={"MODEL_XLA": "on", "BATCH_ALLOWED_SIZES": "4"},
    ),
)
