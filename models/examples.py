"""Signatures that take serialized `tf.train.Example`s: the features that they parse, and rows made into examples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import ModelNotUsable
from models.predictor import Columns, height
from models.runtime import tf
from models.signature import TensorSpec

_PASSES_ON = frozenset({"Identity", "StopGradient"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_LISTS = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}


@dataclass(frozen=True, slots=True)
class ExampleFeatures:
    """The features of the examples that a signature takes.

    Attributes:
        specs: a row's inputs; those that the parser has a default for, or takes any number of, are optional.
    """

    specs: tuple[TensorSpec, ...]

    @classmethod
    def find(cls, graph: Any, placeholder: str) -> "ExampleFeatures | None":
        """Return the features that *graph*, a `GraphDef`, parses from the strings of *placeholder*.

        None: it parses no examples from them; some models classify texts themselves.

        Raises:
            ModelNotUsable: the features have no names that are known before a call.
        """
        library = {function.signature.name: function for function in graph.library.function}
        parsers = list(_parsers(_Body(graph.node), {placeholder}, library))
        if not parsers:
            return None
        specs: dict[str, TensorSpec] = {}
        for body, node in parsers:
            specs |= {spec.name: spec for spec in _features(body, node)}
        return cls(tuple(specs[name] for name in sorted(specs)))

    def serialize(self, columns: Columns) -> npt.NDArray[np.object_]:
        """Return one serialized example per row of *columns*."""
        examples = np.empty(height(columns), object)
        for row in range(len(examples)):
            features = {
                spec.name: _feature(spec.dtype, columns[spec.name][row])
                for spec in self.specs
                if columns[spec.name][row] is not None
            }
            examples[row] = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        return examples


def _feature(dtype: str, cell: Any) -> Any:
    kind = _LISTS[dtype]
    values = np.asarray(cell, object if dtype == "string" else dtype).ravel().tolist()
    lists = {"float_list": tf.train.FloatList, "int64_list": tf.train.Int64List, "bytes_list": tf.train.BytesList}
    return tf.train.Feature(**{kind: lists[kind](value=values)})


class _Body:
    """The nodes of a graph or of a function, by name."""

    def __init__(self, nodes: Sequence[Any]) -> None:
        self.nodes = {node.name: node for node in nodes}

    def constant(self, reference: str) -> npt.NDArray[Any] | None:
        """The value of a tensor that is a constant, maybe in another shape; None of others."""
        node = self.nodes.get(_source(reference))
        while node is not None and node.op in {"Reshape", *_PASSES_ON}:
            node = self.nodes.get(_source(node.input[0]))
        return None if node is None or node.op != "Const" else tf.make_ndarray(node.attr["value"].tensor)


def _source(reference: str) -> str:
    return reference.removeprefix("^").split(":")[0]


def _parsers(body: _Body, carriers: set[str], library: Mapping[str, Any]) -> Iterator[tuple[_Body, Any]]:
    """Yield the nodes that parse what the *carriers* carry, each with the body that it stands in."""
    waiting = list(body.nodes.values())
    found = True
    while found:  # nodes stand in any order
        found = False
        for node in list(waiting):
            places = [place for place, reference in enumerate(node.input) if _source(reference) in carriers]
            if not places:
                continue
            waiting.remove(node)
            if node.op in _PASSES_ON:
                carriers.add(node.name)
                found = True
            elif node.op in _CALLS and node.attr["f"].func.name in library:
                function = library[node.attr["f"].func.name]
                arguments = {function.signature.input_arg[place].name for place in places}
                yield from _parsers(_Body(function.node_def), arguments, library)
            elif node.op in {"ParseExample", "ParseExampleV2"} and 0 in places:
                yield body, node


def _features(body: _Body, node: Any) -> Iterator[TensorSpec]:
    attributes = {name: list(node.attr[name].list.type) for name in ("sparse_types", "Tdense", "ragged_value_types")}
    sparse, dense, ragged, defaults = _inputs(body, node, attributes)
    for name, dtype in (*_typed(sparse, attributes["sparse_types"]), *_typed(ragged, attributes["ragged_value_types"])):
        yield TensorSpec(name, dtype, (None,), loose=True, optional=True)
    shapes = node.attr["dense_shapes"].list.shape
    for (name, dtype), shape, default in zip(_typed(dense, attributes["Tdense"]), shapes, defaults, strict=True):
        lengths = tuple(None if dimension.size < 0 else dimension.size for dimension in shape.dim)
        # An open first axis takes any number; an empty default means that there is none.
        optional = None in lengths or default is None or default.size > 0
        yield TensorSpec(name, dtype, lengths, loose=optional, optional=optional)


def _inputs(
    body: _Body, node: Any, attributes: Mapping[str, Sequence[int]]
) -> tuple[list[bytes], list[bytes], list[bytes], list[npt.NDArray[Any] | None]]:
    """The names of the sparse, dense and ragged features, and the defaults of the dense ones (None: not known)."""
    counts = [len(attributes[name]) for name in ("sparse_types", "Tdense", "ragged_value_types")]
    if node.op == "ParseExampleV2":
        # serialized, names, sparse_keys, dense_keys, ragged_keys, dense_defaults...
        keys = [_names(body, [reference]) for reference in node.input[2:5]]
        defaults = node.input[5 : 5 + counts[1]]
    else:
        # serialized, names, sparse_keys..., dense_keys..., dense_defaults...
        ends = np.cumsum([2, counts[0], counts[1], counts[1]]).tolist()
        keys = [_names(body, node.input[ends[0] : ends[1]]), _names(body, node.input[ends[1] : ends[2]]), []]
        defaults = node.input[ends[2] : ends[3]]
    sparse, dense, ragged = keys
    return sparse, dense, ragged, [body.constant(reference) for reference in defaults]


def _names(body: _Body, references: Sequence[str]) -> list[bytes]:
    names: list[bytes] = []
    for reference in references:
        value = body.constant(reference)
        if value is None:
            raise ModelNotUsable("the names of the features that the graph parses are not constants")
        names += value.ravel().tolist()
    return names


def _typed(names: Sequence[bytes], types: Sequence[int]) -> list[tuple[str, str]]:
    return [(name.decode(), tf.dtypes.as_dtype(kind).name) for name, kind in zip(names, types, strict=True)]
