"""The names of the classes: from a file, from a string output of the model, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelNotUsable
from models.scores import FLOATS, Output, listing

PREFERRED = ("labels", "classes")


@dataclass(frozen=True, slots=True)
class Labels:
    """Where the labels of a ranking come from; at most one of the two is set.

    Attributes:
        names: `N` names, one per class; two for a single column: of what the score speaks against, then for.
        output: the model's own labels: `[B, N]`, or `[N]` for all rows alike.
    """

    names: tuple[str, ...] | None = None
    output: Output | None = None


def choose_labels(
    outputs: Sequence[Output], scores: Output, *, path: Path | None, wanted: str | None, batch: int | None = None
) -> Labels:
    """Return the labels of the classes that *scores* has.

    They come from the file at *path*, else from the string output *wanted*, else from a string output named `labels` or
    `classes` that fits. A single score column without any of these is named after its output.

    Args:
        outputs: of the signature.
        scores: one of them.
        path: a file with one label a line.
        wanted: the name of another output.
        batch: the number of rows that every call takes; None: any number.

    Raises:
        ModelNotUsable: the file or the output asked for cannot be used; the message says why.
    """
    if path is not None:
        return Labels(names=_matching(read_labels(path), path, scores))
    output = _wanted(outputs, scores, wanted, batch) if wanted is not None else _inferred(outputs, scores, batch)
    if output is not None:
        return Labels(output=output)
    return Labels(names=(scores.name,) if scores.columns == 1 else None)


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the lines of a UTF-8 file: one label a line, empty ones and spaces included.

    Raises:
        ModelNotUsable: the file cannot be read, is not UTF-8 or holds nothing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ModelNotUsable(f"labels file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ModelNotUsable(f"labels file {path}: line {line} is not UTF-8") from error
    if not text:
        raise ModelNotUsable(f"labels file {path} is empty")
    # Not splitlines(): a label may hold characters that it takes for line ends, such as U+2028.
    return tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))


def _matching(names: tuple[str, ...], path: Path, scores: Output) -> tuple[str, ...]:
    if scores.columns in {None, len(names)} or (len(names) == 2 and scores.columns == 1 and scores.dtype in FLOATS):
        return names
    raise ModelNotUsable(
        f"labels file {path} has {len(names)} labels, but output {scores.name!r} has {scores.columns} columns"
    )


def _wanted(outputs: Sequence[Output], scores: Output, wanted: str, batch: int | None) -> Output:
    for output in outputs:
        if output.name == wanted and _fits(output, scores, batch):
            return output
    raise ModelNotUsable(
        f"output {wanted!r} does not label the columns of {scores} (strings, [{batch}, N] or [N]); "
        f"the outputs are: {listing(outputs)}"
    )


def _inferred(outputs: Sequence[Output], scores: Output, batch: int | None) -> Output | None:
    fitting = {output.name: output for output in outputs if _fits(output, scores, batch)}
    return next((fitting[name] for name in PREFERRED if name in fitting), None)


def _fits(output: Output, scores: Output, batch: int | None) -> bool:
    if output.dtype != "string" or output.shape is None:
        return False
    match output.shape:
        case (rows, columns):
            return rows in {None, batch} and (None in {columns, scores.columns} or columns == scores.columns)
        # One string per row: the label of the only column. With several columns it would be the winner's alone.
        case (rows,) if rows in {None, batch} and scores.columns == 1:
            return True
        case (columns,):
            return columns is not None and scores.columns in {None, columns}
    return False
