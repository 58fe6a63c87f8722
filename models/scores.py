"""The outputs of a signature, and the one among them that holds the scores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.errors import ModelNotUsable

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
        """How many columns the output has: 1 for `[B]`, `N` for `[B, N]`, None when unknown."""
        if self.shape is None:
            return None
        return 1 if len(self.shape) == 1 else self.shape[1]


def choose_scores(outputs: Sequence[Output], wanted: str | None) -> Output:
    """Return the output that holds the scores, `[B]` (one column) or `[B, N]`.

    That is *wanted* if given, else the output named `scores`, else `probabilities`, else the only one that fits.

    Raises:
        ModelNotUsable: *wanted* is not there or does not fit, or nothing or too much fits; the message lists them.
    """
    fitting = {output.name: output for output in outputs if _fits(output)}
    if wanted is not None:
        return _wanted(outputs, fitting, wanted)
    for name in PREFERRED:
        if name in fitting:
            return fitting[name]
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise ModelNotUsable(f"which output holds the scores? Name one of: {listing(fitting.values())}")
    raise ModelNotUsable(f"no output can hold scores (numbers, [None] or [None, N]); there are: {listing(outputs)}")


def listing(outputs: Iterable[Output]) -> str:
    """Return the outputs with dtypes and shapes, for a message."""
    return "; ".join(str(output) for output in outputs)


def _fits(output: Output) -> bool:
    if output.dtype not in NUMERIC:
        return False
    return output.shape is None or (len(output.shape) in {1, 2} and output.shape[0] is None)


def _wanted(outputs: Sequence[Output], fitting: dict[str, Output], wanted: str) -> Output:
    if wanted in fitting:
        return fitting[wanted]
    if any(output.name == wanted for output in outputs):
        raise ModelNotUsable(
            f"output {wanted!r} cannot hold scores (numbers, [None] or [None, N]); the outputs are: {listing(outputs)}"
        )
    raise ModelNotUsable(f"scores output {wanted!r} is not there; the outputs are: {listing(outputs)}")
