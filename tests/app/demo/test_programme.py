import numpy as np

from app.demo.programme import UNSEEN_SEED, moment_name, simulated_programme
from app.train.cache import SEED
from models.race.source import TEST_SEED


def test_its_races_are_neither_those_of_the_training_nor_those_of_the_test():
    assert UNSEEN_SEED not in {SEED, SEED + TEST_SEED}


def test_the_same_number_gives_the_same_races_and_another_one_others():
    first, again, others = simulated_programme(3), simulated_programme(3), simulated_programme(3, number=1)
    assert [race.members for race in first.races] == [race.members for race in again.races]
    assert [race.members for race in first.races] != [race.members for race in others.races]
    names = [race.name for programme in (first, others) for race in programme.races]
    assert names == ["race-1", "race-2", "race-3", "race-4", "race-5", "race-6"]


def test_what_could_be_known_at_best_is_of_its_own_races():
    programme = simulated_programme(2)
    parts = []
    orders, winners = programme.best(parts.append)
    for race, order, winner in zip(programme.races, orders, winners, strict=True):
        assert order.shape == winner.shape == race.position.shape
        # Near the end the winner is all but known, if it can be known at all.
        assert winner[-1].argmax() in np.argsort(race.places)[:3]
    assert parts == [0.5, 1.0]


def test_each_is_told_about_in_words():
    programme = simulated_programme(4)
    for race, about in zip(programme.races, programme.about, strict=True):
        assert int(about.removesuffix(" m").replace(",", "")) == 200 * (len(race.moments) + 1)
        assert moment_name(race) == "furlong"
