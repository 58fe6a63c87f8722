"""Bring a SavedModel from its folder into memory, by one way or another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.device import Device
from models.errors import ModelNotUsable
from models.failures import first_line
from models.meta_graph import write_for_serving
from models.runtime import tf
from models.temporary import make_folder, remove, remove_with

_LINKED = ("variables", "assets")


def load_objects(folder: Path, graph: Any, *, signature: str, device: Device) -> Any:
    """Return what TensorFlow makes of the SavedModel in *folder*; its `signatures` hold *signature*, if it has that.

    A model of which some object cannot be made (an optimizer of an old Keras, a class that is registered nowhere) is
    loaded as TensorFlow 1 did it: its graph and its variables alone, cut down to the one signature.

    Args:
        folder: of the SavedModel.
        graph: the `MetaGraphDef` in it that is meant.
        signature: the signature that is wanted.
        device: where the variables go.

    Raises:
        ModelNotUsable: no way leads there; the message tells what was tried, and why each failed.
    """
    ways: dict[str, Callable[[], Any]] = {
        "with all its objects": lambda: tf.saved_model.load(str(folder), tags=list(graph.meta_info_def.tags)),
    }
    if signature in graph.signature_def:
        ways["by its graph alone"] = lambda: _load_graph(graph, folder, signature, device)
    failures: list[Exception] = []
    for load in ways.values():
        try:
            with tf.device(device.placement):
                return load()
        except Exception as error:  # a broken file, an op that this TensorFlow lacks: it has a dozen types for them
            failures.append(error)
    tried = "; ".join(f"{way}: {first_line(error)}" for way, error in zip(ways, failures, strict=True))
    raise ModelNotUsable(f"model path {folder} cannot be loaded. Tried {tried}") from failures[0]


def _load_graph(graph: Any, folder: Path, signature: str, device: Device) -> Any:
    beside = make_folder("streamrank-model-")
    try:
        for name in _LINKED:
            if (folder / name).is_dir():
                (beside / name).symlink_to((folder / name).resolve())
        write_for_serving(graph, beside, signature=signature, placement=device.placement)
        loaded = tf.saved_model.load(str(beside))
    except BaseException:
        remove(beside)
        raise
    # Not sooner: functions of the model may read its assets whenever they are called.
    remove_with(loaded, beside)
    return loaded
