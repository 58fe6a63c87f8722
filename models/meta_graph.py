"""What stands in the file of a SavedModel: its graph and its signatures, as protocol buffers."""

from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from models.errors import ModelNotUsable
from models.runtime import tf

# Its public modules do not show it, and an import statement would stand before the one that sets TensorFlow up.
SavedModel = import_module(f"{tf.__name__}.core.protobuf.saved_model_pb2").SavedModel

# TensorFlow's own entry points, stored as signatures: what sets the model up, and what trains it further.
_INTERNAL = frozenset({"__saved_model_init_op", "__saved_model_train_op"})
_TAGS = frozenset({"serve"})
_TAKE_EXAMPLES = frozenset({"tensorflow/serving/classify", "tensorflow/serving/regress"})


def read_meta_graph(folder: Path) -> Any:
    """Return the `MetaGraphDef` in *folder* that is meant for serving: the one tagged `serve`, else the only one.

    Raises:
        ModelNotUsable: the file is broken, or holds several graphs and none of them is tagged so.
    """
    graphs = _read(folder).meta_graphs
    for graph in graphs:
        if set(graph.meta_info_def.tags) == _TAGS:
            return graph
    if len(graphs) == 1:
        return graphs[0]
    there = "; ".join(" ".join(sorted(graph.meta_info_def.tags)) or "no tags" for graph in graphs) or "none"
    raise ModelNotUsable(f"model path {folder} has no graph tagged `serve`; there are: {there}")


def signature_names(graph: Any) -> list[str]:
    """Return the names of the signatures that a `MetaGraphDef` offers."""
    return sorted(set(graph.signature_def) - _INTERNAL)


def takes_examples(definition: Any) -> bool:
    """Tell whether a `SignatureDef` classifies or regresses, as estimators export it to take serialized examples."""
    return definition.method_name in _TAKE_EXAMPLES


def definition_of(graph: Any, signature: str) -> Any:
    """Return the `SignatureDef` of a signature; None when the graph does not offer it."""
    return graph.signature_def.get(signature)


def write_for_serving(graph: Any, folder: Path, *, signature: str, placement: str) -> None:
    """Write a SavedModel to *folder* that holds of *graph* only what TensorFlow 1 knew, and that one signature.

    It has no variables and assets of its own. Its variables are placed where *placement* says: left to TensorFlow, they
    are restored on the CPU and then missed on the GPU.
    """
    alone = type(graph)()
    alone.CopyFrom(graph)
    alone.ClearField("object_graph_def")
    for name in set(alone.signature_def) - {signature}:
        del alone.signature_def[name]
    for node in alone.graph_def.node:
        if node.op == "VarHandleOp":
            node.device = placement
    model = SavedModel()
    model.saved_model_schema_version = 1
    model.meta_graphs.append(alone)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())


def _read(folder: Path) -> Any:
    model = SavedModel()
    try:
        if (folder / "saved_model.pb").is_file():
            model.ParseFromString((folder / "saved_model.pb").read_bytes())
        else:
            text_format.Parse((folder / "saved_model.pbtxt").read_text("utf-8"), model)
    except OSError as error:
        raise ModelNotUsable(f"model path {folder} cannot be read: {error.strerror or error}") from error
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ModelNotUsable(f"model path {folder} cannot be loaded: its saved_model.pb is broken ({error})") from error
    return model
