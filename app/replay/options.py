"""What a replay may be asked for."""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app import moment
from app.argument import rate, reading

_EXAMPLES = """\
examples:
  streamrank replay races.jsonl --time-field clock               the lines of a file, as far apart as their clocks
  streamrank replay races.jsonl --key-field race --rate 500      500 a second, keyed by a field
  streamrank replay --from-topic races --since 2h --speed 10     the last two hours, ten times as fast
  streamrank replay --from-topic races --until 2026-11-22T15:00:00Z --speed max --to races.again

What is read of a topic is settled at the start. Keys and headers stay (a `deadline` too, which will have passed), and
partitions where both topics have equally many; timestamps are new. The numbers of --time-field are seconds, above
100,000,000,000 milliseconds. Records go to INPUT_TOPIC, unless --to names another. A replay writes at least once:
after an outage of a broker some records may be there twice. One of a minute ends it.

exit status: 0 all is written; 1 the broker refuses some records, or a line cannot be read; 2 wrong options or settings,
no such file or topic; 3 no broker can be reached, or it denies what is asked; 128 + n stopped by signal n
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The options.

    Attributes:
        file: where the records are, a line each; `-` is standard input; None: in a topic.
        from_topic: that topic.
        to: the topic to write to; None: INPUT_TOPIC.
        servers: what is to win over KAFKA_BOOTSTRAP_SERVERS.
        since_ms: records of the topic before this time, in milliseconds since the epoch, are left out.
        until_ms: so are those of this time or later.
        speed: how many times as fast as it was; None: as fast as it goes.
        rate: records a second instead.
        key_field: dotted path of the field of a line that becomes the record's key.
        time_field: dotted path of the field that says when a line was.
    """

    file: str | None
    from_topic: str | None
    to: str | None
    servers: str | None
    since_ms: int | None
    until_ms: int | None
    speed: float | None
    rate: float | None
    key_field: str | None
    time_field: str | None

    @property
    def variables(self) -> Mapping[str, str]:
        """What is to win over the environment."""
        return {} if self.servers is None else {"KAFKA_BOOTSTRAP_SERVERS": self.servers}


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; wrong ones end the process with status 2 and a message, as argparse does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.file is None) == (given.from_topic is None):
        parser.error("name a FILE (or -), or --from-topic, and not both")
    unused = ("key_field", "time_field") if given.file is None else ("since", "until")
    for name in unused:
        if getattr(given, name) is not None:
            where = "a file" if given.file is None else "a topic"
            parser.error(f"--{name.replace('_', '-')} is for {where}")
    if given.file is not None and given.time_field is None and given.speed is not None:
        parser.error("--speed needs --time-field: a line has no time of its own")
    if given.rate is not None and given.speed is not None:
        parser.error("--rate and --speed are two paces")
    timed = given.file is None or given.time_field is not None
    pace = given.speed if given.speed is not None else 1.0 if timed and given.rate is None else _MAX
    return Options(
        file=given.file,
        from_topic=given.from_topic,
        to=given.to,
        servers=given.bootstrap_servers,
        since_ms=given.since,
        until_ms=given.until,
        speed=None if pace == _MAX else pace,
        rate=given.rate,
        key_field=given.key_field,
        time_field=given.time_field,
    )


_MAX = float("inf")


@reading
def _speed(text: str) -> float:
    try:
        number = _MAX if text == "max" else float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise ValueError(f"{text!r} is neither a number above 0 nor max")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamrank replay",
        description="Write recorded records to a topic, as far apart as they were, or faster.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    at = reading(lambda text: moment.read(text, int(time.time() * 1000)))
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="the records, the value of one a line; - is standard input")
    add("--from-topic", metavar="TOPIC", help="the records are in this topic")
    add("--to", metavar="TOPIC", help="where they go (default: INPUT_TOPIC)")
    add("--bootstrap-servers", metavar="HOST:PORT,...", help="the brokers (default: KAFKA_BOOTSTRAP_SERVERS)")
    add("--since", type=at, metavar="TIME", help="from this time on: 2026-11-22T15:00:00Z, or an age such as 90s, 2h")
    add("--until", type=at, metavar="TIME", help="up to this time")
    add("--speed", type=_speed, metavar="X", help="times as fast as it was, or max (default: 1)")
    add("--rate", type=rate, metavar="N", help="records a second instead")
    add("--key-field", metavar="FIELD", help="the field of a line that becomes the key, as a dotted path")
    add("--time-field", metavar="FIELD", help="the field of a line that says when it was: seconds or milliseconds")
    return parser
