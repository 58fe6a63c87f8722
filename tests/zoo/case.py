"""One model of the zoo: how it is written, what is sent to it and what TensorFlow itself says of that."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = Sequence[Mapping[str, Any]]
"""What each record brings, by input: Python numbers, texts, bytes, or nested lists of these."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of rows.

    Attributes:
        scores: `[B, N]`.
        labels: `[B, N]`, or `[N]` for all rows alike; None: the classes have no names.
    """

    scores: npt.NDArray[Any]
    labels: Sequence[Any] | None = None

    def ranking(self, row: int) -> list[tuple[str, Any]]:
        """Return label and score of all classes, best first; ties keep the model's order."""
        scores = self.scores[row].tolist()
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return [(self._label(row, place), scores[place]) for place in order]

    def _label(self, row: int, place: int) -> str:
        if self.labels is None:
            return str(place)
        labels = self.labels[row] if isinstance(self.labels[0], list) else self.labels
        label = labels[place]
        return label.decode() if isinstance(label, bytes) else str(label)


Direct = Callable[[Any, Path, Rows], Answer]
"""Asks TensorFlow itself: the module, the SavedModel and the rows."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model that can be served.

    Attributes:
        name: what is special about it.
        write: writes it to a folder, which does not exist yet; is given TensorFlow.
        rows: what is sent.
        direct: asks TensorFlow itself.
        settings: variables beside those that `streamrank inspect` prints; `{folder}` is the folder's parent.
        files: written beside the folder.
        exact: whether the scores are the same to the last bit; those of a matrix product are not, which may add up in
            another order for another number of rows.
        cpu_only: a GPU is refused.
    """

    name: str
    write: Callable[[Any, Path], None]
    rows: Rows
    direct: Direct
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    exact: bool = True
    cpu_only: bool = False

    def records(self) -> list[dict[str, Any]]:
        """Return the records: the rows with an id each."""
        return [{"id": f"r{place}"} | {k: as_json(v) for k, v in row.items()} for place, row in enumerate(self.rows)]


def as_json(value: Any) -> Any:
    """Return *value* as JSON carries it."""
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def call(
    signature: str = "serving_default",
    *,
    scores: str = "scores",
    labels: str | Sequence[str] | None = None,
    rows_at_once: int | None = None,
    load: Callable[[Any, Path], Any] | None = None,
) -> Direct:
    """Return what asks a signature with stacked rows.

    Args:
        signature: its name.
        scores: the output to rank by.
        labels: the output with labels, or the labels themselves.
        rows_at_once: call it with so many rows each time, the last row again and again at the end; 1 also keeps rows of
            several shapes apart.
        load: loads the model; by default TensorFlow does.
    """

    def ask(tf: Any, path: Path, rows: Rows) -> Answer:
        model = load(tf, path) if load else tf.saved_model.load(str(path))
        function = model.signatures[signature]
        size = rows_at_once or len(rows)
        parts = []
        for start in range(0, len(rows), size):
            part = [*rows[start : start + size]]
            part += part[-1:] * (size - len(part))
            parts.append(function(**_tensors(tf, function, part)))
        count = len(rows)
        table = np.concatenate([_table(part[scores].numpy()) for part in parts])[:count]
        if not isinstance(labels, str):
            return Answer(table, labels)
        names = [part[labels].numpy() for part in parts]
        if names[0].shape == (table.shape[1],) and names[0].shape[0] != size:
            return Answer(table, names[0].tolist())
        return Answer(table, np.concatenate([_table(each) for each in names])[:count].tolist())

    return ask


def _tensors(tf: Any, function: Any, rows: Rows) -> dict[str, Any]:
    specs = function.structured_input_signature[1]
    found = {}
    for keyword, spec in specs.items():
        [name] = [each for each in rows[0] if each == keyword or _plain(each) == _plain(keyword)]
        found[keyword] = tf.constant([row[name] for row in rows], spec.dtype)
    return found


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _table(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    table = scores.reshape(len(scores), -1)
    return table.astype(np.float32) if table.dtype.name in {"float16", "bfloat16"} else table
