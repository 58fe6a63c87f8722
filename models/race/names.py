"""Names for simulated horses."""

import numpy as np

_FIRST = [
    "Amber",
    "Autumn",
    "Brave",
    "Bright",
    "Copper",
    "Distant",
    "Early",
    "Faithful",
    "Gentle",
    "Golden",
    "Hidden",
    "Island",
    "Lucky",
    "Midnight",
    "Misty",
    "Northern",
    "Quiet",
    "Rapid",
    "Restless",
    "Royal",
    "Scarlet",
    "Secret",
    "Silver",
    "Simple",
    "Sudden",
    "Summer",
    "Velvet",
    "Wandering",
    "Western",
    "Winter",
]
_SECOND = [
    "Anchor",
    "Arrow",
    "Ballad",
    "Beacon",
    "Compass",
    "Crown",
    "Dancer",
    "Echo",
    "Ember",
    "Falcon",
    "Fable",
    "Harbour",
    "Horizon",
    "Lantern",
    "Legend",
    "Meadow",
    "Melody",
    "Morning",
    "Promise",
    "Rambler",
    "Reason",
    "River",
    "Rocket",
    "Shadow",
    "Signal",
    "Storm",
    "Thunder",
    "Tide",
    "Voyage",
    "Whisper",
]


def horse_names(count: int, random: np.random.Generator) -> tuple[str, ...]:
    """Return *count* different names, 900 at most."""
    chosen = random.choice(len(_FIRST) * len(_SECOND), count, replace=False)
    return tuple(f"{_FIRST[number // len(_SECOND)]} {_SECOND[number % len(_SECOND)]}" for number in chosen)
