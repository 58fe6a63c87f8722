"""What a live feed knows of each participant at each moment, as the numbers that the model reads."""

import numpy as np
import numpy.typing as npt

from models.race.field import before_next, behind_next, lagged_mean, mean, middle, since
from models.race.race import Floats, Race

KNOWN = ("draw", "form", "team", "qualifying", "weight", "style")
"""Known before the start: metres lost by the stall; strength so far (log-odds, or past places); the same of the team;
by how many per cent the best lap before the race was slower than the best of all; kilograms; and from -1 (closer) to 1
(front-runner). What a source does not have is 0. Each is told as a difference from the field's mean."""

FEATURES = (
    "contestants",  # at the start
    "remaining",  # still seen
    "done",  # share of the distance
    "to_go",  # moments until the end
    "place",  # from 0 (first) to 1 (last of those still seen)
    "gap",  # seconds behind the leader
    "needed",  # seconds a moment by which it must be faster than the leader from here on
    "gap_ahead",  # seconds behind the next
    "gap_behind",  # seconds before the next
    "gap_middle",  # seconds behind the middle of the field
    "pace",  # seconds a moment slower than the middle of the field, all moments so far
    "recent",  # the same, of the last three without a stop
    "last",  # the same, of the last one
    "tempo",  # how much slower than par the field is, as a share: this moment
    "tempo_so_far",  # all moments so far
    "prior",  # from 0 (first before the start) to 1
    *KNOWN,
    "pressure",  # the field's mean style: many front-runners, or few
    "stops",  # more than the field's mean
    "stops_of_all",  # the field's mean
    "since_stop",  # moments, or since the start
    "fresher",  # moments by which the field's mean is longer ago
    "stopped",  # 1: during this moment
    "down",  # whole laps behind
)
"""Names of the features, in the model's order."""

SLOWEST = 2.0
"""A pace further from the middle than this many times it tells of trouble, not of speed."""


def features(race: Race) -> npt.NDArray[np.float32]:
    """Return `[M, P, F]`, one number for each of `FEATURES`; 0 where a participant was not seen.

    Nothing in a moment's row depends on a later moment.
    """
    columns = _of_the_field(race) | _of_the_place(race) | _of_the_pace(race) | _of_before(race) | _of_stops(race)
    shape = race.running.shape
    stacked = np.stack([np.broadcast_to(columns[name], shape) for name in FEATURES], axis=-1)
    return np.where(race.running[..., None], stacked, 0).astype(np.float32)


def _of_the_field(race: Race) -> dict[str, Floats]:
    remaining = race.running.sum(axis=1, dtype=np.float64)
    return {
        "contestants": np.float64(len(race.members)) * np.ones((1, 1)),
        "remaining": remaining[:, None],
        "done": race.share[:, None],
        "to_go": _to_go(race),
    }


def _to_go(race: Race) -> Floats:
    return (race.total - race.moments)[:, None].astype(np.float64)


def _of_the_place(race: Race) -> dict[str, Floats]:
    last = np.maximum(race.running.sum(axis=1, keepdims=True) - 1, 1)
    return {
        "place": (race.position - 1) / last,
        "gap": race.gap,
        "needed": race.gap / (_to_go(race) + 1),
        "gap_ahead": behind_next(race.gap, race.running),
        "gap_behind": before_next(race.gap, race.running),
        "gap_middle": race.gap - middle(race.gap, race.running),
        "down": race.down.astype(np.float64),
    }


def _of_the_pace(race: Race) -> dict[str, Floats]:
    usual = middle(race.pace, race.running)
    slower = np.clip(race.pace - usual, -usual * (SLOWEST - 1), usual * (SLOWEST - 1))
    free = race.running & ~race.stopped
    tempo = usual / _par(race, usual) - 1
    counted = np.arange(1, len(tempo) + 1)[:, None]
    return {
        "pace": lagged_mean(slower, race.running, len(tempo)),
        "recent": lagged_mean(slower, free, 3),
        "last": slower,
        "tempo": tempo,
        "tempo_so_far": tempo.cumsum(axis=0) / counted,
    }


def _par(race: Race, usual: Floats) -> Floats:
    """Return `[M, 1]`: where nobody knows par before the start it is what the fastest moment so far took."""
    if race.par is not None:
        return np.full_like(usual, race.par)
    fastest = np.minimum.accumulate(np.where(usual > 0, usual, np.inf), axis=0)
    return np.where(np.isinf(fastest), 1.0, fastest)


def _of_before(race: Race) -> dict[str, Floats]:
    nothing = np.zeros(len(race.members))
    known = {name: race.known.get(name, nothing) for name in KNOWN}
    return {name: (values - values.mean())[None] for name, values in known.items()} | {
        "prior": ((race.prior - 1) / max(len(race.members) - 1, 1))[None],
        "pressure": known["style"].mean() * np.ones((1, 1)),
    }


def _of_stops(race: Race) -> dict[str, Floats]:
    stops = race.stopped.cumsum(axis=0).astype(np.float64)
    stops_of_all = mean(stops, race.running)
    last_stop = since(race.stopped)
    return {
        "stops": stops - stops_of_all,
        "stops_of_all": stops_of_all,
        "since_stop": last_stop,
        "fresher": mean(last_stop, race.running) - last_stop,
        "stopped": race.stopped.astype(np.float64),
    }
