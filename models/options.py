"""How a model is to be loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be asked of a model that is loaded.

    Attributes:
        name: what to call it.
        version: its version as it is shown.
        signature: the signature to call.
        device: `auto`, `cpu`, `gpu` or `gpu:N`.
        labels_path: a file with one label a line; it wins over labels that the model brings.
        scores_output: the output to rank by; None: see `models.scores`.
        labels_output: the string output with labels; None: see `models.labels`.
        top_k: entries to keep of each row; 0 keeps all.
        allowed_sizes: of the batches that the model is called with, ascending; none: any size. A model whose signature
            fixes the size is called with that one whatever this says.
        on_padding: told how many rows were added to a batch only to fill it up.
        pad_value: what open axes are padded with, so that rows of other lengths share a batch; None: they do not.
        xla: whether XLA compiles the model, for each size of batch; needs these to be few.
        gpu_memory_mb: take so many MiB of a GPU's memory at once, and never more; None: as much as it takes.
    """

    name: str
    version: str
    signature: str = "serving_default"
    device: str = "auto"
    labels_path: Path | None = None
    scores_output: str | None = None
    labels_output: str | None = None
    top_k: int = 5
    allowed_sizes: Sequence[int] = ()
    on_padding: Callable[[int], None] = lambda _: None
    pad_value: float | None = None
    xla: bool = False
    gpu_memory_mb: int | None = None
