"""What the demo may be asked for."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_EXAMPLES = """\
examples:
  streamrank demo                          about half a minute, then a summary
  streamrank demo --keep                   everything stays up until Ctrl-C, to look around in
  streamrank demo --records 100000 --rate 10000

exit status: 0 when all predictions are those of the model itself, 1 when not or when something failed, 130 after Ctrl-C
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The demo's options.

    Attributes:
        records: how many to send.
        rate: how many a second.
        port: for the service's HTTP; 0 takes a free one.
        keep: stay up afterwards.
    """

    records: int
    rate: float
    port: int
    keep: bool


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="streamrank demo",
        description="Start a broker, train a model, start the service, stream real records through, judge the result.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--records", type=_number(int, 1, 10_000_000), default=20_000, metavar="N", help="how many (default: 20000)"
    )
    parser.add_argument(
        "--rate", type=_number(float, 0.1, 1_000_000), default=2_000.0, metavar="N", help="a second (default: 2000)"
    )
    parser.add_argument(
        "--port",
        type=_number(int, 1, 65_535),
        default=0,
        metavar="PORT",
        help="the service's HTTP (default: a free one)",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    return Options(**vars(parser.parse_args(arguments)))


def _number(kind: Callable[[str], float], lowest: float, highest: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text} is not between {lowest:g} and {highest:g}")
        return value

    return number
