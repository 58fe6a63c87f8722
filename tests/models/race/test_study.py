import numpy as np
import pytest

from models.race.network import Settings
from models.race.simulator import simulate
from models.race.source import SimulatedRaces
from models.race.study import compare, cross_validate

TINY = Settings(hidden=(), epochs=1)


@pytest.fixture(scope="module")
def model(tf):
    from models.race.training import train

    return train([one.race for one in simulate(30, seed=2)], TINY, seed=2)


def test_the_model_stands_beside_what_anybody_can_say_and_what_could_be_known(model):
    rows = compare(model, SimulatedRaces(seed=2, tested_on=6), seed=2, on_progress=lambda *_: None)
    assert [row.name for row in rows] == ["model", "order so far", "order before", "gain on so far", "ceiling"]
    assert rows[0].surprise > 0
    assert 0 < rows[0].belief < 1
    assert all(row.surprise is None for row in rows[1:])
    assert rows[4].score.spearman[-1].mean > rows[1].score.spearman[-1].mean


def test_in_cross_validation_no_race_is_foretold_by_a_model_that_has_seen_it(tf, monkeypatch):
    races = [one.race for one in simulate(8, seed=2)]
    seen = []

    class Spy:
        def __init__(self, learnt_from):
            self.learnt_from = {race.name for race in learnt_from}

        def scores(self, race):
            assert race.name not in self.learnt_from
            seen.append(race.name)
            return np.zeros(race.running.shape)

    monkeypatch.setattr("models.race.study.train", lambda given, *_, **__: Spy(given))
    told = []
    rows = cross_validate(races, [TINY, TINY], folds=4, seed=1, on_progress=lambda *given: told.append(given))
    assert sorted(seen) == sorted([race.name for race in races] * 2)
    assert [row.name for row in rows] == [str(TINY), str(TINY), "order so far"]
    assert len(told) == 8
