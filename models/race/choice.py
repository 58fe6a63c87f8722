"""Which models were compared by cross-validation, and which of them was chosen for each source."""

from models.race.network import Settings

SIMULATED = Settings(hidden=(32, 16), epochs=10, sharpness=1.2)
"""For simulated races."""
LAPS = Settings(hidden=(32, 16), nets=4, epochs=14, sharpness=1.4, batch=64, rate=2e-3, decay=0.1, dropout=0.3)
"""For real races, of which there are few."""

# Chosen was the highest mean Spearman correlation; of those that are within 0.001 of it, the lowest log-loss.
SIMULATED_CANDIDATES = (
    SIMULATED,
    Settings(hidden=(), epochs=10, sharpness=1.2),
    Settings(hidden=(32, 16), epochs=10, top=0.0, sharpness=1.2),
    Settings(hidden=(64, 32), epochs=10, sharpness=1.2),
)
LAPS_CANDIDATES = (
    LAPS,
    Settings(hidden=(), epochs=8, sharpness=1.4, batch=64, rate=2e-3, decay=0.1),
    Settings(hidden=(16,), epochs=14, sharpness=1.4, batch=64, rate=2e-3, decay=0.1, dropout=0.3),
    Settings(hidden=(32, 16), nets=4, epochs=14, top=0.0, sharpness=1.4, batch=64, rate=2e-3, decay=0.1, dropout=0.3),
    Settings(hidden=(32, 16), nets=4, epochs=8, sharpness=1.4, batch=64, rate=2e-3, decay=0.1, dropout=0.5),
    Settings(hidden=(24,), nets=6, epochs=14, top=0.7, sharpness=1.4, batch=64, rate=2e-3, decay=0.1, dropout=0.4),
)
