"""A signature of a loaded SavedModel: how to call it, what it takes and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy.typing as npt

from models.cells import pad_value_for, padded
from models.errors import ModelNotUsable
from models.examples import ExampleFeatures
from models.predictor import Columns
from models.runtime import tf
from models.scores import NUMERIC, Output
from models.signature import Signature, TensorSpec

_TAKEN = NUMERIC | {"bool", "string"}


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A signature function and what is known about it.

    Attributes:
        function: TensorFlow's function; takes keyword arguments, returns outputs by name.
        keywords: the argument names of the function; `signature.inputs` are in the same order.
        specs: TensorFlow's specs of these arguments, with the batch axis, in the same order.
        signature: the inputs that a row must bring.
        outputs: what the function returns.
        batch: how many rows every call takes; None: any number.
        examples: what is parsed from the one argument, if that takes serialized examples.
        padding: what the loose inputs are padded with, by name.
    """

    function: Any
    keywords: tuple[str, ...]
    specs: tuple[Any, ...]
    signature: Signature
    outputs: tuple[Output, ...]
    batch: int | None
    examples: ExampleFeatures | None = None
    padding: Mapping[str, Any] = field(default_factory=dict)

    def feed(self, columns: Columns) -> list[npt.NDArray[Any]]:
        """Return one array per argument, in the order of `specs`, for the rows in *columns*."""
        if self.examples is not None:
            return [self.examples.serialize(columns)]
        return [
            padded(columns[spec.name], self.padding[spec.name]) if spec.loose else columns[spec.name]
            for spec in self.signature.inputs
        ]

    def padded_with(self, value: float) -> Self:
        """Return the same for rows whose open axes are padded with *value*, so that they share a batch.

        Raises:
            ModelNotUsable: an input cannot hold it.
        """
        inputs = tuple(replace(spec, loose=spec.loose or None in spec.shape) for spec in self.signature.inputs)
        padding = {spec.name: pad_value_for(spec, value) for spec in inputs if spec.loose}
        return replace(self, signature=replace(self.signature, inputs=inputs), padding=padding)

    def call(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the outputs by name for one tensor per argument, in the order of `specs`."""
        outputs: dict[str, Any] = self.function(**dict(zip(self.keywords, inputs, strict=True)))
        return outputs


def find_entry_point(loaded: Any, name: str, *, as_examples: bool = False) -> EntryPoint:
    """Return the signature *name* of a loaded SavedModel.

    With *as_examples* its only input may take serialized examples: if they are parsed, a row brings the features that
    these hold.

    Raises:
        ModelNotUsable: there is no such signature (the message lists those there are), or rows cannot feed it.
    """
    if name not in loaded.signatures:
        there = ", ".join(sorted(loaded.signatures)) or "none at all"
        raise ModelNotUsable(f"the model has no signature {name!r}; there are: {there}")
    function = loaded.signatures[name]
    arguments = dict(sorted(function.structured_input_signature[1].items()))
    if not arguments:
        raise ModelNotUsable(f"signature {name!r} takes no inputs")
    if as_examples and len(arguments) == 1:
        examples = ExampleFeatures.find(function.graph.as_graph_def(), function.inputs[0].op.name)
        if examples is not None:
            return _of_examples(function, name, arguments, examples)
    names = [_input_name(keyword, spec.name) for keyword, spec in arguments.items()]
    inputs = tuple(_row_spec(*each) for each in zip(names, arguments.values(), strict=True))
    batch = _batch(dict(zip(names, arguments.values(), strict=True)))
    specs = tuple(_with_rows(batch, spec) for spec in arguments.values())
    return EntryPoint(function, tuple(arguments), specs, Signature(name, inputs), _outputs(function), batch)


def _of_examples(function: Any, name: str, arguments: Mapping[str, Any], examples: ExampleFeatures) -> EntryPoint:
    [(keyword, spec)] = arguments.items()
    signature = Signature(name, examples.specs)
    batch = _batch(arguments)
    return EntryPoint(function, (keyword,), (_with_rows(batch, spec),), signature, _outputs(function), batch, examples)


def _input_name(keyword: str, spec_name: str | None) -> str:
    # TensorFlow turns names like "my-input" into Python identifiers; which of the two it keeps differs between the
    # SavedModels of TensorFlow 1 and 2. We show the one that is not mangled, which is the one in the model's file.
    return spec_name if spec_name and _mangled(spec_name) == keyword else keyword


def _mangled(name: str) -> str:
    identifier = "".join(letter if letter.isalnum() else "_" for letter in name)
    return identifier if identifier[0].isalpha() else "arg_" + identifier


def _row_spec(name: str, spec: Any) -> TensorSpec:
    if spec.dtype.name not in _TAKEN:
        raise ModelNotUsable(f"input {name!r} is {spec.dtype.name}: only numbers, bool and string can be fed")
    if spec.shape.rank is None:
        raise ModelNotUsable(f"input {name!r} has no shape: export it with one, such as [None, 4]")
    shape = tuple(spec.shape.as_list())
    if not shape:
        raise ModelNotUsable(f"input {name!r} is a scalar: it needs a batch axis, that is shape [None]")
    return TensorSpec(name, spec.dtype.name, shape[1:])


def _batch(arguments: Mapping[str, Any]) -> int | None:
    """Return how many rows every call takes, by the first axis of all inputs; None: any number."""
    fixed = {name: spec.shape[0] for name, spec in arguments.items() if spec.shape[0] is not None}
    if len(set(fixed.values())) > 1:
        shapes = ", ".join(f"{name} {spec.shape.as_list()}" for name, spec in arguments.items())
        raise ModelNotUsable(
            f"the inputs do not have one batch axis in common, their first axes differ: {shapes}; export all of them "
            "with the rows of a batch as axis 0, that is None"
        )
    if 0 in fixed.values():
        raise ModelNotUsable(f"the inputs take no rows, their first axis has length 0: {', '.join(fixed)}")
    return next(iter(fixed.values()), None)


def _with_rows(batch: int | None, spec: Any) -> Any:
    return spec if batch is None else tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, spec.name)


def _outputs(function: Any) -> tuple[Output, ...]:
    # Sorted, for TensorFlow gives them in another order in every process.
    return tuple(_output(output, tensor) for output, tensor in sorted(function.structured_outputs.items()))


def _output(name: str, tensor: Any) -> Output:
    shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
    return Output(name, tensor.dtype.name, shape)
