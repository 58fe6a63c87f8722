"""The graph of one call: the model's signature, and the best classes of each row, in one TensorFlow function."""

from typing import Any

from models.entry_point import EntryPoint
from models.runtime import tf
from models.scores import Output


def build_ranking(
    entry: EntryPoint, *, scores: Output, columns: int | None, row_labels: Output | None, top_k: int
) -> Any:
    """Return a concrete function from one tensor per input to the best classes of each row.

    It returns, in this order, what `models.predictor.TopK` describes: scores `[B, K]`, indices `[B, K]`, finite `[B]`
    and, only with *row_labels*, labels `[B, K]`.

    Args:
        entry: the signature to call.
        scores: the output to rank by.
        columns: how many columns *scores* has; a batch with another number is refused. None: any number.
        row_labels: the string output with the labels, `[B, N]` or `[N]`.
        top_k: entries to keep; 0 keeps all.
    """

    def rank(*inputs: Any) -> list[Any]:
        outputs = entry.call(inputs)
        table = _table(outputs[scores.name], columns)
        best, indices = _best(table, top_k)
        ranking = [best, indices, _finite(table)]
        if row_labels is not None:
            ranking.append(_picked(outputs[row_labels.name], row_labels, columns, indices))
        return ranking

    return tf.function(rank, autograph=False).get_concrete_function(*entry.specs)


def _table(scores: Any, columns: int | None) -> Any:
    """Return the scores as `[B, N]`; 16-bit floats as float32, which holds them exactly."""
    table = scores[:, tf.newaxis] if scores.shape.rank == 1 else scores
    if table.shape.rank is None or (columns is not None and table.shape[1] is None):
        table = tf.ensure_shape(table, [None, columns])
    return tf.cast(table, tf.float32) if table.dtype in (tf.float16, tf.bfloat16) else table


def _best(table: Any, top_k: int) -> tuple[Any, Any]:
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


def _picked(labels: Any, spec: Output, columns: int | None, indices: Any) -> Any:
    if spec.shape == (None,):
        return tf.gather(labels[:, tf.newaxis], indices, axis=1, batch_dims=1)
    if len(spec.shape or ()) == 1:
        return tf.gather(labels, indices)
    if labels.shape[1] is None and columns is not None:
        labels = tf.ensure_shape(labels, [None, columns])
    return tf.gather(labels, indices, axis=1, batch_dims=1)
