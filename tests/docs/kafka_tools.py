"""Stand-ins for the programs that come with Kafka, which are not among its jars; with those options that the pages use.

python -m tests.docs.kafka_tools kafka-topics.sh --bootstrap-server ...
"""

import argparse
import sys
import time
from collections.abc import Callable

from confluent_kafka.admin import AdminClient, NewTopic

from tests.broker.records import COMMON, Reader


def topics(arguments: list[str]) -> int:
    """Create a topic."""
    told = _parser("--topic", "--partitions", flags=["--create"]).parse_args(arguments)
    admin = AdminClient({**COMMON, "bootstrap.servers": told.bootstrap_server})
    for made in admin.create_topics([NewTopic(told.topic, int(told.partitions), 1)]).values():
        made.result(30)
    print(f"Created topic {told.topic}.")
    return 0


def console_consumer(arguments: list[str]) -> int:
    """Print values from the beginning; unlike Kafka's, fail when they do not come in time."""
    parser = _parser("--topic", "--max-messages", "--timeout-ms", flags=["--from-beginning"])
    told = parser.parse_args(arguments)
    wanted, deadline = int(told.max_messages), time.monotonic() + int(told.timeout_ms) / 1000
    with Reader(told.bootstrap_server, told.topic, isolation="read_committed") as reader:
        while len(reader.records) < wanted and time.monotonic() < deadline:
            reader.look(0.1)
        for record in reader.in_order()[:wanted]:
            print((record.value or b"null").decode())
        return 0 if len(reader.records) >= wanted else 1


PROGRAMS: dict[str, Callable[[list[str]], int]] = {
    "kafka-topics.sh": topics,
    "kafka-console-consumer.sh": console_consumer,
}


def _parser(*options: str, flags: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("--bootstrap-server", *options):
        parser.add_argument(name, required=True)
    for flag in flags:
        parser.add_argument(flag, action="store_true", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](sys.argv[2:]))
