from aiokafka import TopicPartition

from app.deadletters.destination import Destination
from app.kafka.routing import Router
from app.records import Outgoing
from tests.app.deadletters.letters import letter, outgoing


def destination(topic: str = "in", *, any_source: bool = False, **counts: int) -> Destination:
    return Destination(topic, input_topic="in", any_source=any_source, count=lambda name: counts.get(name, 0))


def by_key(count: int) -> int:
    """Where Java's producer puts the key of the letters."""
    return Router(lambda topic: count if topic == "to" else 0, "from").partition("to", 0, b"k")


def test_a_letter_goes_back_to_the_partition_that_it_came_from() -> None:
    addressed = destination(**{"in": 4}).address(
        letter(outgoing(source=TopicPartition("in", 3), headers=(("a", b""),)))
    )

    assert addressed.partition == 3
    assert addressed.record == Outgoing(b"k", b"{}", [("a", b""), ("replay-count", b"1")])


def test_the_partition_stays_when_the_topic_has_grown() -> None:
    assert destination(**{"in": 9}).address(letter(outgoing(source=TopicPartition("in", 3)))).partition == 3


def test_the_key_decides_where_the_topic_has_no_such_partition() -> None:
    assert destination(**{"in": 3}).address(letter(outgoing(source=TopicPartition("in", 3)))).partition == by_key(3)


def test_another_topic_with_as_many_partitions_keeps_them_too_and_any_other_goes_by_key() -> None:
    found = letter(outgoing(source=TopicPartition("in", 3)))
    foreign = letter(outgoing(source=TopicPartition("elsewhere", 3)))

    assert destination("to", **{"in": 4, "to": 4}).address(found).partition == 3
    assert destination("to", **{"in": 4, "to": 5}).address(found).partition == by_key(5)
    assert destination("to", to=4).address(found).partition == by_key(4)
    assert destination("to", any_source=True, **{"in": 4, "to": 4}).address(foreign).partition == by_key(4)


def test_without_a_key_the_partition_is_that_of_the_source_as_far_as_there_are_any() -> None:
    found = letter(outgoing(source=TopicPartition("in", 7), key=None))

    assert destination(**{"in": 3}).address(found).partition == 1


def test_what_cannot_go_back_is_told_why() -> None:
    fine = letter(outgoing(source=TopicPartition("in", 0)))
    elsewhere = letter(outgoing(source=TopicPartition("other", 0)))
    omitted = letter(outgoing(source=TopicPartition("in", 0), omitted=True))
    foreign = letter(Outgoing(None, None, []))

    assert destination().objection(fine) is None
    assert destination().objection(elsewhere) == (
        "they come from other, not from INPUT_TOPIC=in; "
        "--source-topic other --to TOPIC writes them, and no others, to TOPIC"
    )
    assert destination("to", any_source=True).objection(elsewhere) is None
    for each in (destination(), destination("to", any_source=True)):
        assert "left out as too large" in (each.objection(omitted) or "")
        assert each.objection(foreign) == "this service did not write them"
