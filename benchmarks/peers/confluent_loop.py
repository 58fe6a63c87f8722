"""A hand-written loop of confluent-kafka, orjson and TensorFlow: `python -m benchmarks.peers.confluent_loop`."""

from collections.abc import Sequence

from confluent_kafka import Message

from benchmarks.peers import loop, settings
from benchmarks.peers.ranker import Ranker
from benchmarks.peers.wire import PredictionEncoder, decode


def main() -> None:
    """Rank records until SIGTERM."""
    told = settings.from_environment()
    ranker = Ranker(told.model_path, told.model_device, told.top_k)
    encoder = PredictionEncoder(told.model_name, ranker.classes, told.top_k)

    def rank(messages: Sequence[Message]) -> list[bytes]:
        ids, rows = decode([message.value() for message in messages])
        return encoder.encode(ids, *ranker.rank(rows))

    loop.run(told, rank)


if __name__ == "__main__":
    main()
