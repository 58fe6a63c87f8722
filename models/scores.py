"""The outputs of a signature, and the one among them that holds the scores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.errors import ModelNotUsable, ScoresAmbiguous

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
NUMERIC = FLOATS | INTEGERS
PREFERRED = ("scores", "probabilities")


@dataclass(frozen=True, slots=True)
class Output:
    """One named output of a signature.

    Attributes:
        name: the signature's name of the output.
        dtype: NumPy's name of the element type, or `string`.
        shape: with the batch axis; `None` where any length goes. `None` as a whole: not even the rank is known.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        shape = "of unknown shape" if self.shape is None else "[" + ", ".join(map(str, self.shape)) + "]"
        return f"{self.name} {self.dtype} {shape}"

    @property
    def columns(self) -> int | None:
        """How many columns the output has: 1 for `[B]`, `N` for `[B, N]` and `[B, N, 1]`, None when unknown."""
        if self.shape is None:
            return None
        return 1 if len(self.shape) == 1 else self.shape[1]


def choose_scores(outputs: Sequence[Output], wanted: str | None, *, batch: int | None = None) -> Output:
    """Return the output that holds the scores: `[B]` (one column), `[B, N]` or `[B, N, 1]`.

    That is *wanted* if given, else the output named `scores`, else `probabilities`, else the only one that fits.

    Args:
        outputs: of the signature.
        wanted: the name of one of them.
        batch: the number of rows that every call takes; None: any number.

    Raises:
        ScoresAmbiguous: too much fits.
        ModelNotUsable: *wanted* is not there or does not fit, or nothing fits; the message lists what there is.
    """
    fitting = {output.name: output for output in outputs if _fits(output, batch)}
    if wanted is not None:
        return _wanted(outputs, fitting, wanted, _expected(batch))
    for name in PREFERRED:
        if name in fitting:
            return fitting[name]
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise ScoresAmbiguous(
            f"which output holds the scores? Name one of: {listing(fitting.values())}", tuple(fitting)
        )
    raise ModelNotUsable(f"no output can hold scores ({_expected(batch)}); there are: {listing(outputs)}")


def listing(outputs: Iterable[Output]) -> str:
    """Return the outputs with dtypes and shapes, for a message."""
    return "; ".join(str(output) for output in outputs)


def _fits(output: Output, batch: int | None) -> bool:
    if output.dtype not in NUMERIC:
        return False
    if output.shape is None:
        return True
    rows, *columns = output.shape or (0,)
    return rows in {None, batch} and (len(columns) < 2 or (len(columns) == 2 and columns[1] == 1))


def _expected(batch: int | None) -> str:
    return f"numbers, [{batch}], [{batch}, N] or [{batch}, N, 1]"


def _wanted(outputs: Sequence[Output], fitting: dict[str, Output], wanted: str, expected: str) -> Output:
    if wanted in fitting:
        return fitting[wanted]
    if any(output.name == wanted for output in outputs):
        raise ModelNotUsable(f"output {wanted!r} cannot hold scores ({expected}); the outputs are: {listing(outputs)}")
    raise ModelNotUsable(f"scores output {wanted!r} is not there; the outputs are: {listing(outputs)}")
