"""A whole run: one cluster, and part after part on it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.campaign import Campaign
from tests.chaos.cluster import Cluster
from tests.chaos.crew import NotInTime
from tests.chaos.deck import PLACES, Guarantee, deck
from tests.chaos.member import ROOT
from tests.chaos.outages import pass_through
from tests.chaos.outcome import Outcome, settle
from tests.chaos.plan import Plan
from tests.chaos.rolling import roll
from tests.chaos.scene import Scene, staged
from tests.chaos.soak import soak
from tests.chaos.worker import FEATURES

_EXPORT = "import sys; from models.classifier import export_mlp; export_mlp(sys.argv[1], features=int(sys.argv[2]))"

Part = Callable[[Scene, Plan, Guarantee], Outcome]


def run(plan: Plan, folder: Path, tell: Callable[[Outcome | NotInTime], None]) -> None:
    """Run every part of *plan* and tell what it came to; what is left of it lies in *folder*.

    Raises:
        KafkaUnavailable: Java or Maven is missing.
        RuntimeError: the broker did not start.
        Unjudged: see `settle`.
    """
    model = folder / "model"
    export_model(model)
    with Cluster(folder / "kafka", PLACES + 1) as cluster:
        for part, guarantee in _parts(plan):
            logs = folder / f"{guarantee}-{part.__name__}"
            try:
                with staged(cluster, guarantee, rate=plan.rate, seed=plan.seed, model=model, folder=logs) as scene:
                    outcome = part(scene, plan, guarantee)
            except NotInTime as late:
                tell(late)
            else:
                tell(outcome)


def export_model(path: Path) -> None:
    """Write the model of TensorFlow's workers, from a process that takes TensorFlow along when it ends."""
    subprocess.run([sys.executable, "-c", _EXPORT, str(path), str(FEATURES)], cwd=ROOT, capture_output=True, check=True)


def _parts(plan: Plan) -> Iterator[tuple[Part, Guarantee]]:
    for guarantee in plan.guarantees:
        if plan.faults:
            yield faults, guarantee
        if plan.rolling:
            yield rolling, guarantee
        if plan.outage_seconds:
            yield outages, guarantee
    if plan.soak_minutes:
        for guarantee in plan.soak_guarantees:
            yield soaking, guarantee


def faults(scene: Scene, plan: Plan, guarantee: Guarantee) -> Outcome:
    """Fault after fault."""
    campaign = Campaign(scene)
    campaign.run(deck(f"{plan.seed} {guarantee}", guarantee, plan.only), at_least=plan.faults, records=plan.records)
    return settle(scene, "faults", guarantee, tallies=campaign.tallies)


def rolling(scene: Scene, plan: Plan, guarantee: Guarantee) -> Outcome:
    """Restart after restart."""
    roll(scene, plan.rolling)
    return settle(scene, "rolling", guarantee, restarts=plan.rolling)


def outages(scene: Scene, plan: Plan, guarantee: Guarantee) -> Outcome:
    """Outage after outage."""
    return settle(scene, "outages", guarantee, outages=pass_through(scene, plan.outage_seconds))


def soaking(scene: Scene, plan: Plan, guarantee: Guarantee) -> Outcome:
    """Minute after minute."""
    growth = soak(scene, plan.soak_minutes)
    return settle(scene, "soak", guarantee, growth=growth)
