"""What one event tells the page."""

from typing import Any

import msgspec

Cell = str | int | float | None
"""What the page shows of one field: a number, or text of bounded length."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One ranked class, candidate or member.

    Attributes:
        label: the key of its name, of which the first 60 characters are shown.
        score: as `PAGE_SCORES_AS` says; None where the ranking has none.
        change: places won since the ranking before, negative when lost; None where nothing is known of that.
        fields: of its newest record, one for each of `PAGE_FIELDS`; empty where no record is its own.
    """

    label: str
    score: float | int | None
    change: int | None = None
    fields: tuple[Cell, ...] = ()


class Ranking(msgspec.Struct, frozen=True):
    """A ranking that was published.

    Attributes:
        place: topic, partition and offset of its record.
        at: when it was confirmed, in seconds since the epoch.
        count: its entries; None where the value is too long to be read here.
        id: the record's; None, like all below, where records are not shown.
        version: of the model.
        entries: the best of them.
        fields: of the record, one for each of `PAGE_FIELDS`.
    """

    place: str
    at: float
    count: int | None
    id: str | None = None
    version: str | None = None
    entries: tuple[Entry, ...] = ()
    fields: tuple[Cell, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """The newest ranking of a group.

    Attributes:
        group: the key of its name, of which the first 60 characters are shown.
        at: when it was confirmed, in seconds since the epoch.
        order: how far the group is, such as a lap; None where records do not say.
        count: its members.
        version: of the model.
        entries: the best of them.
    """

    group: str
    at: float
    order: Cell
    count: int
    version: str
    entries: tuple[Entry, ...]


class Rates(msgspec.Struct, frozen=True):
    """Records a second over the last seconds."""

    consumed: float
    published: float
    dead_lettered: float
    expired: float


class Latency(msgspec.Struct, frozen=True):
    """From a record's Kafka timestamp to the broker's confirmation, over the last seconds; in seconds."""

    p50: float
    p99: float
    records: int


class Lag(msgspec.Struct, frozen=True):
    """Of all partitions of this worker."""

    partitions: int
    records: int
    seconds: float


class Message(msgspec.Struct, frozen=True):
    """Everything that the page shows; the next one replaces it.

    Attributes:
        at: when it was made, in seconds since the epoch.
        reason: why the worker is not ready; None when it is.
        uptime: of the worker, in seconds.
        about: what is fixed: topics, mode, what is shown of records and how.
        model: name, version and device of the one that serves, and what else is known of versions.
        rates: None until there is something to compare with.
        latency: None when no record came through.
        lag: None until the brokers have told.
        in_flight: records fetched and not yet committed.
        totals: records since the start of the worker, by outcome.
        dead_letters: stage, reason and how many, the most first.
        rankings: the newest, newest first.
        standings: of groups, by name.
    """

    at: float
    reason: str | None
    uptime: float
    about: dict[str, Any]
    model: dict[str, Any] | None
    rates: Rates | None
    latency: Latency | None
    lag: Lag | None
    in_flight: int
    totals: dict[str, int]
    dead_letters: list[tuple[str, str, int]]
    rankings: list[Ranking]
    standings: list[Standing]
