"""Models that XLA compiles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable, SizesOpen
from tests.models.conftest import Export, Load


def test_a_compiled_model_ranks_as_one_that_is_not(load: Load, mlp: Path) -> None:
    features = np.random.default_rng(9).standard_normal((21, 32), dtype=np.float32)
    plain = load(mlp).predict({"features": features})
    compiled = load(mlp, xla=True, allowed_sizes=[8, 16])
    compiled.warm_up(16)
    top = compiled.predict({"features": features})
    assert np.array_equal(top.indices, plain.indices)
    assert np.allclose(top.scores, plain.scores, rtol=1e-5)
    assert top.finite.all()


def test_where_any_size_may_come_nothing_is_compiled(load: Load, mlp: Path) -> None:
    with pytest.raises(SizesOpen, match="XLA compiles the model for every size of batch, and any size may come"):
        load(mlp, xla=True)


def test_a_signature_that_fixes_the_size_needs_no_others(tf: Any, export: Export, load: Load) -> None:
    model = load(export(lambda x: {"scores": x * 2}, x=([4, 2], tf.float32)), xla=True)
    assert model.predict({"x": np.ones((3, 2), np.float32)}).scores.tolist() == [[2.0, 2.0]] * 3


def test_what_xla_cannot_compile_is_told_at_the_start(tf: Any, export: Export, load: Load) -> None:
    path = export(lambda word: {"scores": tf.strings.length(word)[:, tf.newaxis]}, word=([None], tf.string))
    with pytest.raises(ModelNotUsable, match=r"Detected unsupported operations when trying to compile graph"):
        load(path, xla=True, allowed_sizes=[4]).warm_up(4)
