"""The command line: `python -m tests.chaos`, or `make chaos`."""

import argparse
import random
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.argument import natural
from tests.broker.kafka_jars import KafkaUnavailable
from tests.chaos.crew import NotInTime
from tests.chaos.deck import MEANINGS, Guarantee, Kind
from tests.chaos.figures import figures
from tests.chaos.outcome import Outcome, Unjudged
from tests.chaos.plan import Plan
from tests.chaos.report import text, write_copies, write_json
from tests.chaos.session import run

RESULTS = Path(__file__).parent / "results"

_VIOLATED, _WRONG_USAGE, _COULD_NOT_RUN, _INTERRUPTED = 1, 2, 3, 130

_DESCRIPTION = """\
Kill, freeze and cut off workers and their broker while records keep coming, and tell what became of every record.
It starts an Apache Kafka for itself (needs Java 17; the jars come through Maven) and everything else."""

_EPILOG = f"""\
kinds of faults:
{"".join(f"  {kind:<15}{meaning}{chr(10)}" for kind, meaning in MEANINGS.items())}
examples:
  make chaos                                                  everything, an hour and a half
  make chaos ARGS="--quick"                                   a few faults and restarts, three minutes
  make chaos ARGS="--seed 4711 --guarantee exactly_once"      the faults of an earlier run again
  make chaos ARGS="--faults 20 --only kill-broker --only cut" these alone
  make chaos ARGS="--faults 0 --rolling 0 --outages 0"        the soak alone
  make chaos ARGS="--quick --faults 0 --rolling 0 --outages 60" the outages alone

exit status: 0 all figures hold, 1 one does not, 2 wrong usage, 3 it could not run or nothing can be said"""


def main(arguments: list[str] | None = None) -> int:
    """Run, report, and return the exit status."""
    told = _parse(arguments)
    plan = _plan(told)
    folder = told.folder or RESULTS / f"{datetime.now():%Y-%m-%d-%H%M%S}-seed{plan.seed}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        print(f"chaos: --folder {folder}: {error.strerror}; it must be a new one", file=sys.stderr)
        return _WRONG_USAGE
    print(f"seed {plan.seed}; logs and raw events: {folder}", flush=True)
    met: list[bool] = []
    try:
        run(plan, folder.resolve(), lambda result: met.append(_report(folder, plan, result)))
    except (KafkaUnavailable, RuntimeError, TimeoutError, Unjudged) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return _COULD_NOT_RUN
    except KeyboardInterrupt:
        print("chaos: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return 0 if all(met) else _VIOLATED


def _report(folder: Path, plan: Plan, result: Outcome | NotInTime) -> bool:
    """Tell what a part came to; returns whether everything held."""
    if isinstance(result, NotInTime):
        print(f"\nMISSED: {result}\n", flush=True)
        return False
    write_json(folder / f"{result.guarantee}-{result.part}.json", result, plan.seed)
    print(f"\n{text(result)}\n", flush=True)
    if met := all(each.met for each in figures(result)):
        return met
    copies = folder / f"{result.guarantee}-{result.part}-copies.jsonl"
    write_copies(copies, result)
    print(f"where every answer lies, when it was written and by whom: {copies}\n", flush=True)
    return met


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--seed", type=int, help="what the faults follow from; by default another one every time, which is printed")
    add("--guarantee", action="append", type=Guarantee, choices=list(Guarantee), help="under this one alone (both)")
    add("--faults", type=natural, metavar="N", help="at least so many under each guarantee, 0 for none (200)")
    add("--records", type=natural, metavar="N", help="and until there were so many records (1,000 for each fault)")
    add(
        "--only",
        action="append",
        type=Kind,
        choices=list(Kind),
        metavar="KIND",
        help="draw this kind; repeatable",
    )
    add("--rolling", type=natural, metavar="N", help="restarts under each guarantee, 0 for none (50)")
    add(
        "--outages",
        type=_at_least(0, 10),
        metavar="SECONDS",
        help="how long the broker is away each time, 0 for none (60)",
    )
    add(
        "--soak",
        type=_at_least(0, 1),
        metavar="MINUTES",
        help="how long under exactly_once, or as told, 0 for none (15)",
    )
    add("--rate", type=_at_least(1), default=200.0, help="records a second (200)")
    add("--quick", action="store_true", help="10 faults, 3 restarts, no outages, no soak, unless told otherwise")
    add("--folder", type=Path, help="a new folder for logs and raw events (one in tests/chaos/results)")
    told = parser.parse_args(arguments)
    if _plan(told).is_empty:
        parser.error("nothing is left to do: no faults, no restarts, no outages and no soak")
    return told


def _plan(told: argparse.Namespace) -> Plan:
    def number(value: float | None, full: float, quick: float) -> float:
        return (quick if told.quick else full) if value is None else value

    faults = int(number(told.faults, 200, 10))
    return Plan(
        seed=random.randrange(1_000_000) if told.seed is None else told.seed,
        guarantees=told.guarantee or list(Guarantee),
        faults=faults,
        records=int(number(told.records, 1000 * faults, 0)),
        rolling=int(number(told.rolling, 50, 3)),
        outage_seconds=number(told.outages, 60.0, 0.0),
        soak_minutes=number(told.soak, 15.0, 0.0),
        soak_guarantees=told.guarantee or [Guarantee.EXACTLY_ONCE],
        rate=told.rate,
        only=told.only or (),
    )


def _at_least(*limits: float) -> Callable[[str], float]:
    """Return what reads a number that is one of *limits*, or above the last of them."""

    def read(text: str) -> float:
        number = float(text)
        if number in limits or number > limits[-1]:
            return number
        raise argparse.ArgumentTypeError(f"{text} is not {' or at least '.join(f'{limit:g}' for limit in limits)}")

    return read


if __name__ == "__main__":
    sys.exit(main())
