"""What the audit may be asked for."""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app import moment
from app.argument import reading

_EXAMPLES = """\
examples:
  streamrank audit                         the topics, brokers and guarantee of the service's own settings
  streamrank audit --up-to committed       while the service runs: only what its group has committed must be answered
  streamrank audit --since 6d              of topics whose oldest records retention has deleted
  streamrank audit --input-topic images --output-topic rankings --guarantee exactly_once
  streamrank audit --json --all > audit.json

exit status: 0 all holds; 1 it does not; 2 wrong options or settings, or no such topic; 3 no broker can be reached, it
denies what is asked, or the group has committed nothing; 130 after Ctrl-C
"""
# Each option stands for a variable, and wins.
_VARIABLES = {
    "bootstrap_servers": ("KAFKA_BOOTSTRAP_SERVERS", "HOST:PORT,...", "the brokers"),
    "input_topic": ("INPUT_TOPIC", "TOPIC", "where the records are"),
    "output_topic": ("OUTPUT_TOPIC", "TOPIC", "where the predictions are"),
    "dead_letter_topic": ("DEAD_LETTER_TOPIC", "TOPIC", "where the dead letters are"),
    "group": ("CONSUMER_GROUP", "GROUP", "the service's consumer group, for --up-to committed"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The audit's options.

    Attributes:
        variables: what is to win over the environment.
        guarantee: `at_least_once` or `exactly_once`; None: as the settings say.
        committed: only what the group has committed must be answered.
        since_ms: records before this time, in milliseconds since the epoch, are not looked at.
        isolation: `read_committed` or `read_uncommitted`.
        everything: list every range.
        json: print one JSON object.
    """

    variables: Mapping[str, str]
    guarantee: str | None
    committed: bool
    since_ms: int | None
    isolation: str
    everything: bool
    json: bool


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    given = vars(_parser().parse_args(arguments))
    variables = {variable: given[option] for option, (variable, *_) in _VARIABLES.items() if given[option] is not None}
    return Options(
        variables=variables,
        guarantee=given["guarantee"],
        committed=given["up_to"] == "committed",
        since_ms=given["since"],
        isolation=given["isolation"],
        everything=given["all"],
        json=given["json"],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamrank audit",
        description="Check that every record has its prediction or its dead letter: none lost, none foreign, in order.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for option, (variable, metavar, meaning) in _VARIABLES.items():
        flag = f"--{option.replace('_', '-')}"
        parser.add_argument(flag, metavar=metavar, help=f"{meaning} (default: {variable})")
    parser.add_argument(
        "--guarantee",
        choices=["at_least_once", "exactly_once"],
        help="whether a record answered twice is a fault (default: PROCESSING_GUARANTEE)",
    )
    parser.add_argument(
        "--up-to",
        choices=["end", "committed"],
        default="end",
        help="what must be answered: all that is there at the start, or what the group has committed by then",
    )
    parser.add_argument(
        "--since",
        type=reading(lambda text: moment.read(text, int(time.time() * 1000))),
        metavar="TIME",
        help="look only at records of this time or later: 2026-11-22T15:00:00Z, or an age such as 90s, 15m, 2h, 3d",
    )
    parser.add_argument(
        "--isolation",
        choices=["read_committed", "read_uncommitted"],
        default="read_committed",
        help="whether open and aborted transactions count (default: they do not)",
    )
    parser.add_argument("--all", action="store_true", help="list all there is to list")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
