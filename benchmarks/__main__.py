"""The command line of the benchmark: `python -m benchmarks`, or `make bench`."""

import argparse
import sys
from dataclasses import replace
from datetime import datetime

from benchmarks import machine, progress, report, session
from benchmarks.contenders import Contender
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import RESULTS, ROOT
from benchmarks.plan import QUICK, Part, Plan
from benchmarks.targets import verdicts
from tests.broker.kafka_jars import KafkaUnavailable

_INTERRUPTED = 130

_DESCRIPTION = """\
Measure StreamRank beside its alternatives: a hand-written confluent-kafka loop, a textbook Faust agent and an echo loop
without a model, on one Apache Kafka that the benchmark starts for itself (needs Java 17; the jars come through Maven).
Contenders take turns, ratios are taken within a round, and every output is checked against TensorFlow."""

_EPILOG = """\
examples:
  make bench                                      everything, about a quarter of an hour
  make bench ARGS="--quick"                       a smoke run of two minutes
  make bench ARGS="--only throughput --runs 9"    one part, more rounds
  MODEL_DEVICE=gpu make bench                     the model on a GPU, for all that run it
  make bench ARGS="--hidden 2048,2048"            a larger model
  BATCH_MAX_SIZE=1024 make bench                  the service with another setting

exit status: 0 all targets are met, 1 one is missed or could not be measured, 2 wrong usage"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, report, and return the exit status."""
    plan = parse(arguments)
    began = datetime.now().astimezone()
    about = {**machine.describe(), "load_average_before": machine.load_average()}
    try:
        with progress.shown(session.count_steps(plan)) as shown:
            results = session.Session(plan, shown).run()
    except (BenchmarkFailed, KafkaUnavailable) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmark: interrupted, nothing was written", file=sys.stderr)
        return _INTERRUPTED
    about["load_average_after"] = machine.load_average()
    found = verdicts(results)
    path = RESULTS / f"{began:%Y-%m-%d-%H%M%S}{plan.suffix}.json"
    report.write_json(path, began=began, machine=about, plan=plan, results=results, found=found)
    print(f"\n{report.text(plan, results, found)}\n\n{report.footer(about, path.relative_to(ROOT))}")
    return 0 if all(each.met for each in found) else 1


def parse(arguments: list[str] | None) -> Plan:
    """Return the plan that a command line asks for; a wrong one ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    full = Plan()
    add = parser.add_argument
    add("--quick", action="store_true", help="one small round of everything: shows that it works, not how well")
    add("--only", action="append", type=Part, choices=list(Part), metavar="PART", help=_only())
    add("--runs", type=_positive, help=f"rounds of throughput, latency and target, and starts ({full.runs})")
    add("--records", type=_positive, help=f"backlog of the fast contenders ({full.records:,})")
    add("--textbook-records", type=_positive, help=f"of the {Contender.TEXTBOOK.full_name} ({full.textbook_records:,})")
    add("--rate", type=_positive, help=f"records per second for latency ({full.pace.rate:,})")
    add("--versions", type=_positive, help=f"of the model that come in while records are ranked ({full.versions})")
    add("--hidden", type=_widths, metavar="N,N,...", help="widths of the model's hidden layers (64,64)")
    add("--seconds", type=_positive, help=f"how long for latency ({full.pace.seconds:g})")
    return _plan(parser.parse_args(arguments))


def _only() -> str:
    return f"measure this part alone; may be repeated: {', '.join(Part)}"


def _plan(told: argparse.Namespace) -> Plan:
    base = QUICK if told.quick else Plan()
    pace = replace(base.pace, rate=told.rate or base.pace.rate, seconds=told.seconds or base.pace.seconds)
    return replace(
        base,
        parts=tuple(part for part in Part if not told.only or part in told.only),
        runs=told.runs or base.runs,
        starts=told.runs or base.starts,
        records=told.records or base.records,
        textbook_records=told.textbook_records or base.textbook_records,
        pace=pace,
        versions=told.versions or base.versions,
        hidden=told.hidden or base.hidden,
    )


def _widths(text: str) -> tuple[int, ...]:
    return tuple(_positive(each) for each in text.split(","))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
