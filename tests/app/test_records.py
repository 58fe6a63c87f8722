"""Headers that tell where a record came from, and nothing else changed."""

from aiokafka import TopicPartition

from app.errors import Reason, RejectedRecord
from app.records import Outgoing, RecordFactory
from tests.app.chunks import TIMESTAMP, record

SOURCE_PARTITION = TopicPartition("in", 2)
FACTORY = RecordFactory("möwe", "3")
SOURCE = (("model-name", "möwe".encode()), ("model-version", b"3"), ("source-topic", b"in"), ("source-partition", b"2"))


def test_a_prediction_keeps_key_and_headers_and_tells_where_it_comes_from():
    first = record(7, key=b"k", headers=[("b", b"\xff"), ("a", None), ("b", b"")])
    second = record(9)
    assert FACTORY.predictions(SOURCE_PARTITION, [first, second], iter([b"one", b"two"])) == [
        Outgoing(b"k", b"one", [("b", b"\xff"), ("a", None), ("b", b""), *SOURCE, ("source-offset", b"7")]),
        Outgoing(None, b"two", [*SOURCE, ("source-offset", b"9")]),
    ]


def test_headers_that_bear_one_of_our_names_are_replaced():
    forged = [("model-name", b"x"), ("kept", b"y"), ("source-offset", b"0"), ("Model-Name", b"not ours")]
    (prediction,) = FACTORY.predictions(SOURCE_PARTITION, [record(7, headers=forged)], [b"value"])
    assert prediction.headers == [("kept", b"y"), ("Model-Name", b"not ours"), *SOURCE, ("source-offset", b"7")]


def test_no_records_make_no_predictions():
    assert FACTORY.predictions(SOURCE_PARTITION, [], []) == []


def test_a_dead_letter_is_the_record_as_it_came_with_the_verdict_behind_its_own_headers():
    headers = [("model-name", b"forged"), ("error-stage", b"of an earlier life")]
    letter = FACTORY.dead_letter(
        SOURCE_PARTITION,
        record(7, b"\xff\x00", key=b"", headers=headers),
        RejectedRecord(Reason.WRONG_TYPE, 'field "a": "\ud800" is no number'),
    )
    assert (letter.key, letter.value) == (b"", b"\xff\x00")
    assert letter.headers == [
        *headers,
        ("error-stage", b"validate"),
        ("error-reason", b"wrong_type"),
        ("error-message", b'field "a": "\\ud800" is no number'),
        *SOURCE[2:],
        ("source-offset", b"7"),
        ("source-timestamp", b"%d" % TIMESTAMP),
        *SOURCE[:2],
    ]


def test_a_tombstone_stays_one_in_its_dead_letter():
    letter = FACTORY.dead_letter(SOURCE_PARTITION, record(0, None, key=b"k"), RejectedRecord(Reason.EMPTY, "no value"))
    assert (letter.key, letter.value) == (b"k", None)


def test_a_dead_letter_without_its_value_says_how_large_that_was():
    letter = Outgoing(b"k", b"x" * 3000, [("a", b"b")])
    assert RecordFactory.without_value(letter) == Outgoing(b"k", None, [("a", b"b"), ("value-omitted", b"3000")])
    assert RecordFactory.without_value(Outgoing(None, None, [])).headers == [("value-omitted", b"0")]
