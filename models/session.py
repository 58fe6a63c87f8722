"""A ranking that a session of TensorFlow 1 runs, in the thread that asks for it."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.errors import ModelNotUsable
from models.runtime import tf

MOST_BYTES = 10_000_000
"""Of all variables: the session has copies of its own."""

# Numbers as NumPy has them: what is given goes to the runtime as it is.
_KINDS = "biuf"
# Of results that are the same but for the order of operations.
_ALIKE = 1e-3
# Of the operations with a state, those that only read it, or fail.
_HARMLESS = {
    "ReadVariableOp",
    "ResourceGather",
    "ResourceGatherNd",
    "StatefulPartitionedCall",
    "Assert",
    "CheckNumerics",
    "CheckNumericsV2",
}

# A loop may take any time, and nothing ends it. (The executor refuses the older kinds of loops and conditions itself.)
_CONTROL_FLOW = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"}

v1 = tf.compat.v1
# Its public modules have neither of them; Keras and TensorFlow's own tests use both.
_ops = import_module(f"{tf.__name__}.python.framework.op_def_registry")
_config = import_module(f"{tf.__name__}.core.protobuf.config_pb2")


class RankingSession:
    """Runs a ranking's graph in the thread that asks, and without what calling a function of TensorFlow 2 costs.

    That is two thirds of a small model's call: arguments become tensors one by one, and the runtime hands even a graph
    whose operations run one after the other to a thread of its pool and waits. What an operation does in parallel by
    itself stays as it is.

    Use `of`.
    """

    def __init__(self, call: Any, inputs: Sequence[Any]) -> None:
        self._call = call
        self._dtypes = tuple(np.dtype(each.dtype.as_numpy_dtype) for each in inputs)

    @classmethod
    def of(cls, ranking: Any, inputs: int) -> Self:
        """Return what runs *ranking*.

        It can be done where the graph reads variables of at most `MOST_BYTES`, writes none, has no other state
        (such as a table, or a random number's), no loop and no condition, and takes numbers that NumPy has.

        Args:
            ranking: a concrete function, see `models.ranking`.
            inputs: how many of its inputs come with a call; the others it captured.

        Raises:
            ModelNotUsable: it cannot be done.
        """
        definition = ranking.graph.as_graph_def()
        for each in ranking.inputs[:inputs]:
            if np.dtype(each.dtype.as_numpy_dtype).kind not in _KINDS:
                raise ModelNotUsable(f"a session is not given {each.dtype.name}")
        for node in _nodes(definition):
            operation = _ops.get(node.op)
            stateful = operation is None or operation.is_stateful
            if node.op in _CONTROL_FLOW or (stateful and node.op not in _HARMLESS):
                raise ModelNotUsable(f"a session does not run {node.op}")
        variables = _Variables()
        with tf.Graph().as_default() as graph:
            captured = {inner.name: variables.add(outer) for outer, inner in ranking.graph.captures}
            ends = v1.import_graph_def(
                definition,
                input_map=captured,
                return_elements=[each.name for each in (*ranking.inputs[:inputs], *ranking.outputs)],
            )
        session = v1.Session(graph=graph, config=_one_thread())
        variables.fill(session)
        fed, fetched = ends[:inputs], ends[inputs:]
        options = _config.CallableOptions(
            feed=[each.name for each in fed],
            fetch=[each.name for each in fetched],
            run_options=v1.RunOptions(inter_op_thread_pool=-1),
        )
        return cls(session._make_callable_from_options(options), fed)

    def __call__(self, arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]] | None:
        """Return the ranking of *arrays*; None: they have other dtypes than the graph.

        The runtime takes their bytes as they are.

        Raises:
            Exception: what TensorFlow raises.
        """
        if tuple(array.dtype for array in arrays) != self._dtypes:
            return None
        # What the graph hands through unchanged comes back as the memory that was given, if that is aligned.
        return [
            one.copy() if any(np.may_share_memory(one, given) for given in arrays) else one
            for one in self._call(*arrays)
        ]

    def answers_as(self, expected: Sequence[npt.NDArray[Any]], arrays: Sequence[npt.NDArray[Any]]) -> bool:
        """Whether what it says of *arrays* is *expected*, but for the last bits."""
        answered = self(arrays)
        return answered is not None and all(
            _are_alike(one, other) for one, other in zip(answered, expected, strict=True)
        )


class _Variables:
    """What a graph captured, for a session: variables of its own with the same values, and constants."""

    def __init__(self) -> None:
        self._filling: list[tuple[Any, Any, Any]] = []
        self._nbytes = 0

    def add(self, captured: Any) -> Any:
        """Return what takes the place of *captured* in the graph that is the default."""
        if captured.dtype != tf.resource:
            value = captured.numpy()
            self._count(value.nbytes)
            return tf.constant(value)
        kinds: Sequence[Any] = captured._handle_data.shape_and_type if captured._handle_data is not None else ()
        if len(kinds) != 1 or not tf.TensorShape(kinds[0].shape).is_fully_defined():
            raise ModelNotUsable("a session is given variables of a fixed shape only")
        dtype, shape = tf.dtypes.as_dtype(kinds[0].dtype), tf.TensorShape(kinds[0].shape)
        self._count(dtype.size * shape.num_elements())
        handle = tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name=f"variable_{len(self._filling)}")
        value = v1.placeholder(dtype, shape)
        self._filling.append((tf.raw_ops.AssignVariableOp(resource=handle, value=value), value, captured))
        return handle

    def _count(self, nbytes: int) -> None:
        self._nbytes += nbytes
        if self._nbytes > MOST_BYTES:
            raise ModelNotUsable(f"a session is given variables of {MOST_BYTES} bytes at most")

    def fill(self, session: Any) -> None:
        """Give the variables in *session* their values."""
        for assign, value, captured in self._filling:
            session.run(assign, {value: tf.raw_ops.ReadVariableOp(resource=captured, dtype=value.dtype).numpy()})


def _one_thread() -> Any:
    # What TensorFlow was told of GPUs, such as to leave them alone, holds for its functions only.
    config = v1.ConfigProto(inter_op_parallelism_threads=-1, device_count={"GPU": 0})
    config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    return config


def _are_alike(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return np.allclose(one, other, _ALIKE, _ALIKE, equal_nan=True) if one.dtype.kind == "f" else True


def _nodes(definition: Any) -> Iterator[Any]:
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def
