"""What scoring may be asked for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

_EXAMPLES = """\
examples:
  streamrank score races.jsonl --model models/horses > rankings.jsonl
  tail -f races.jsonl | streamrank score --model models/horses
  RANK_BY=candidates RANK_TOP_K=3 MODEL_PATH=models/horses streamrank score races.jsonl
  streamrank score races.jsonl --refused refused.jsonl

Each line is the value of a record, and each ranking is the value that the service would publish; all settings count but
those of Kafka and HTTP. A record without an id is called FILE-LINE. Refused records are told on standard error, or in
the file --refused: one JSON object with `line`, `stage`, `reason` and `message` for each.

exit status: 0 all records are ranked; 1 some are refused; 2 wrong options or settings, no model, or a file that cannot
be read or written; 3 the model failed; 130 after Ctrl-C; 141 whoever read the rankings has gone
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The options.

    Attributes:
        file: where the records are; `-` is standard input.
        model: what is to win over MODEL_PATH.
        output: where the rankings go; None: standard output.
        refused: where refused records are told; None: standard error.
    """

    file: str
    model: str | None
    output: str | None
    refused: str | None


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    given = _parser().parse_args(arguments)
    return Options(given.file, given.model, given.output, given.refused)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamrank score",
        description="Rank records from a file or standard input as the service does: JSON lines in, JSON lines out.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="the records (default: standard input)")
    parser.add_argument("--model", metavar="PATH", help="the model (default: MODEL_PATH)")
    parser.add_argument("--output", metavar="FILE", help="where the rankings go (default: standard output)")
    parser.add_argument("--refused", metavar="FILE", help="where refused records are told (default: standard error)")
    return parser
