import pytest

from models.errors import RacesNotUsable
from models.race.source import RealRaces, SimulatedRaces
from tests.models.race.races import write_files


def test_simulated_races_to_learn_from_and_for_the_test_are_others():
    source = SimulatedRaces(seed=1, trained_on=10, tested_on=3)
    trained, tested = source.to_train_on(), source.to_test_on()
    assert (len(trained), len(tested)) == (10, 3)
    assert not {race.name for race in trained} & {race.name for race in tested}
    assert not {race.elapsed.tobytes() + race.gap.tobytes() for race in trained} & {
        race.elapsed.tobytes() + race.gap.tobytes() for race in tested
    }


def test_the_ceiling_is_of_the_races_of_the_test():
    source = SimulatedRaces(seed=1, trained_on=10, tested_on=3)
    told = []
    orders, winners = source.best(told.append)
    assert [one.shape for one in orders] == [race.position.shape for race in source.to_test_on()]
    assert [one.shape for one in winners] == [one.shape for one in orders]
    assert told == pytest.approx([1 / 3, 2 / 3, 1])


def test_real_races_without_any_for_the_test_are_refused(tmp_path):
    with pytest.raises(RacesNotUsable, match="no race after round 16 of 2022 for the test"):
        RealRaces.read(write_files(tmp_path))
