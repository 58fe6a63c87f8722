"""A race as records, in the order in which a live feed would send them."""

from collections.abc import Iterator

import numpy as np

from models.race.features import FEATURES, features
from models.race.race import Race

Record = dict[str, str | int | float]


def records(race: Race) -> Iterator[Record]:
    """Yield a record for each participant that was seen at a moment, moment by moment, the leader first.

    A record has `group` (the race), `member` (the participant), `moment` (the number of the furlong or lap), `elapsed`
    (seconds from the start until the moment was known of everybody), `position` (from 1), and each of `FEATURES` as a
    float that is exactly what the model would be given.
    """
    values = features(race)
    for moment, number in enumerate(race.moments):
        seen = np.flatnonzero(race.running[moment])
        for member in seen[np.argsort(race.position[moment, seen], kind="stable")]:
            yield {
                "group": race.name,
                "member": race.members[member],
                "moment": int(number),
                "elapsed": float(race.elapsed[moment]),
                "position": int(race.position[moment, member]),
                **dict(zip(FEATURES, values[moment, member].tolist(), strict=True)),
            }
