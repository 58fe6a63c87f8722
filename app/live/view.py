"""What there is to be seen of a worker at one moment."""

import time
from collections.abc import Collection
from typing import Any

from prometheus_client import CollectorRegistry

from app.health import Health
from app.live.counts import Counts, Window, read
from app.live.message import Lag, Message
from app.live.newest import Newest
from app.live.rankings import Rankings
from app.live.reader import Reader
from app.rollout import Rollout
from app.serving import Serving
from config.settings import Settings


class View:
    """Gathers what the live page shows; between `begin` and `end` only.

    Args:
        settings: what may be shown.
        health: the worker.
        registry: its metrics.
        newest: what it publishes.
    """

    def __init__(self, settings: Settings, health: Health, registry: CollectorRegistry, newest: Newest) -> None:
        self._health = health
        self._registry = registry
        self._newest = newest
        self._about = _about(settings)
        self._window = Window()
        self._rankings = _rankings(settings)

    def begin(self) -> None:
        """Somebody watches from now on: begin to gather."""
        self._newest.begin()
        self._window = Window()
        self._window.note(read(self._registry))

    def end(self) -> None:
        """Nobody watches any more: let go of everything."""
        self._newest.end()
        self._rankings.clear()

    def now(self) -> Message:
        """Return all there is to be seen."""
        counts = read(self._registry)
        self._window.note(counts)
        self._rankings.note(self._newest.take())
        health, serving = self._health, self._health.serving
        return Message(
            at=time.time(),
            reason=health.unready(),
            uptime=health.uptime_seconds,
            about=self._about,
            model=None if health.rollout is None else _model(health.rollout),
            rates=self._window.rates,
            latency=self._window.latency,
            lag=None if serving is None else _lag(serving),
            in_flight=serving.consumer.app.in_flight.records if serving else 0,
            totals=counts.outcomes,
            dead_letters=_letters(counts),
            rankings=self._rankings.newest,
            standings=self._rankings.standings,
        )


def _about(settings: Settings) -> dict[str, Any]:
    return {
        "input": settings.kafka.input_topic,
        "output": settings.kafka.output_topic,
        "dead_letters": settings.kafka.dead_letter_topic,
        "group": settings.kafka.consumer_group,
        "rank_by": settings.rank.by,
        "shows_records": settings.page.shows_records,
        "fields": settings.page.fields,
        "scores_as": settings.page.scores_as,
    }


def _rankings(settings: Settings) -> Rankings:
    page, member, order = settings.page, settings.input.candidate_id_field, None
    if settings.rank.by == "standings":
        member, order = settings.standings.member_field, settings.standings.order_field
    reader = Reader(page.fields, member=member, order=order, softmax=page.scores_as == "softmax")
    return Rankings(reader, shows_records=page.shows_records, reads_records=bool(page.fields or order))


def _model(rollout: Rollout) -> dict[str, Any]:
    predictor = rollout.current.predictor
    about = {"name": predictor.name, "version": predictor.version, "device": predictor.device}
    return about | {"versions": rollout.status()}


def _lag(serving: Serving) -> Lag | None:
    lags: Collection[Any] = serving.lag.partitions.values()
    if not lags:
        return None
    return Lag(len(lags), sum(lag.records for lag in lags), max(lag.seconds for lag in lags))


def _letters(counts: Counts) -> list[tuple[str, str, int]]:
    letters = [(stage, reason, count) for (stage, reason), count in counts.letters.items()]
    return sorted(letters, key=lambda letter: -letter[2])
