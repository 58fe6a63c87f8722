"""A handful of faults under each guarantee; `make chaos` does hundreds."""

import sys
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.cluster import Cluster
from tests.chaos.crew import NotInTime
from tests.chaos.deck import Guarantee, Kind, deck
from tests.chaos.figures import figures
from tests.chaos.outcome import settle
from tests.chaos.report import text
from tests.chaos.scene import Scene, staged

pytestmark = pytest.mark.needs_apache_kafka

SEED = 20_251_125
RATE = 200.0


def strike(scene: Scene, guarantee: Guarantee, *kinds: Kind) -> None:
    """One fault of each kind, the harder way where there are two, and whatever was promised must hold."""
    print(f"seed of the faults: {SEED}")
    campaign = Campaign(scene)
    for kind in kinds:
        drawn = deck(f"{SEED} {kind}", guarantee, [kind])
        campaign.one(next(fault for fault in drawn if fault.either))
    outcome = settle(scene, "faults", guarantee, tallies=campaign.tallies)
    missed = [figure for figure in figures(outcome) if not figure.met]
    if missed:
        sys.stderr.write(f"{text(outcome)}\n{scene.crew.last_lines()}\n")
    assert missed == []
    assert outcome.verdict.records > 1000
    assert outcome.workers.tensorflow


def test_exactly_once_no_record_is_lost_doubled_or_overtaken_whatever_is_killed_or_cut(
    cluster: Cluster, model: Path, tmp_path: Path
):
    guarantee = Guarantee.EXACTLY_ONCE
    with staged(cluster, guarantee, rate=RATE, seed=SEED, model=model, folder=tmp_path / "workers") as scene:
        strike(scene, guarantee, Kind.HOLD, Kind.KILL, Kind.FREEZE, Kind.SWALLOW, Kind.STOP, Kind.POISON)


def test_at_least_once_no_record_is_lost_or_overtaken_and_only_crashes_double_some(
    cluster: Cluster, model: Path, tmp_path: Path
):
    guarantee = Guarantee.AT_LEAST_ONCE
    with staged(cluster, guarantee, rate=RATE, seed=SEED, model=model, folder=tmp_path / "workers") as scene:
        strike(scene, guarantee, Kind.STOP, Kind.KILL, Kind.KILL_BROKER, Kind.CUT, Kind.GUEST, Kind.SLOW)


def test_what_does_not_happen_is_told_with_the_workers_logs(cluster: Cluster, model: Path, tmp_path: Path):
    guarantee = Guarantee.AT_LEAST_ONCE
    with pytest.raises(NotInTime, match=r"(?s)the moon.*worker-0.1.*listening"):
        with staged(cluster, guarantee, rate=RATE, seed=SEED, model=model, folder=tmp_path / "workers") as scene:
            scene.crew.wait(lambda: False, 0.1, "the moon is full")
