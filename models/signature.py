"""What a model takes: the names, dtypes and shapes of one row's inputs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One named input of a signature, as one row sees it.

    Attributes:
        name: the signature's name of the input.
        dtype: NumPy's name of the element type (`float32`, `int64`, `bool`, `bfloat16`, ...), or `string`.
        shape: the shape of one row, without the batch axis; `None` where any length goes. `()` is a scalar per row.
            `None` as a whole: any shape goes.
        loose: whether rows that differ in shape share a batch. Their column is an array `[B]` of objects then, each one
            row's tensor.
        optional: whether a row may do without it, and bring None; only if it is loose.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    loose: bool = False
    optional: bool = False

    @property
    def is_of_one_size(self) -> bool:
        """Whether all rows bring equally much: a text may be long, and a list with an open axis too."""
        return self.shape is not None and None not in self.shape and not self.loose and self.dtype != "string"


@dataclass(frozen=True, slots=True)
class Signature:
    """A named entry point of a model and the inputs that a row must bring."""

    name: str
    inputs: tuple[TensorSpec, ...]
