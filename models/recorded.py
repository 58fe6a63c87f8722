"""Requests that somebody recorded for a model's warm-up, kept with it as TensorFlow Serving keeps them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from models.errors import ModelNotUsable
from models.predictor import Columns
from models.runtime import tf
from models.signature import Signature, TensorSpec

FILE = Path("assets.extra", "tf_serving_warmup_requests")
MOST = 1000
"""TensorFlow Serving runs no more either."""

# The numbers of fields in TensorFlow Serving's messages, of which we have no classes.
_CLASSIFY, _REGRESS, _PREDICT = 2, 3, 6
_REQUEST = 1
_MODEL_SPEC, _INPUTS, _INPUT = 1, 2, 2
_SIGNATURE_NAME = 3
_EXAMPLE_LISTS = (1, 2)
_EXAMPLES = 1


def recorded_requests(folder: Path, signature: Signature, *, as_examples: bool) -> Iterator[Columns]:
    """Yield the rows of each request for *signature* that was recorded with the SavedModel in *folder*.

    Args:
        folder: where requests are looked for in `assets.extra/tf_serving_warmup_requests`; without that there are none.
        signature: what rows bring.
        as_examples: whether the requests bring serialized examples.

    Raises:
        ModelNotUsable: the file is broken, or a request does not fit the signature.
    """
    file = folder / FILE
    if not file.is_file():
        return
    for number, log in enumerate(_records(file), start=1):
        if number > MOST:
            return
        try:
            columns = _columns(log, signature, as_examples=as_examples)
        except (ValueError, KeyError, DecodeError, tf.errors.OpError) as error:
            raise ModelNotUsable(f"{file}: request {number} does not fit the signature: {error}") from error
        if columns is not None:
            yield columns


def _records(file: Path) -> Iterator[bytes]:
    try:
        yield from tf.compat.v1.io.tf_record_iterator(str(file))
    except tf.errors.DataLossError as error:
        raise ModelNotUsable(f"{file} is no file of TensorFlow records: {error.message}") from error


def _columns(log: bytes, signature: Signature, *, as_examples: bool) -> Columns | None:
    """The rows of one recorded request; None where it asks for another signature or in another way."""
    kinds = (_CLASSIFY, _REGRESS) if as_examples else (_PREDICT,)
    requests = [request for kind in kinds for each in _fields(log)[kind] for request in _fields(each)[_REQUEST]]
    for request in requests:
        fields = _fields(request)
        names = [name.decode() for spec in fields[_MODEL_SPEC] for name in _fields(spec)[_SIGNATURE_NAME]]
        if (names or ["serving_default"])[0] == signature.name:
            return _of_examples(fields[_INPUT], signature) if as_examples else _of_tensors(fields[_INPUTS], signature)
    return None


def _of_tensors(entries: Iterable[bytes], signature: Signature) -> Columns:
    tensors = {_fields(entry)[1][0].decode(): _fields(entry)[2][0] for entry in entries}
    columns = {}
    for spec in signature.inputs:
        array = tf.io.parse_tensor(tensors[spec.name], spec.dtype).numpy()
        if not array.ndim or not len(array):
            raise ValueError(f"the input {spec.name!r} brings no row")
        columns[spec.name] = _objects(array) if spec.loose else array
    return columns


def _of_examples(inputs: Iterable[bytes], signature: Signature) -> Columns:
    lists = [each for one in inputs for kind in _EXAMPLE_LISTS for each in _fields(one)[kind]]
    examples = [tf.train.Example.FromString(example) for each in lists for example in _fields(each)[_EXAMPLES]]
    columns = {}
    for spec in signature.inputs:
        cells = [_cell(example.features.feature, spec) for example in examples]
        columns[spec.name] = _objects(cells) if spec.loose else np.stack(cells)
    return columns


def _cell(features: Any, spec: TensorSpec) -> Any:
    if spec.name not in features:
        if spec.optional:
            return None
        raise ValueError(f"the feature {spec.name!r} is missing")
    kind = features[spec.name].WhichOneof("kind")
    values = getattr(features[spec.name], kind).value if kind else []
    cell = np.array(values, object if spec.dtype == "string" else spec.dtype)
    shape = spec.shape or ()
    return cell if None in shape else cell.reshape([length or 0 for length in shape])


def _objects(cells: Iterable[Any]) -> npt.NDArray[np.object_]:
    listed = list(cells)
    column = np.empty(len(listed), object)
    for row, cell in enumerate(listed):
        column[row] = cell
    return column


def _fields(message: bytes) -> defaultdict[int, list[Any]]:
    """The values of a message's fields, by number."""
    fields: defaultdict[int, list[Any]] = defaultdict(list)
    for field in UnknownFieldSet(Empty.FromString(message)):
        fields[field.field_number].append(field.data)
    return fields
