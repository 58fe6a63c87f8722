"""Races without end, into the topic of a service that runs elsewhere: the demo stream of the compose file."""

import argparse
import asyncio
import heapq
import logging
import os
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from app.argument import between
from app.deadletters.stop import Stop
from app.demo.programme import simulated_programme
from app.demo.schedule import Due, schedule
from app.errors import ServiceError, StartFailed
from app.kafka.security import Security
from app.kafka.visit import UNREACHABLE, VisitFailed, visit
from app.records import Outgoing
from app.replay.feeding import AsItWas, Feeder
from app.replay.publishing import publisher
from app.replay.recorded import Recorded
from app.stderr import ended, say
from config.settings import KafkaSettings, SettingsError, load_topic_settings

LANES = 8
"""Races that run side by side."""
SPEED = 5.0
"""So much faster than life, some 30 records a second."""
WRONG = 2
_IDS = 1000
"""No race has as many records."""


def endless(began: datetime) -> Iterator[Recorded]:
    """Yield records of ever new races, and a tombstone behind each race, in the order in which they are due.

    Args:
        began: when the stream did; another time gives other races, with other names, for what is known of a race that
            was broken off would make the service refuse one of the same name.
    """
    numbers = count(1)
    yield from heapq.merge(*(_lane(lane, numbers, began) for lane in range(LANES)), key=_when)


def _lane(lane: int, numbers: Iterator[int], began: datetime) -> Iterator[Recorded]:
    """Yield the records of one race after the other."""
    free = 0.0
    for number in numbers:
        plan = _race(number, began)
        lasts = plan[-1].at
        # The first ones begin one after the other, or all of them would be over together.
        free = free or lasts * lane / LANES
        for due in plan:
            yield Recorded((free + due.at) * 1000, None, Outgoing(due.key, due.value, []))
        free += lasts


def _race(number: int, began: datetime) -> list[Due]:
    (race,) = simulated_programme(1, int(began.timestamp()) * _IDS + number).races
    return schedule([replace(race, name=f"{began:%m%d-%H%M%S}-{number}")], lanes=1, first_id=number * _IDS)


def _when(recorded: Recorded) -> float:
    return recorded.at_ms or 0.0


def main(arguments: Sequence[str]) -> int:
    """Write to `INPUT_TOPIC` until a signal and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app.demo.endless", description="Stream races without end.")
    parser.add_argument("--speed", type=between(float, 0.1, 100_000), default=SPEED, metavar="X", help="times as life")
    options = parser.parse_args(arguments)
    logging.disable()  # what goes wrong is said by the error that ends it
    try:
        settings = load_topic_settings(os.environ, without=["OUTPUT_TOPIC"])
        return asyncio.run(_stream(settings.kafka, Security(settings.security), options.speed))
    except SettingsError as error:
        return ended(WRONG, *error.mistakes)
    except VisitFailed as error:
        return ended(error.status, str(error))
    except StartFailed as error:
        return ended(WRONG, str(error))
    except (ServiceError, TimeoutError) as error:
        return ended(UNREACHABLE, str(error))


async def _stream(kafka: KafkaSettings, security: Security, speed: float) -> int:
    stop, topic = Stop(), kafka.input_topic
    with stop.listening():
        async with visit(kafka.bootstrap_servers, security, [topic]) as client:
            say(f"races into {topic}, {speed:g} times as fast as life")
            await Feeder(publisher(client, topic, None), stop, moved=lambda _: None).run(_found(), AsItWas(speed))
            say("stopped")
    return 0


async def _found() -> AsyncGenerator[Recorded, None]:
    for recorded in endless(datetime.now(UTC)):
        yield recorded


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
