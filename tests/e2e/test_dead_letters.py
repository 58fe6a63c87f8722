"""Records that cannot be predicted leave for the dead-letter topic, whole and once, and hold up nobody."""

import json
from pathlib import Path

import pytest

from tests.app.codecs.malformed import MALFORMED
from tests.broker.records import Record
from tests.broker.topics import TopicClient, Topics, fresh_topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment


def test_every_malformed_record_is_dead_lettered_once_and_every_good_one_is_predicted(
    kafka, mlp: Path, features, tmp_path: Path
):
    malformed = list(MALFORMED)
    assert len(malformed) >= 200
    with fresh_topics(kafka, config={"max.message.bytes": "10000000"}) as topics:
        records: list[Record] = []
        for place, bad in enumerate(malformed):
            records.append(record(place, features[place], partitions=1))
            records.append(Record(bad.value, key=bad.name.encode(), headers=(("kept", b"\xff"),), partition=0))
        topics.client.write(topics.input, records)
        with Service(tmp_path, environment(topics, mlp)) as service:
            service.wait_until_ready()
            topics.client.wait_until_committed(topics.input, topics.group)
            samples = service.samples()
            assert service.stop() == 0
        letters = topics.client.read_all(topics.dead_letters)
        outputs = topics.client.read_all(topics.output)

    assert [json.loads(each.value)["id"] for each in outputs] == [f"r{place}" for place in range(len(malformed))]
    assert [letter.key for letter in letters] == [bad.name.encode() for bad in malformed]
    for place, (letter, bad) in enumerate(zip(letters, malformed, strict=True)):
        headers = dict(letter.headers)
        verdict = headers["error-stage"].decode(), headers["error-reason"].decode()
        assert (letter.value, *verdict) == (bad.value, str(bad.stage), str(bad.reason)), bad.name
        assert letter.headers[0] == ("kept", b"\xff")
        assert headers["source-offset"] == b"%d" % (2 * place + 1)
        assert {"error-message", "source-topic", "source-partition", "source-timestamp", "model-name"} <= set(headers)
        assert headers["model-version"] == b"unversioned"
    assert samples["streamrank_records_total", "dead_lettered"] == len(malformed)
    assert sum(value for name, value in samples.items() if name[0] == "streamrank_dead_letters_total") == len(malformed)
    assert "kept" not in service.log


def test_what_the_broker_refuses_as_too_large_goes_out_smaller_or_without_its_value(
    topics: Topics, mlp: Path, features, tmp_path: Path
):
    small = TopicClient(topics.client.broker)
    output, letters = f"{topics.output}-small", f"{topics.dead_letters}-small"
    small.create(output, config={"max.message.bytes": "1000"})
    small.create(letters, config={"max.message.bytes": "3000"})
    fits, too_large, unreadable = (record(place, features[place], partitions=1) for place in range(3))
    too_large = Record(too_large.value, key=b"k" * 800, partition=0)
    unreadable = Record(b"x" * 3000, key=b"unreadable", partition=0)
    topics.client.write(topics.input, [fits, too_large, unreadable, fits])
    variables = environment(topics, mlp) | {"OUTPUT_TOPIC": output, "DEAD_LETTER_TOPIC": letters}
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        topics.client.wait_until_committed(topics.input, topics.group)
        assert service.stop() == 0
    assert [json.loads(each.value)["id"] for each in small.read_all(output)] == ["r0", "r0"]
    refused = {dict(each.headers)["error-reason"]: each for each in small.read_all(letters)}
    assert set(refused) == {b"invalid_json", b"too_large_to_publish"}
    omitted = refused[b"invalid_json"]
    assert (omitted.value, dict(omitted.headers)["value-omitted"]) == (None, b"3000")
    small.delete(output, letters)
    small.close()


@pytest.mark.needs_apache_kafka  # the embedded broker takes such records
def test_a_dead_letter_topic_that_takes_none_without_a_key_stops_the_worker_with_1_and_nothing_is_passed_over(
    topics: Topics, mlp: Path, features, tmp_path: Path
):
    letters = f"{topics.dead_letters}-compacted"
    topics.client.create(letters, config={"cleanup.policy": "compact"})
    records = [record(place, features[place]) for place in range(2000)]
    topics.client.write(topics.input, [*records, Record(b"no key, no JSON", partition=1)])
    with Service(tmp_path, environment(topics, mlp) | {"DEAD_LETTER_TOPIC": letters}) as service:
        assert service.process.wait(90) == 1
    assert "set its cleanup.policy to delete" in service.log
    assert (
        topics.client.committed_offsets(topics.input, topics.group).get(1, 0)
        < topics.client.end_offsets(topics.input)[1]
    )
    topics.client.delete(letters)
