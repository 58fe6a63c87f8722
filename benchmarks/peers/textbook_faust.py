"""A Faust agent as its documentation teaches it: batches of events, one send per record.

It runs as `python -m benchmarks.peers.textbook_faust`. Raw values, a linger and the spared garbage collector are not in
the textbook; each makes it faster.
"""

import asyncio
from typing import Any

import faust

from benchmarks.peers import settings
from benchmarks.peers.garbage import spare_the_loaded
from benchmarks.peers.ranker import Ranker
from benchmarks.peers.settings import BATCH_SIZE, PeerSettings, Tuning
from benchmarks.peers.wire import PredictionEncoder, constant_headers, decode

_WITHIN_S = 0.02


def main() -> None:
    """Rank records until SIGTERM."""
    told = settings.from_environment()
    app = textbook(told)
    spare_the_loaded()
    faust.Worker(app, loglevel="WARNING").execute_from_commandline()


def textbook(told: PeerSettings) -> faust.App:
    """Return the app with its agent."""
    ranker = Ranker(told.model_path, told.model_device, told.top_k)
    encoder = PredictionEncoder(told.model_name, ranker.classes, told.top_k)
    app = faust.App(
        told.consumer_group,
        broker=f"kafka://{told.bootstrap_servers}",
        value_serializer="raw",
        key_serializer="raw",
        consumer_auto_offset_reset="earliest",
        # The topics are there already; Faust's own are not needed.
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        # Without any linger one send per record makes many more requests and costs a third more.
        producer_linger_ms=5 if told.tuning is Tuning.THROUGHPUT else 0,
    )
    records = app.topic(told.input_topic)
    predictions = app.topic(told.output_topic)

    @app.agent(records)
    async def rank(stream: Any) -> None:  # Any: Faust's types lack take_events
        async for events in stream.take_events(BATCH_SIZE, within=_WITHIN_S):
            ids, rows = decode([event.value for event in events])
            values = encoder.encode(ids, *ranker.rank(rows))
            sent = []
            for event, value in zip(events, values, strict=True):
                message = event.message
                headers = [
                    *message.headers,
                    *constant_headers(told.model_name, message.topic, message.partition),
                    ("source-offset", b"%d" % message.offset),
                ]
                sent.append(
                    await predictions.send(key=event.key, value=value, partition=message.partition, headers=headers)
                )
            # take_events acknowledges the batch when it is asked for the next one: not before these are delivered.
            await asyncio.gather(*sent)

    return app


if __name__ == "__main__":
    main()
