"""The same loop without a model: what Kafka and the client alone cost: `python -m benchmarks.peers.echo_loop`."""

from collections.abc import Sequence

from confluent_kafka import Message

from benchmarks.peers import loop, settings


def main() -> None:
    """Send every record's own value on, with the headers of a prediction, until SIGTERM."""
    loop.run(settings.from_environment(), _same)


def _same(messages: Sequence[Message]) -> list[bytes]:
    return [message.value() for message in messages]


if __name__ == "__main__":
    main()
