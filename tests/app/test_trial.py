"""What a version must show before it takes over."""

import json

import pytest

from app.errors import VersionRefused
from app.trial import examine
from config.settings import load_settings
from models.errors import ModelUnavailable, RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Columns, TopK, height

VALUES = [json.dumps({"features": [place + 1.0, 0.0, 0.0, 0.0]}).encode() for place in range(20)]
SETTINGS = load_settings(
    {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": "model", "BATCH_MAX_SIZE": "8"}, env_file=None
)


class Noting(NumpyModel):
    """Remembers how many rows came at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.heights: list[int] = []

    def predict(self, columns: Columns) -> TopK:
        self.heights.append(height(columns))
        return super().predict(columns)


def test_it_gets_batches_as_the_service_makes_them() -> None:
    model = Noting()
    assert examine(SETTINGS, model, VALUES).predictor is model
    assert model.heights == [8, 8, 4]
    model = Noting()
    model.largest_batch = 1
    examine(SETTINGS, model, VALUES[:3])
    assert model.heights == [1, 1, 1]


def test_where_memory_is_short_batches_are_halved() -> None:
    model = Noting()
    model.out_of_memory_above = 3
    examine(SETTINGS, model, VALUES[:8])
    assert model.heights == [8, 4, 2, 2, 4, 2, 2]


@pytest.mark.parametrize(("error", "outcome"), [(RowsRefused, "rejected"), (ModelUnavailable, "failed")])
def test_whose_fault_it_is_is_told(error: type[RowsRefused] | type[ModelUnavailable], outcome: str) -> None:
    model = NumpyModel()
    model.fail_everything = error
    with pytest.raises(VersionRefused, match="told to fail everything") as refusal:
        examine(SETTINGS, model, VALUES)
    assert refusal.value.outcome == outcome
    model = NumpyModel()
    model.out_of_memory_above = 0
    with pytest.raises(VersionRefused, match="no memory for a single record"):
        examine(SETTINGS, model, VALUES)
