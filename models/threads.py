"""How many threads TensorFlow computes with."""

import os
from collections.abc import Callable
from contextlib import suppress

from models.errors import ModelNotUsable
from models.runtime import tf


def use_threads(*, intra_op: int, inter_op: int) -> None:
    """Let TensorFlow use so many threads inside one operation, and for operations side by side; 0 leaves it to it.

    Raises:
        ModelNotUsable: TensorFlow runs already, with another number.
    """
    _use(intra_op, tf.config.threading.set_intra_op_parallelism_threads)
    _use(inter_op, tf.config.threading.set_inter_op_parallelism_threads)


def make_room(calls: int) -> None:
    """Let TensorFlow use as many threads more for operations side by side, unless it runs already.

    It has one pool for all models, with as many threads as cores: calls that hang would keep all others waiting.
    """
    with suppress(ModelNotUsable):
        use_threads(intra_op=0, inter_op=len(os.sched_getaffinity(0)) + calls)


def _use(threads: int, set_to: Callable[[int], None]) -> None:
    if threads == 0:
        return
    try:
        # Asked how many there are, TensorFlow would look for GPUs, which is for `choose_device` to prepare.
        set_to(threads)
    except RuntimeError as error:
        raise ModelNotUsable(f"TensorFlow runs already and cannot be given {threads} threads any more") from error
