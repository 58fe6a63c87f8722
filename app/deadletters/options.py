"""What `streamrank dead-letters` may be asked for."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.argument import count, of_kind, rate, reading
from app.deadletters.filters import filters, selection
from app.deadletters.place import Place
from app.deadletters.selection import Selection
from config.values import Text, Topic

_EXAMPLES = """\
examples:
  streamrank dead-letters list                          one line for each refused record, the newest last
  streamrank dead-letters show 2@17                     everything about one of them
  streamrank dead-letters replay --reason model_error   send those back to the input topic

The brokers and topics are those of the service, from the same environment variables or the file .env; MODEL_PATH and
OUTPUT_TOPIC are not needed. COMMAND --help tells more about each.

exit status: 0 done; 1 something could not be shown or replayed; 2 wrong arguments, wrong settings, or no such topic;
3 no broker can be reached, or it denies what is asked; 128 + n after signal n
"""
_LIST_EXAMPLES = """\
examples:
  streamrank dead-letters list --since 2h --reason wrong_shape
  streamrank dead-letters list --summary                how many, by reason, stage and source partition
  streamrank dead-letters list --json | jq .message     one JSON object a line

A line begins with the letter's place in the dead-letter topic, PARTITION@OFFSET. What counts as its time is when the
record was refused.
"""
_SHOW_EXAMPLES = """\
examples:
  streamrank dead-letters show 2@17
  streamrank dead-letters show 2@17 --raw > record.json    the value, byte for byte
"""
_REPLAY_EXAMPLES = """\
examples:
  streamrank dead-letters replay --dry-run                         what would be written
  streamrank dead-letters replay --reason model_error --since 3d   what a broken model has refused
  streamrank dead-letters replay --place 2@17 --place 0@3          just these two
  streamrank dead-letters replay --rate 100 --yes                  all of them, 100 a second, nobody is asked

A replayed record has the key, the value and the headers that it came with, and replay-count. It goes to the partition
that it came from, or by its key where the topic has no such partition. Not replayed: letters whose value was left out
as too large, and letters from other topics than INPUT_TOPIC (see --to). Tombstones only when they are asked for with
--reason empty or --place.

Replays keep their progress as a consumer group does, committed in one transaction with the records written: what was
interrupted goes on where it stopped, and nothing is lost or written twice. Each set of filters (and --to) has its own
group, CONSUMER_GROUP.replay and a digest of the filters: another filter finds what this one passed over, but also what
both of them take. --group puts several under one progress, which reaches up to the last letter that matched.
--from-beginning sets it back.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What all commands have: topics that win over the environment's.

    Attributes:
        overrides: variables, and what they are instead.
    """

    overrides: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions(Options):
    """`list`.

    Attributes:
        limit: only so many of the newest.
    """

    selection: Selection
    limit: int | None
    summary: bool
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions(Options):
    """`show`."""

    place: Place
    raw: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions(Options):
    """`replay`.

    Attributes:
        to: another topic than the input topic, for letters of any source.
        group: keeps the progress; None: one made of the filters.
        rate: most records a second.
        limit: most records in all.
    """

    selection: Selection
    to: str | None
    group: str | None
    from_beginning: bool
    rate: float | None
    limit: int | None
    dry_run: bool
    yes: bool


def parse(arguments: Sequence[str]) -> ListOptions | ShowOptions | ReplayOptions:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    given = _parser().parse_args(arguments)
    make: Callable[[argparse.Namespace, dict[str, str]], ListOptions | ShowOptions | ReplayOptions] = given.make
    overrides = {"INPUT_TOPIC": given.input_topic, "DEAD_LETTER_TOPIC": given.dead_letter_topic}
    return make(given, {name: topic for name, topic in overrides.items() if topic is not None})


def _parser() -> argparse.ArgumentParser:
    layout = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = argparse.ArgumentParser(
        prog="streamrank dead-letters",
        description="Look at the records that were refused, and send them back.",
        epilog=_EXAMPLES,
        **layout,  # type: ignore[arg-type]
    )
    commands: Any = parser.add_subparsers(metavar="COMMAND", required=True)
    topics, conditions = _topics(), filters()
    _add_list(commands.add_parser("list", parents=[conditions, topics], **_words(_LIST), **layout))
    _add_show(commands.add_parser("show", parents=[topics], **_words(_SHOW), **layout))
    _add_replay(commands.add_parser("replay", parents=[conditions, topics], **_words(_REPLAY), **layout))
    return parser


_LIST = "one line for each letter, the newest last", _LIST_EXAMPLES
_SHOW = "everything about one letter", _SHOW_EXAMPLES
_REPLAY = "write letters back to the topic that they came from, oldest first", _REPLAY_EXAMPLES


def _words(words: tuple[str, str]) -> dict[str, str]:
    purpose, examples = words
    return {"help": purpose, "description": f"{purpose[0].upper()}{purpose[1:]}.", "epilog": examples}


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=count, metavar="N", help="only the newest N of those that match")
    parser.add_argument("--summary", action="store_true", help="only how many, by reason, stage and source partition")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(
        make=lambda given, overrides: ListOptions(
            overrides=overrides,
            selection=selection(given),
            limit=given.limit,
            summary=given.summary,
            as_json=given.json,
        )
    )


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", type=reading(Place.read), metavar="PARTITION@OFFSET", help="as `list` prints it")
    parser.add_argument("--raw", action="store_true", help="write the value to standard output, and nothing else")
    parser.set_defaults(
        make=lambda given, overrides: ShowOptions(overrides=overrides, place=given.place, raw=given.raw)
    )


def _add_replay(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dry-run", action="store_true", help="say what would be written; write and commit nothing")
    add("--rate", type=rate, metavar="N", help="at most N records a second")
    add("--limit", type=count, metavar="N", help="stop after N records were written")
    add(
        "--to",
        type=of_kind(Topic),
        metavar="TOPIC",
        help="write to TOPIC whatever the letters match, also those from other topics",
    )
    add("--group", type=of_kind(Text), help="the consumer group that keeps the progress (default: see below)")
    add("--from-beginning", action="store_true", help="disregard the progress of earlier replays")
    add("--yes", action="store_true", help="do not ask on a terminal before more than 100 records are written")
    parser.set_defaults(
        make=lambda given, overrides: ReplayOptions(
            overrides=overrides,
            selection=selection(given),
            to=given.to,
            group=given.group,
            from_beginning=given.from_beginning,
            rate=given.rate,
            limit=given.limit,
            dry_run=given.dry_run,
            yes=given.yes,
        )
    )


def _topics() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("topics")
    group.add_argument("--input-topic", metavar="TOPIC", help="instead of INPUT_TOPIC")
    group.add_argument("--dead-letter-topic", metavar="TOPIC", help="instead of DEAD_LETTER_TOPIC")
    return parser
