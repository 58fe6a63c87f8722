from typing import Any

import pytest

from models.errors import ModelUnavailable, OutOfMemory, RowsRefused

IN_A_GRAPH = (
    "Graph execution error:\n\nDetected at node Assert defined at (most recent call last):\n"
    "<stack traces unavailable>\nassertion failed: [too slow]\n\t [[{{node Assert}}]] [Op:__inference_rank_21]"
)
IN_SEQUENCE = "Graph execution error:\n\nassertion failed: [too slow] [Op:__inference_rank_21]"
TWICE = (
    "Graph execution error:\n\nDetected at node A defined at (most recent call last):\n<stack traces unavailable>\n"
    "Detected at node B defined at (most recent call last):\n<stack traces unavailable>\n"
    "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  too slow\n\t [[{{node A}}]]\n"
    "  (1) INVALID_ARGUMENT:  too fast\n\t [[{{node B}}]]\n0 successful operations. [Op:__inference_rank_21]"
)
WITH_A_STACK = (
    "Graph execution error:\n\nDetected at node A defined at (most recent call last):\n"
    '  File "model.py", line 3, in rank\n\nindices[0] = 7 is not in [0, 3)\n\t [[{{node A}}]] [Op:__inference_rank_21]'
)
OF_A_PYTHON_OP = (
    "Graph execution error:\n\nDetected at node P defined at (most recent call last):\n<stack traces unavailable>\n"
    'ValueError: too slow\nTraceback (most recent call last):\n\n  File "model.py", line 9\n\n\nValueError: too slow'
    "\n\n\n"
    "\t [[{{node P}}]] [Op:__inference_rank_21]"
)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("InvalidArgumentError", RowsRefused),
        ("FailedPreconditionError", RowsRefused),
        ("OutOfRangeError", RowsRefused),
        ("UnimplementedError", RowsRefused),
        ("NotFoundError", RowsRefused),
        ("AlreadyExistsError", RowsRefused),
        ("UnknownError", RowsRefused),
        ("InternalError", ModelUnavailable),
        ("UnavailableError", ModelUnavailable),
        ("AbortedError", ModelUnavailable),
        ("ResourceExhaustedError", OutOfMemory),
        ("DeadlineExceededError", ModelUnavailable),
        ("CancelledError", ModelUnavailable),
        ("DataLossError", ModelUnavailable),
        ("PermissionDeniedError", ModelUnavailable),
        ("UnauthenticatedError", ModelUnavailable),
    ],
)
def test_each_error_of_tensorflow_has_its_meaning(tf: Any, name: str, meaning: type[Exception]) -> None:
    from models.failures import as_model_error

    assert type(as_model_error(getattr(tf.errors, name)(None, None, "reason"))) is meaning


def test_what_is_no_error_of_an_op_is_not_the_rows_fault(tf: Any) -> None:
    from models.failures import as_model_error

    error = as_model_error(KeyError("speed"))
    assert isinstance(error, ModelUnavailable)
    assert str(error) == "KeyError: 'speed'"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (IN_A_GRAPH, "assertion failed: [too slow]"),
        (IN_SEQUENCE, "assertion failed: [too slow]"),
        (TWICE, "too slow"),
        (WITH_A_STACK, "indices[0] = 7 is not in [0, 3)"),
        (OF_A_PYTHON_OP, "ValueError: too slow"),
        (
            "expected a float tensor but is a double tensor [Op:__inference_rank_21]",
            "expected a float tensor but is a double tensor",
        ),
        ("first\nsecond", "first"),
        ("", "InvalidArgumentError"),
        ("x" * 9999, "x" * 500),
    ],
)
def test_the_reason_is_one_line_without_the_graph(tf: Any, message: str, line: str) -> None:
    from models.failures import first_line

    assert first_line(tf.errors.InvalidArgumentError(None, None, message)) == line
