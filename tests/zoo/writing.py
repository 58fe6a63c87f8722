"""Ways to write small SavedModels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Body = Callable[..., Mapping[str, Any]]
Inputs = Mapping[str, tuple[list[int | None] | None, Any]]
Write = Callable[[Any, Path], None]


def tf2(body: Callable[[Any], Body], inputs: Inputs, *, signature: str = "serving_default") -> Write:
    """Return what writes a function as a signature; *body* makes it of TensorFlow, inputs are (shape, dtype)."""

    def write(tf: Any, path: Path) -> None:
        specs = [tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()]
        function = tf.function(body(tf), autograph=False).get_concrete_function(*specs)
        tf.saved_model.save(tf.Module(), str(path), signatures={signature: function})

    return write


def tf1(build: Callable[[Any], tuple[Mapping[str, Any], Mapping[str, Any]]], *, method: str = "predict") -> Write:
    """Return what writes a graph of TensorFlow 1; *build* makes inputs and outputs of TensorFlow, by name."""

    def write(tf: Any, path: Path) -> None:
        v1 = tf.compat.v1
        with tf.Graph().as_default(), v1.Session() as session:
            inputs, outputs = build(tf)
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            info = v1.saved_model.build_tensor_info
            definition = v1.saved_model.build_signature_def(
                {name: info(tensor) for name, tensor in inputs.items()},
                {name: info(tensor) for name, tensor in outputs.items()},
                f"tensorflow/serving/{method}",
            )
            builder = v1.saved_model.builder.SavedModelBuilder(str(path))
            builder.add_meta_graph_and_variables(
                session,
                ["serve"],
                {"serving_default": definition},
                assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
                main_op=v1.tables_initializer(),
            )
            builder.save()

    return write


def edited(write: Write, change: Callable[[Any], None]) -> Write:
    """Return what writes a model and then changes the `SavedModel` message in its file."""

    def write_and_edit(tf: Any, path: Path) -> None:
        from models.meta_graph import SavedModel

        write(tf, path)
        message = SavedModel.FromString((path / "saved_model.pb").read_bytes())
        change(message)
        (path / "saved_model.pb").write_bytes(message.SerializeToString())

    return write_and_edit
