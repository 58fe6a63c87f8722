"""The graph of one call: the model's signature, and the best classes of each row, in one TensorFlow function."""

from typing import Any

from models.entry_point import EntryPoint
from models.errors import ModelNotUsable
from models.failures import first_line
from models.runtime import tf
from models.scores import Output


def build_ranking(
    entry: EntryPoint, *, scores: Output, columns: int | None, row_labels: Output | None, top_k: int, xla: bool = False
) -> Any:
    """Return a concrete function from one tensor per input to the best classes of each row.

    It returns, in this order, what `models.predictor.TopK` describes: scores `[B, K]`, indices `[B, K]`, finite `[B]`
    and, only with *row_labels*, labels `[B, K]`.

    Args:
        entry: the signature to call.
        scores: the output to rank by.
        columns: how many classes there are; a batch with another number of columns is refused. None: any number. 2 for
            a single column: both classes are ranked, that of index 0 by 1 minus the score of the other.
        row_labels: the string output with the labels, `[B, N]` or `[N]`.
        top_k: entries to keep; 0 keeps all.
        xla: whether XLA compiles all of it, at the first call with each shape.
    """

    def rank(*inputs: Any) -> list[Any]:
        outputs = entry.call(inputs)
        table = _table(outputs[scores.name], scores, columns)
        best, indices = _best(table, top_k)
        ranking = [best, indices, _finite(table)]
        if row_labels is not None:
            ranking.append(_picked(outputs[row_labels.name], columns, indices))
        return ranking

    try:
        return tf.function(rank, autograph=False, jit_compile=xla or None).get_concrete_function(*entry.fed_specs)
    except (TypeError, ValueError) as error:  # what the graph's own shapes or types do not allow
        raise ModelNotUsable(f"signature {entry.signature.name!r} cannot be ranked: {first_line(error)}") from error


def _table(scores: Any, spec: Output, columns: int | None) -> Any:
    """Return the scores as `[B, N]`; 16-bit floats as float32, which holds them exactly."""
    table = scores[:, tf.newaxis] if scores.shape.rank == 1 else scores[..., 0] if scores.shape.rank == 3 else scores
    if table.dtype in (tf.float16, tf.bfloat16):
        table = tf.cast(table, tf.float32)
    if columns == 2 and spec.columns == 1:
        return _both(table)
    if table.shape.rank is None or (columns is not None and table.shape[1] is None):
        table = tf.ensure_shape(table, [None, columns])
    return table


def _both(table: Any) -> Any:
    """Return the probabilities of both classes, `[B, 2]`, from those of the second one, `[B, 1]`."""
    outside = tf.logical_or(table < 0, table > 1)
    certain = tf.debugging.Assert(
        tf.logical_not(tf.reduce_any(outside)),
        ["two labels for one column take a probability from 0 to 1, not the score", tf.boolean_mask(table, outside)],
    )
    with tf.control_dependencies([certain]):
        return tf.concat([1 - table, table], axis=1)


def _best(table: Any, top_k: int) -> tuple[Any, Any]:
    if table.shape[1] == 1:
        return table, tf.zeros_like(table, tf.int32)
    columns = table.shape[1] if table.shape[1] is not None else tf.shape(table)[1]
    kept = columns if top_k == 0 else min(top_k, columns) if isinstance(columns, int) else tf.minimum(top_k, columns)
    if not table.dtype.is_floating:
        return tuple(tf.math.top_k(table, k=kept))
    # A sort may do as it likes with NaN, even read beyond the row, for NaN has no place in an order; -inf is last.
    keys = tf.where(tf.math.is_nan(table), tf.constant(float("-inf"), table.dtype), table)
    indices = tf.math.top_k(keys, k=kept).indices
    return tf.gather(table, indices, axis=1, batch_dims=1), indices


def _finite(table: Any) -> Any:
    if not table.dtype.is_floating:
        return tf.fill(tf.shape(table)[:1], True)
    return tf.reduce_all(tf.math.is_finite(table), axis=1)


def _picked(labels: Any, columns: int | None, indices: Any) -> Any:
    if labels.shape.rank == 1:
        return labels[:, tf.newaxis] if columns == 1 and labels.shape[0] != 1 else tf.gather(labels, indices)
    if labels.shape[1] is None and columns is not None:
        labels = tf.ensure_shape(labels, [None, columns])
    return tf.gather(labels, indices, axis=1, batch_dims=1)
