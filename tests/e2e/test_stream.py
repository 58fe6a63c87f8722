"""20,000 records through the service, on a real broker, compared with TensorFlow called directly."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment


def scores_by_class(value: bytes) -> dict[int, np.float32]:
    return {int(each["label"]): np.float32(each["score"]) for each in json.loads(value)["predictions"]}


def check_provenance(output: Record, source: Record, topics: Topics, offset: int) -> None:
    assert (output.key, output.partition) == (source.key, source.partition)
    expected = [("trace", source.headers[0][1]), ("trace", b"again")]
    expected += [("model-name", b"mlp"), ("model-version", b"unversioned"), ("source-topic", topics.input.encode())]
    expected += [("source-partition", b"%d" % source.partition), ("source-offset", b"%d" % offset)]
    assert list(output.headers) == expected


def test_20000_records_are_each_predicted_once_in_order_and_as_tensorflow_does(
    topics: Topics, mlp: Path, direct, features, tmp_path: Path
):
    records = [record(number, row) for number, row in enumerate(features)]
    topics.client.write(topics.input, records)
    with Service(tmp_path, environment(topics, mlp) | {"RANK_TOP_K": "0"}) as service:
        service.wait_until_ready()
        outputs = topics.client.read(topics.output, len(records))
        topics.client.wait_until_committed(topics.input, topics.group)
        service.wait_for(lambda: service.lags() == [0] * 4)
        samples = service.samples()
        assert service.stop() == 0
    assert topics.client.read_all(topics.dead_letters) == []
    assert topics.client.committed_offsets(topics.input, topics.group) == topics.client.end_offsets(topics.input)

    by_partition = defaultdict(list)
    for each in records:
        by_partition[each.partition].append(each)
    for partition, sources in by_partition.items():
        answers = [output for output in outputs if output.partition == partition]
        assert len(answers) == len(sources)
        for offset, (answer, source) in enumerate(zip(answers, sources, strict=True)):
            check_provenance(answer, source, topics, offset)
            assert json.loads(answer.value)["id"] == json.loads(source.value)["id"]

    expected = direct(features)
    for answer in outputs:
        number = int(json.loads(answer.value)["id"][1:])
        scores = scores_by_class(answer.value)
        np.testing.assert_allclose([scores[label] for label in range(10)], expected[number], rtol=1e-5, atol=1e-6)
        ranked = [entry["score"] for entry in json.loads(answer.value)["predictions"]]
        assert ranked == sorted(ranked, reverse=True)

    consumed = sum(value for name, value in samples.items() if name[0] == "streamrank_records_consumed_total")
    assert consumed == 20_000
    assert samples["streamrank_records_total", "published"] == 20_000
    assert samples["streamrank_records_total", "dead_lettered"] == 0
    assert samples["streamrank_batch_rows_sum",] == 20_000
    assert samples["streamrank_end_to_end_seconds_count",] == 20_000
    assert samples["streamrank_in_flight_records",] == 0
    assert [value for name, value in samples.items() if name[0] == "streamrank_consumer_lag_records"] == [0] * 4


def test_with_batches_of_one_the_scores_are_tensorflows_bit_for_bit(
    topics: Topics, mlp: Path, direct, features, tmp_path: Path
):
    features = features[:500]
    topics.client.write(topics.input, [record(number, row) for number, row in enumerate(features)])
    with Service(tmp_path, environment(topics, mlp) | {"BATCH_MAX_SIZE": "1", "RANK_TOP_K": "0"}) as service:
        service.wait_until_ready()
        outputs = topics.client.read(topics.output, len(features))
        assert service.samples()["streamrank_batch_rows_count",] == 500
        assert service.stop() == 0
    assert len(outputs) == 500
    for answer in outputs:
        number = int(json.loads(answer.value)["id"][1:])
        scores = scores_by_class(answer.value)
        got = np.array([scores[label] for label in range(10)], dtype=np.float32)
        assert got.tobytes() == direct(features[number : number + 1])[0].tobytes()


@pytest.mark.parametrize(
    ("stop_first", "guarantee"),
    [
        (True, "at_least_once"),
        (False, "at_least_once"),
        pytest.param(False, "exactly_once", marks=pytest.mark.needs_apache_kafka),
    ],
    ids=["stopped", "killed", "killed, exactly once"],
)
def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_goes(
    topics: Topics, mlp: Path, features, tmp_path: Path, *, stop_first: bool, guarantee: str
):
    records = [record(number, row) for number, row in enumerate(features[:6000])]
    variables = environment(topics, mlp) | {"PROCESSING_GUARANTEE": guarantee}
    with Service(tmp_path, variables) as first, Service(tmp_path, variables) as second:
        first.wait_until_ready()
        second.wait_until_ready()
        for each in (first, second):
            each.wait_for(lambda each=each: len(each.status()["partitions"]) == 2)
        topics.client.write(topics.input, records[:3000])
        assert len(topics.client.read(topics.output, 3000)) == 3000
        assert all(each.samples()["streamrank_records_total", "published"] > 0 for each in (first, second))
        topics.client.write(topics.input, records[3000:4500])
        if stop_first:
            assert first.stop() == 0
        else:
            first.process.kill()
        topics.client.write(topics.input, records[4500:])
        topics.client.wait_until_committed(topics.input, topics.group, within=60)
        second.wait_for(lambda: len(second.status()["partitions"]) == 4)
        assert second.stop() == 0
    seen = [json.loads(output.value)["id"] for output in topics.client.read_all(topics.output)]
    assert set(seen) == {f"r{number}" for number in range(6000)}
    if stop_first or guarantee == "exactly_once":
        assert len(seen) == 6000
