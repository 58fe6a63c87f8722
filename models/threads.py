"""How many threads TensorFlow computes with."""

from collections.abc import Callable

from models.errors import ModelNotUsable
from models.runtime import tf


def use_threads(*, intra_op: int, inter_op: int) -> None:
    """Let TensorFlow use so many threads inside one operation, and for operations side by side; 0 leaves it to it.

    Raises:
        ModelNotUsable: TensorFlow runs already, with another number.
    """
    threading = tf.config.threading
    _use(intra_op, threading.get_intra_op_parallelism_threads, threading.set_intra_op_parallelism_threads)
    _use(inter_op, threading.get_inter_op_parallelism_threads, threading.set_inter_op_parallelism_threads)


def _use(threads: int, get: Callable[[], int], set_to: Callable[[int], None]) -> None:
    if threads in {0, get()}:
        return
    try:
        set_to(threads)
    except RuntimeError as error:
        raise ModelNotUsable(f"TensorFlow runs already and cannot be given {threads} threads any more") from error
