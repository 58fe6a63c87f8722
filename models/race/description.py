"""What simulated races are like, measured, beside what real ones are like."""

from collections.abc import Iterator, Sequence

import numpy as np

from models.race.race import Floats
from models.race.simulator import Simulated, simulate

LENGTH = 2.4
"""Metres of a horse, in which margins are told."""


def describe(count: int, seed: int) -> Iterator[str]:
    """Yield lines about *count* races."""
    races = simulate(count, seed)
    yield f"horses in a race          {_between([len(one.finish) for one in races])}"
    yield from (f"winner's speed, {distance} m    {_speed(races, distance)}" for distance in (1000, 1600, 2400, 3200))
    yield f"finishing speed, winner   {_between([100 * _finishing(one) for one in races])} % of the race's average"
    yield f"margin of the winner      {_between([_margins(one)[0] for one in races])} lengths"
    yield f"first to last             {_between([_margins(one).sum() for one in races])} lengths"
    for place, name in ((1, "favourite"), (2, "second favourite"), (3, "third favourite")):
        won, believed = _wins(races, place)
        yield f"{name + ' wins':<25} {won:.1%}; the market believes {believed:.1%}"
    yield f"leader at halfway wins    {np.mean([_leader_wins(one) for one in races]):.1%}"


def _between(values: Sequence[float]) -> str:
    low, median, high = np.percentile(values, [5, 50, 95])
    return f"{median:.1f} (nine in ten: {low:.1f} to {high:.1f})"


def _speed(races: Sequence[Simulated], distance: int) -> str:
    chosen = [distance / float(one.finish.min()) for one in races if one.courses.distance[0, 0] == distance]
    return f"{np.mean(chosen):.2f} m/s, {distance / np.mean(chosen):.1f} s" if chosen else "none of these races"


def _finishing(one: Simulated) -> float:
    """Return the winner's speed over the last two furlongs, as a share of its speed over all of them."""
    distance, winner = float(one.courses.distance[0, 0]), int(one.finish.argmin())
    left = distance - float(one.states.metres[-2, winner])
    ended = float(one.finish[winner])
    return left / (ended - float(one.race.elapsed[-2])) / (distance / ended)


def _margins(one: Simulated) -> Floats:
    """Return the lengths from each horse to the next."""
    finish = np.sort(one.finish)
    speed = float(one.courses.distance[0, 0]) / float(finish[0])
    return np.diff(finish).astype(np.float64) * speed / LENGTH


def _wins(races: Sequence[Simulated], place: int) -> tuple[float, float]:
    """Return how often the horse with this *place* in the market wins, and how often it should by its odds."""
    chosen = [one.race.prior == place for one in races]
    won = [one.race.places[which][0] == 1 for one, which in zip(races, chosen, strict=True)]
    believed = [np.exp(one.horses.odds[0][which][0]) for one, which in zip(races, chosen, strict=True)]
    return float(np.mean(won)), float(np.mean(believed))


def _leader_wins(one: Simulated) -> bool:
    halfway = int(np.searchsorted(one.race.share, 0.5))
    return bool(one.race.places[one.race.position[halfway] == 1][0] == 1)
