"""What the demo may be asked for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.argument import between

RACES = 32
PORT = 8000
SECONDS = 20
"""How long streaming takes when no speed is asked for."""

_EXAMPLES = f"""\
examples:
  streamrank demo                      half a minute, and as long again when the model is not trained yet
  streamrank demo --keep               goes on with new races until Ctrl-C; http://127.0.0.1:{PORT}/ shows them;
                                       real races are the same ones, again from the first
  streamrank demo --races 6 --speed 5  a few races, slowly
  streamrank demo --races DIR          real races, lap by lap: a model is trained on the earlier ones first

exit status: 0 when every record was answered once and every ranking was whole, 1 when not or when something failed,
2 for wrong options, 130 after Ctrl-C
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The demo's options.

    Attributes:
        races: how many simulated ones, or a folder of real ones.
        speed: how much faster than life; None: so that it takes about `SECONDS`.
        port: for the service's HTTP; None: `PORT`, or a free one where that is taken.
        keep: go on afterwards.
    """

    races: int | Path
    speed: float | None
    port: int | None
    keep: bool


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="streamrank demo",
        description="Start a broker, train a model, start the service, stream races, compare rankings and ends.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--races", type=_races, default=RACES, metavar="N|DIR", help=f"simulated ones, or real ones (default: {RACES})"
    )
    parser.add_argument(
        "--speed",
        type=between(float, 0.1, 100_000),
        metavar="X",
        help=f"times as fast as life (default: so that it takes {SECONDS} s)",
    )
    parser.add_argument(
        "--port",
        type=between(int, 1, 65_535),
        metavar="PORT",
        help=f"the service's HTTP (default: {PORT}, or a free one)",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="go on until Ctrl-C, with new races, or with the real ones again from the first",
    )
    return Options(**vars(parser.parse_args(arguments)))


def _races(text: str) -> int | Path:
    if not text.lstrip("-").isdecimal():
        if not (folder := Path(text)).is_dir():
            raise argparse.ArgumentTypeError(f"{text} is neither a number nor a folder")
        return folder.absolute()
    return between(int, 1, 10_000)(text)
