"""What may be asked of an inspection."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.argument import of_kind
from config.values import Device, Location, Sizes, Url, Version

_EXAMPLES = """\
examples:
  streamrank inspect /models/digits                      the newest version in the folder, or the SavedModel itself
  streamrank inspect /models/digits --version 3
  streamrank inspect /models/digits --signature predict
  streamrank inspect /models/digits --sizes 1,32 --device cpu
  streamrank inspect /models/digits --json | jq .served.record

exit status: 0 it can be served; 1 it cannot, and why is printed; 2 wrong options, or there is no SavedModel
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The inspection's options.

    Attributes:
        place: a model, or a folder of numbered versions; here or elsewhere.
        version: `latest` or the number of a version.
        signature: the signature to serve; None: the usual one.
        device: `auto`, `cpu`, `gpu` or `gpu:N`.
        sizes: of the batches that are timed; none: nothing is timed.
        json: print one JSON object.
    """

    place: Path | Url
    version: str
    signature: str | None
    device: str
    sizes: tuple[int, ...]
    json: bool


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    given = _parser().parse_args(arguments)
    return Options(given.place, given.version, given.signature, given.device, given.sizes, given.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamrank inspect",
        description="Look at a SavedModel: its signatures, how it would be served, and how fast it is here.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "place",
        type=of_kind(Location),
        metavar="MODEL_PATH",
        help="a SavedModel, or a folder of numbered versions; a path, or a URL such as s3://bucket/models/digits",
    )
    parser.add_argument(
        "--version", default="latest", type=of_kind(Version), metavar="NUMBER", help="the version to look at"
    )
    parser.add_argument("--signature", metavar="NAME", help="the signature to serve")
    parser.add_argument(
        "--device", default="auto", type=of_kind(Device), metavar="DEVICE", help="auto, cpu, gpu or gpu:N"
    )
    timing = parser.add_mutually_exclusive_group()
    timing.add_argument(
        "--sizes",
        default=(1, 8, 64, 512),
        type=of_kind(Sizes),
        metavar="ROWS,...",
        help="the batches to time (default: 1,8,64,512)",
    )
    timing.add_argument("--untimed", action="store_const", const=(), dest="sizes", help="time nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
