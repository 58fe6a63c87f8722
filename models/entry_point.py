"""A signature of a loaded SavedModel: how to call it, what it takes and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy.typing as npt

from models.cells import pad_value_for, padded
from models.errors import ModelNotUsable
from models.examples import ExampleFeatures
from models.meta_graph import takes_examples
from models.packing import Packing
from models.predictor import Columns
from models.runtime import tf
from models.scores import NUMERIC, Output
from models.signature import Signature, TensorSpec

_TAKEN = NUMERIC | {"bool", "string"}
_COMPOSITE = {
    "sparse": (tf.SparseTensor, tf.SparseTensorSpec),
    "ragged": (tf.RaggedTensor, tf.RaggedTensorSpec),
}


class _Argument(NamedTuple):
    """What feeds one input: the names of the function's arguments, and the dense tensor that is given."""

    keywords: tuple[str, ...]
    spec: Any


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A signature function and what is known about it.

    Attributes:
        function: TensorFlow's function; takes keyword arguments, returns outputs by name.
        keywords: the argument names of the function, by input: one, or three of a sparse tensor's parts.
        specs: TensorFlow's specs of the inputs as dense tensors, with the batch axis, in the same order.
        signature: the inputs that a row must bring, in the same order unless they become `examples`.
        outputs: what the function returns.
        batch: how many rows every call takes; None: any number.
        packing: which inputs are given as one tensor.
        examples: what is parsed from the one argument, if that takes serialized examples.
        padding: what the loose inputs are padded with, by name.
    """

    function: Any
    keywords: tuple[tuple[str, ...], ...]
    specs: tuple[Any, ...]
    signature: Signature
    outputs: tuple[Output, ...]
    batch: int | None
    packing: Packing
    examples: ExampleFeatures | None = None
    padding: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fed_specs(self) -> list[Any]:
        """TensorFlow's specs of what `feed` returns."""
        return self.packing.specs(self.specs)

    def feed(self, columns: Columns) -> list[npt.NDArray[Any]]:
        """Return one array for each of `fed_specs`, for the rows in *columns*."""
        if self.examples is not None:
            return [self.examples.serialize(columns)]
        return self.packing.pack(
            [
                padded(columns[spec.name], self.padding[spec.name]) if spec.loose else columns[spec.name]
                for spec in self.signature.inputs
            ]
        )

    def padded_with(self, value: float) -> Self:
        """Return the same for rows whose open axes are padded with *value*, so that they share a batch.

        Raises:
            ModelNotUsable: an input cannot hold it.
        """
        if self.examples is not None:
            return self  # rows of other lengths share a batch anyway
        inputs = tuple(replace(spec, loose=spec.loose or None in (spec.shape or ())) for spec in self.signature.inputs)
        padding = {spec.name: pad_value_for(spec, value) for spec in inputs if spec.loose}
        return replace(self, signature=replace(self.signature, inputs=inputs), padding=padding)

    def call(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the outputs by name for one dense tensor for each of `fed_specs`."""
        arguments: dict[str, Any] = {}
        for keywords, tensor in zip(self.keywords, self.packing.unpack(inputs), strict=True):
            arguments |= zip(keywords, [tensor] if len(keywords) == 1 else _sparse_parts(tensor), strict=True)
        outputs: dict[str, Any] = self.function(**arguments)
        return outputs


def _sparse_parts(tensor: Any) -> tuple[Any, Any, Any]:
    sparse = tf.sparse.from_dense(tensor)
    return sparse.indices, sparse.values, sparse.dense_shape


def find_entry_point(loaded: Any, name: str, definition: Any) -> EntryPoint:
    """Return the signature *name* of a loaded SavedModel.

    Where it classifies or regresses, its only input may take serialized examples: if it parses them, a row brings the
    features that they hold.

    Args:
        loaded: what TensorFlow made of it.
        name: of the signature.
        definition: the `SignatureDef` in its file; None: there is none.

    Raises:
        ModelNotUsable: there is no such signature (the message lists those there are), or rows cannot feed it.
    """
    if name not in loaded.signatures or definition is None:
        there = ", ".join(sorted(loaded.signatures)) or "none at all"
        raise ModelNotUsable(f"the model has no signature {name!r}; there are: {there}")
    function = loaded.signatures[name]
    arguments = _arguments(function, definition)
    if not arguments:
        raise ModelNotUsable(f"signature {name!r} takes no inputs")
    examples = None
    if takes_examples(definition) and len(arguments) == 1:
        examples = ExampleFeatures.find(function.graph.as_graph_def(), function.inputs[0].op.name)
    inputs = examples.specs if examples else tuple(_row_spec(*each) for each in arguments.items())
    batch = _batch(arguments)
    specs = tuple(_with_rows(batch, argument.spec) for argument in arguments.values())
    return EntryPoint(
        function=function,
        keywords=tuple(argument.keywords for argument in arguments.values()),
        specs=specs,
        signature=Signature(name, inputs),
        outputs=_outputs(function),
        batch=batch,
        examples=examples,
        packing=Packing.of(specs),
    )


def _arguments(function: Any, definition: Any) -> dict[str, _Argument]:
    """Return the arguments by the name of the input that they belong to, in the order of the names."""
    given = dict(function.structured_input_signature[1])
    arguments: dict[str, _Argument] = {}
    for name, info in definition.inputs.items():
        # TensorFlow turns names like "my-input" into Python identifiers in some models, and in others it does not.
        for keyword in dict.fromkeys((name, _mangled(name))):
            parts = tuple(f"{keyword}_{part}" for part in ("indices", "values", "dense_shape"))
            if keyword in given:
                arguments[name] = _Argument((keyword,), given.pop(keyword))
            elif info.WhichOneof("encoding") == "coo_sparse" and given.keys() >= set(parts):
                spec = tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.dtypes.as_dtype(info.dtype))
                arguments[name] = _Argument(parts, spec)
                given = {left: spec for left, spec in given.items() if left not in parts}
    arguments |= {keyword: _Argument((keyword,), spec) for keyword, spec in given.items()}
    return dict(sorted(arguments.items()))


def _mangled(name: str) -> str:
    identifier = "".join(letter if letter.isalnum() else "_" for letter in name)
    return identifier if identifier[0].isalpha() else "arg_" + identifier


def _row_spec(name: str, argument: _Argument) -> TensorSpec:
    spec = argument.spec
    if spec.dtype.name not in _TAKEN:
        raise ModelNotUsable(f"input {name!r} is {spec.dtype.name}: only numbers, bool and string can be fed")
    if spec.shape.rank is None:
        return TensorSpec(name, spec.dtype.name, None)
    shape = tuple(spec.shape.as_list())
    if not shape:
        raise ModelNotUsable(f"input {name!r} is a scalar: it needs a batch axis, that is shape [None]")
    return TensorSpec(name, spec.dtype.name, shape[1:])


def _batch(arguments: Mapping[str, _Argument]) -> int | None:
    """Return how many rows every call takes, by the first axis of all inputs; None: any number."""
    first = {name: argument.spec.shape[0] for name, argument in arguments.items() if argument.spec.shape.rank}
    fixed = {name: rows for name, rows in first.items() if rows is not None}
    if len(set(fixed.values())) > 1:
        shapes = ", ".join(f"{name} {arguments[name].spec.shape.as_list()}" for name in first)
        raise ModelNotUsable(
            f"the inputs do not have one batch axis in common, their first axes differ: {shapes}; export all of them "
            "with the rows of a batch as axis 0, that is None"
        )
    if 0 in fixed.values():
        raise ModelNotUsable(f"the inputs take no rows, their first axis has length 0: {', '.join(fixed)}")
    return next(iter(fixed.values()), None)


def _with_rows(batch: int | None, spec: Any) -> Any:
    if batch is None or spec.shape.rank is None:
        return spec
    return tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, spec.name)


def _outputs(function: Any) -> tuple[Output, ...]:
    # Sorted, for TensorFlow gives them in another order in every process.
    return tuple(_output(output, tensor) for output, tensor in sorted(function.structured_outputs.items()))


def _output(name: str, tensor: Any) -> Output:
    for kind, types in _COMPOSITE.items():
        if isinstance(tensor, types):
            return Output(name, kind, None)  # no scores to rank by
    shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
    return Output(name, tensor.dtype.name, shape)
