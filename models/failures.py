"""What TensorFlow raised, in the words of `models.errors`."""

import re

from models.errors import ModelError, ModelUnavailable, OutOfMemory, RowsRefused
from models.runtime import tf

_LONGEST = 500
_NOT_THE_ROWS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DataLossError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.PermissionDeniedError,
    tf.errors.UnauthenticatedError,
    tf.errors.UnavailableError,
)


def as_model_error(error: Exception) -> ModelError:
    """Return what *error*, raised by a call of a model, means to the caller.

    Whatever rows might have caused is `RowsRefused`, even where it is unlikely (a failed precondition, an unknown error
    of a Python op): the caller asks the model for a known good row before it blames a record.
    """
    message = first_line(error)
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return OutOfMemory(message)
    if isinstance(error, tf.errors.OpError) and not isinstance(error, _NOT_THE_ROWS):
        return RowsRefused(message)
    return ModelUnavailable(f"{type(error).__name__}: {message}")


def first_line(error: Exception) -> str:
    """Return the line in which TensorFlow gives its reason, without the graph's nodes; at most 500 characters.

    That is the first line, but graphs put the place before the reason:

        Graph execution error:

        Detected at node Assert defined at (most recent call last):
        <stack traces unavailable>
        assertion failed: [speed must be positive]
                 [[{{node Assert}}]] [Op:__inference_rank_217]

    In the sequential executor there is nothing between the first line and the reason.
    """
    text = str(getattr(error, "message", error))
    place, _, reason = text.partition("\t [[{{node")[0].rpartition("<stack traces unavailable>\n")
    lines = [line.strip() for line in reason.splitlines() if line.strip() and "root error(s) found" not in line]
    if len(lines) > 1 and lines[0] == "Graph execution error:":
        lines.pop(0)
    if not lines:
        return type(error).__name__
    line = lines[-1] if not place and "Detected at node" in reason else lines[0]
    line = re.sub(r"^\(\d+\) [A-Z_]+:\s*", "", line)
    return re.sub(r" \[Op:[^\]]*\]$", "", line)[:_LONGEST]
