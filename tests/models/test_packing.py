"""Inputs of one number a row are given as one tensor, and arrive as those that they were."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.options import Options
from models.packing import FEWEST, Packing
from models.runtime import tf
from models.saved_model import read


def specs(*kinds: tuple[Any, str]) -> list[Any]:
    return [tf.TensorSpec(shape, dtype, f"x{place}") for place, (shape, dtype) in enumerate(kinds)]


def test_those_of_one_dtype_go_together_and_the_others_stay_alone():
    kinds = [([None], "float32")] * FEWEST + [([None], "int64"), ([None, 3], "float32"), ([None], "string")]
    packing = Packing.of(specs(*kinds[::-1]))
    assert packing.groups == (tuple(range(3, 3 + FEWEST)),)
    assert packing.alone == (0, 1, 2)
    together = packing.specs(specs(*kinds[::-1]))
    assert [each.shape.as_list() for each in together] == [[None, 4], [None], [None, 3], [None]]


def test_few_are_left_alone_and_a_fixed_number_of_rows_is_kept():
    assert Packing.of(specs(*[([None], "float32")] * (FEWEST - 1))).groups == ()
    given = specs(*[([8], "int32")] * FEWEST)
    assert [each.shape.as_list() for each in Packing.of(given).specs(given)] == [[8, FEWEST]]


@pytest.mark.parametrize("rows", [1, 7])
def test_a_model_with_many_inputs_of_several_kinds_says_what_it_says_when_it_is_called_directly(
    tmp_path: Path, rows: int
):
    def score(**inputs: Any) -> dict[str, Any]:
        total = tf.zeros_like(inputs["f0"])
        for place, name in enumerate(sorted(inputs)):
            one = inputs[name]
            if one.dtype == tf.string:
                one = tf.strings.length(one)
            one = tf.cast(one, tf.float32)
            total += (place + 1) * (tf.reduce_sum(one, axis=1) if one.shape.rank == 2 else one)
        return {"scores": tf.stack([total, -total], axis=1)}

    given = {f"f{n}": tf.TensorSpec([None], tf.float32, f"f{n}") for n in range(6)}
    given |= {f"i{n}": tf.TensorSpec([None], tf.int64, f"i{n}") for n in range(5)}
    given |= {"wide": tf.TensorSpec([None, 3], tf.float32, "wide"), "name": tf.TensorSpec([None], tf.string, "name")}
    function = tf.function(score, autograph=False).get_concrete_function(**given)
    tf.saved_model.save(tf.Module(), str(tmp_path / "many"), signatures={"serving_default": function})
    random = np.random.default_rng(5)
    columns: dict[str, Any] = {f"f{n}": random.random(rows, np.float32) for n in range(6)}
    columns |= {f"i{n}": random.integers(-9, 9, rows) for n in range(5)}
    columns["wide"] = random.random((rows, 3), np.float32)
    columns["name"] = np.array([b"x" * (n + 1) for n in range(rows)], object)
    predictor = read(tmp_path / "many", Options(name="many", version="1", device="cpu"))
    predictor.warm_up(8)
    ranking = predictor.predict(columns)
    direct = tf.saved_model.load(str(tmp_path / "many")).signatures["serving_default"]
    wanted = direct(**{name: tf.constant(column) for name, column in columns.items()})["scores"].numpy()
    np.testing.assert_array_equal(np.sort(wanted, axis=1)[:, ::-1], ranking.scores)
    assert len(predictor._dtypes) == 4  # float32, int64, and two alone
