"""What there is to know about a SavedModel before it is served."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models import versions
from models.described import Described
from models.errors import ModelError, ModelNotUsable, ScoresAmbiguous
from models.fingerprint import Contents, read_contents
from models.loader import load
from models.meta_graph import read_meta_graph, signature_names
from models.runtime import tf
from models.scores import PREFERRED, Output
from models.signature import TensorSpec
from models.timing import Timing, time_batches
from models.versions import Kind

DEFAULT_SIGNATURE = "serving_default"
SIZES = (1, 8, 64, 512)


@dataclass(frozen=True, slots=True)
class SignatureView:
    """One signature as the model's file declares it."""

    name: str
    method: str
    inputs: tuple[Output, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """How the model would be served.

    Attributes:
        signature: the signature's name.
        inputs: what a record must bring.
        scores: the output to rank by.
        why: why that one.
        labels: where the labels come from, in words.
        batch: how many rows every call takes; None: any number.
        record: an example of a record.
        settings: the arguments of `models.loader.load` that it takes beside the path.
        device: where it ran.
        timings: measured here.
    """

    signature: str
    inputs: tuple[TensorSpec, ...]
    scores: Output
    why: str
    labels: str
    batch: int | None
    record: Mapping[str, Any]
    settings: Mapping[str, str]
    device: str
    timings: tuple[Timing, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A SavedModel, looked at.

    Attributes:
        folder: where the SavedModel is.
        version: its number, or `unversioned`.
        others: the numbers of the other versions beside it, ascending.
        contents: its files.
        written_by: the version of TensorFlow that wrote it; empty when it does not say.
        signatures: by name.
        variables: how many it has.
        elements: how many numbers these hold.
        served: how it would be served; None when it cannot be.
        problem: why not.
    """

    folder: Path
    version: str
    others: tuple[int, ...]
    contents: Contents
    written_by: str
    signatures: tuple[SignatureView, ...]
    variables: int
    elements: int
    served: Served | None = None
    problem: str | None = field(default=None)


def inspect(
    path: Path,
    *,
    version: str = versions.LATEST,
    signature: str | None = None,
    device: str = "auto",
    sizes: Sequence[int] = SIZES,
) -> Inspection:
    """Look at a SavedModel, load it, and time it with batches of *sizes* rows.

    Args:
        path: a SavedModel, or a folder of SavedModels named by their version number.
        version: `latest` or the number of a version.
        signature: the signature to serve; None: `serving_default`, else the first that can be served.
        device: `auto`, `cpu`, `gpu` or `gpu:N`.
        sizes: of the batches; those that the model fixes win; none: nothing is timed.

    Raises:
        ModelNotUsable: there is no SavedModel, or its file cannot be read.
    """
    place, number = versions.resolve(path, version)
    graph = read_meta_graph(place) if versions.kind_of(place) is Kind.SAVED_MODEL else None
    names = signature_names(graph) if graph is not None else [signature or DEFAULT_SIGNATURE]
    served, problem = None, None
    try:
        served, predictor = _served(path, version, names, signature, device=device, sizes=sizes)
    except ModelError as error:
        problem = str(error)
    elements = _variables(place)
    if graph is not None:
        signatures = tuple(_view(name, graph.signature_def[name]) for name in names)
    else:
        signatures = (_view_of(predictor),) if served is not None else ()
    return Inspection(
        folder=place,
        version=number,
        others=tuple(each for each in versions.folders(path) if str(each) != number) if path.is_dir() else (),
        contents=read_contents(place),
        written_by=graph.meta_info_def.tensorflow_version if graph is not None else "",
        signatures=signatures,
        variables=len(elements),
        elements=sum(elements),
        served=served,
        problem=problem,
    )


def _view_of(predictor: Described) -> SignatureView:
    rows = predictor.batch
    inputs = tuple(Output(spec.name, spec.dtype, (rows, *(spec.shape or ()))) for spec in predictor.signature.inputs)
    return SignatureView(predictor.signature.name, "", inputs, predictor.outputs)


def _view(name: str, definition: Any) -> SignatureView:
    return SignatureView(name, definition.method_name, _tensors(definition.inputs), _tensors(definition.outputs))


def _tensors(infos: Mapping[str, Any]) -> tuple[Output, ...]:
    return tuple(_tensor(name, info) for name, info in sorted(infos.items()))


def _tensor(name: str, info: Any) -> Output:
    shape = tf.TensorShape(info.tensor_shape)
    lengths = None if shape.rank is None else tuple(shape.as_list())
    return Output(name, tf.dtypes.as_dtype(info.dtype).name, lengths)


def _variables(folder: Path) -> list[int]:
    """How many elements each variable has."""
    if not (folder / "variables" / "variables.index").is_file():
        return []
    shapes = tf.train.load_checkpoint(str(folder / "variables" / "variables")).get_variable_to_shape_map()
    return [int(np.prod(shape)) for name, shape in shapes.items() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]


def _served(
    path: Path, version: str, names: Sequence[str], wanted: str | None, *, device: str, sizes: Sequence[int]
) -> tuple[Served, Described]:
    if wanted is None and DEFAULT_SIGNATURE not in names:
        return _first_served(path, version, names, device=device, sizes=sizes)
    return _describe(path, version, wanted or DEFAULT_SIGNATURE, device=device, sizes=sizes)


def _first_served(
    path: Path, version: str, names: Sequence[str], *, device: str, sizes: Sequence[int]
) -> tuple[Served, Described]:
    failures = []
    for name in names:
        try:
            return _describe(path, version, name, device=device, sizes=sizes)
        except ModelNotUsable as error:
            failures.append(f"{name}: {error}")
    raise ModelNotUsable("; ".join(failures) or f"the model has no signature {DEFAULT_SIGNATURE!r}, nor any other")


def _describe(
    path: Path, version: str, signature: str, *, device: str, sizes: Sequence[int]
) -> tuple[Served, Described]:
    settings: dict[str, Any] = {} if version == versions.LATEST else {"version": version}
    if signature != DEFAULT_SIGNATURE:
        settings["signature"] = signature
    try:
        predictor = load(path, device=device, **settings)
        why = _why(predictor.scores)
    except ScoresAmbiguous as error:
        settings["scores_output"] = error.candidates[0]
        predictor = load(path, device=device, **settings)
        why = f"named by MODEL_SCORES_OUTPUT; it could also be {', '.join(error.candidates[1:])}"
    predictor.warm_up(1)
    served = Served(
        signature=signature,
        inputs=predictor.signature.inputs,
        scores=predictor.scores,
        why=why,
        labels=_labels(predictor),
        batch=predictor.batch,
        record=_record(predictor),
        settings=settings,
        device=predictor.device,
        timings=tuple(time_batches(predictor, sizes if predictor.batch is None or not sizes else (predictor.batch,))),
    )
    return served, predictor


def _why(scores: Output) -> str:
    return f"its name is {scores.name}" if scores.name in PREFERRED else "the only output that can hold scores"


def _labels(predictor: Described) -> str:
    if predictor.labels_output is not None:
        return f"the output {predictor.labels_output}"
    if predictor.labels is not None:
        return f"the name of the output: {', '.join(predictor.labels)}"
    return "none: classes are called by their index; MODEL_LABELS_PATH names a file with one label a line"


def _record(predictor: Described) -> dict[str, Any]:
    """A record of a row that the model has answered, as JSON carries it."""
    cells = {name: column.tolist()[0] for name, column in predictor.known_good_rows(1).items()}
    return {"id": "r1"} | {name: _as_json(cell) for name, cell in cells.items() if cell is not None}


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):  # the cell of a loose input
        return _as_json(value.tolist())
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": b64encode(value).decode()}
