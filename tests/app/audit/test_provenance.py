import pytest

from app.audit.provenance import answered, stands_for
from app.errors import Reason, RejectedRecord
from app.records import Outgoing, RecordFactory

TOPIC = b"images"


def headers(topic: bytes | None = TOPIC, partition: bytes | None = b"3", offset: bytes | None = b"120"):
    return [("source-topic", topic), ("source-partition", partition), ("source-offset", offset)]


def test_the_headers_of_an_output_name_its_record():
    assert answered([("trace", b"1"), *headers(), ("after", None)], TOPIC) == (3, 120)


def test_the_last_ones_count_since_a_dead_letter_keeps_the_headers_of_its_record():
    assert answered([*headers(b"other", b"9", b"9"), *headers()], TOPIC) == (3, 120)
    assert answered([*headers(), *headers(b"other", b"9", b"9")], TOPIC) is None


@pytest.mark.parametrize(
    "named",
    [
        [],
        headers()[:2],
        headers(topic=b"other"),
        headers(topic=None),
        headers(offset=None),
        headers(offset=b""),
        headers(offset=b"-1"),
        headers(offset=b" 1"),
        headers(offset=b"1_0"),
        headers(offset="²".encode()),
        headers(offset=b"9" * 19),
        headers(partition=b"x"),
        headers(partition=b"9" * 10),
    ],
)
def test_what_names_no_record_of_the_topic_is_nobody_s_answer(named):
    assert answered(named, TOPIC) is None


def test_what_the_service_writes_is_understood():
    factory = RecordFactory("mlp", "1")
    source = type("Source", (), {"topic": "images", "partition": 3})
    record = type("Record", (), {"offset": 120, "timestamp": 0, "key": None, "value": b"{}", "headers": ()})
    (prediction,) = factory.predictions(source, [record], [b"{}"])
    letter = factory.dead_letter(source, record, RejectedRecord(Reason.EMPTY, "nothing"))
    for answer in (prediction, letter, factory.without_value(letter)):
        assert answered(answer.headers, TOPIC) == (3, 120)


def test_an_answer_names_those_that_it_stands_for_as_runs():
    overtaken = RecordFactory.standing_for(Outgoing(None, None, headers()), [4, 2, 3, 9])
    assert overtaken.headers[-1] == ("superseded-offsets", b"2-4,9")
    assert stands_for(overtaken.headers) == [range(2, 5), range(9, 10)]
    assert stands_for(headers()) == []


def test_what_came_with_the_record_or_is_no_run_names_nothing():
    assert stands_for([("superseded-offsets", b"1-3"), *headers()]) == []
    assert stands_for([*headers(), ("superseded-offsets", b"a,-,3-,1-x,,%d" % 10**30)]) == []
    assert stands_for([*headers(), ("superseded-offsets", None)]) == []
