"""Where a letter goes back to, and why it may not."""

from collections.abc import Callable
from typing import NamedTuple

from app.deadletters.letter import Letter, replayed_headers
from app.kafka.routing import Router
from app.records import Outgoing


class Addressed(NamedTuple):
    """A letter, the partition that it goes to, and the record that it is there."""

    letter: Letter
    partition: int
    record: Outgoing


class Destination:
    """One topic.

    Args:
        topic: where letters go.
        input_topic: where they must have come from, unless *any_source*.
        any_source: whether they may come from anywhere.
        count: tells how many partitions a topic has, 0 where there is none.
    """

    def __init__(self, topic: str, *, input_topic: str, any_source: bool, count: Callable[[str], int]) -> None:
        self.topic = topic
        self._input_topic = input_topic
        self._any_source = any_source
        self._count = count
        self._aligned = Router(count, input_topic)
        self._by_key = Router(lambda name: count(name) if name else 0, "")

    def objection(self, letter: Letter) -> str | None:
        """Why *letter* cannot go back; None where it can."""
        verdict = letter.verdict
        if verdict is None:
            return "this service did not write them"
        if letter.omitted is not None:
            return "their values were left out as too large; send the originals again, if there are any"
        if verdict.source_topic != self._input_topic and not self._any_source:
            return (
                f"they come from {verdict.source_topic}, not from INPUT_TOPIC={self._input_topic}; "
                f"--source-topic {verdict.source_topic} --to TOPIC writes them, and no others, to TOPIC"
            )
        return None

    def address(self, letter: Letter) -> Addressed:
        """Return *letter*, to which there is no objection, with the partition to go to: its own if there is one."""
        assert letter.verdict is not None  # noqa: S101 - else there were an objection
        source = letter.verdict.source_partition
        has_its_own = letter.verdict.source_topic == self._input_topic and source < self._count(self.topic)
        router = self._aligned if has_its_own else self._by_key
        record = Outgoing(letter.key, letter.value, replayed_headers(letter))
        return Addressed(letter, router.partition(self.topic, source, letter.key), record)
