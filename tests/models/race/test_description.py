import re

from models.race.description import describe


def figure(lines, name):
    line = next(line for line in lines if line.startswith(name))
    return float(re.search(r"\s([\d.]+)", line[len(name) :])[1])


def test_simulated_races_are_like_real_ones():
    lines = list(describe(1000, seed=12))
    assert 7 <= figure(lines, "horses in a race") <= 12
    assert 16 < figure(lines, "winner's speed, 1000 m") < 18
    assert 15 < figure(lines, "winner's speed, 3200 m") < 16
    assert 97 < figure(lines, "finishing speed, winner") < 104
    assert 1 < figure(lines, "margin of the winner") < 3
    assert 10 < figure(lines, "first to last") < 25
    assert 28 < figure(lines, "favourite wins") < 40
    assert 15 < figure(lines, "second favourite wins") < 25
    assert 20 < figure(lines, "leader at halfway wins") < 35
