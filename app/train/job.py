"""What another process is to train, and what it says on the way: one JSON value a line."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from models.race.evaluation import Figure, Score
from models.race.source import TESTED_ON, TRAINED_ON
from models.race.study import Row


@dataclass(frozen=True, slots=True)
class Job:
    """A training.

    Attributes:
        seed: of the simulated races and of the networks.
        out: the folder to write the SavedModel to, which does not exist yet; None: none is trained for use.
        races: the folder of real races; None: simulated ones.
        trained_on: how many simulated races to learn from.
        tested_on: how many of them for the test; 0: no test.
        folds: parts for a comparison of models by cross-validation, instead of a test; 0: none.
    """

    seed: int
    out: str | None
    races: str | None = None
    trained_on: int = TRAINED_ON
    tested_on: int = TESTED_ON
    folds: int = 0

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def rows_to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return figures as JSON has them."""
    return [asdict(row) for row in rows]


def rows_from_json(values: Sequence[dict[str, Any]]) -> list[Row]:
    """Read what `rows_to_json` wrote."""
    return [Row(value["name"], _score(value["score"]), value["surprise"], value["belief"]) for value in values]


def _score(value: dict[str, Any]) -> Score:
    return Score(*(tuple(Figure(**figure) for figure in value[name]) for name in ("spearman", "winner", "finished")))
