"""What training may be asked for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from app.argument import between
from app.train.cache import SEED
from models.race.source import TESTED_ON, TRAINED_ON

_EXAMPLES = """\
examples:
  streamrank train race                    simulated horse races; the model goes to race-model/1
  streamrank train race --races DIR        real races, lap by lap; docs/races.md tells where they are found
  streamrank train race --folds 5          compare models by cross-validation; the races of the test stay unseen
  streamrank train race --describe         what simulated races are like
  MODEL_PATH=race-model streamrank serve   serve what was trained

The table goes to standard output, how far it is to standard error. A training with --out in a folder of versions adds
the next version, which a running service finds by itself.

exit status: 0 done; 1 training failed; 2 wrong options, races that cannot be used, or a folder that cannot be written
to; 130 after Ctrl-C
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The options.

    Attributes:
        races: the folder of real races; None: simulated ones.
        out: the folder of versions.
        seed: of the simulated races and of the networks.
        folds: for cross-validation; 0: train one model and test it.
        trained_on: simulated races to learn from.
        tested_on: simulated races for the test.
        describe: say what simulated races are like, and nothing else.
    """

    races: str | None
    out: str
    seed: int
    folds: int
    trained_on: int
    tested_on: int
    describe: bool


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="streamrank train",
        description="Train a model of the project's own.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(metavar="MODEL", required=True)
    race = kinds.add_parser(
        "race",
        help="a model that foretells, at each moment of a race, how it ends",
        description="Train a model that foretells, at each moment of a race, how it ends, and test it on other races.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(race)
    return Options(**vars(parser.parse_args(arguments)))


def _add_options(race: argparse.ArgumentParser) -> None:
    race.add_argument("--races", metavar="DIR", help="real races, as CSV files (default: simulated ones)")
    race.add_argument("--out", metavar="DIR", default="race-model", help="where versions go (default: race-model)")
    race.add_argument("--seed", type=between(int, 0, 2**31 - 1), default=SEED, metavar="N", help=f"(default: {SEED})")
    race.add_argument(
        "--folds", type=between(int, 2, 100), default=0, metavar="K", help="compare models by cross-validation instead"
    )
    race.add_argument(
        "--train-on",
        dest="trained_on",
        type=between(int, 20, 100_000),
        default=TRAINED_ON,
        metavar="N",
        help=f"simulated races to learn from (default: {TRAINED_ON})",
    )
    race.add_argument(
        "--test-on",
        dest="tested_on",
        type=between(int, 2, 100_000),
        default=TESTED_ON,
        metavar="N",
        help=f"simulated races for the test (default: {TESTED_ON})",
    )
    race.add_argument("--describe", action="store_true", help="say what simulated races are like, and end")
