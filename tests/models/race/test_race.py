from dataclasses import replace

import numpy as np
import pytest

from tests.models.race.races import made_up


def test_measurements_of_another_shape_are_refused_by_name():
    race = made_up(np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"made-up: gap has the shape \[7, 4\] where \[7, 5\] is needed"):
        replace(race, gap=race.gap[:, 1:])
