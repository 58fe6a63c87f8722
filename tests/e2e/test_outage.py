"""The broker goes away and comes back: the service rides it out, also at the start, and loses nothing."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.broker.apache_kafka import ApacheKafka
from tests.broker.records import Record
from tests.broker.topics import fresh_topics
from tests.e2e.conftest import record
from tests.e2e.service import READY_SECONDS, Service, environment

pytestmark = pytest.mark.needs_apache_kafka  # the embedded broker forgets everything when it is killed

BACK_SECONDS = 120  # the broker recovers its logs, the group is formed anew, the rest is worked off


def first_ids(outputs: list[Record]) -> dict[int, list[str]]:
    """The ids of each partition in order, every one where it came first."""
    ids: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for each in outputs:
        assert each.partition is not None
        assert each.value is not None
        ids[each.partition][json.loads(each.value)["id"]] = None
    return {partition: list(seen) for partition, seen in ids.items()}


def published(service: Service) -> float:
    return service.samples()["streamrank_records_total", "published"]


def misses_the_broker(service: Service) -> bool:
    status, reason = service.get("/readyz")
    return status == 503 and "broker" in reason


def test_a_broker_that_dies_in_the_middle_costs_no_record_and_no_order(
    mortal_kafka: ApacheKafka, mlp: Path, features: npt.NDArray[np.float32], tmp_path: Path
):
    records = [record(number, row) for number, row in enumerate(features)]
    with fresh_topics(mortal_kafka) as topics:
        topics.client.write(topics.input, records)
        # Row by row, so that there is a middle.
        slow = {"BATCH_MAX_SIZE": "1", "BATCH_MAX_IN_FLIGHT": "1"}
        with Service(tmp_path, environment(topics, mlp) | slow) as service:
            service.wait_until_ready()
            service.wait_for(lambda: published(service) > 0)
            mortal_kafka.kill()
            service.wait_for(lambda: misses_the_broker(service))
            assert service.get("/livez") == (200, "ok\n")
            assert 0 < published(service) < len(records)
            # Long enough for the client below the publisher to give up.
            service.wait_for(lambda: "the broker does not confirm; trying again" in service.log)
            mortal_kafka.restart()
            service.wait_for(lambda: service.get("/readyz") == (200, "ok\n"), BACK_SECONDS)
            topics.client.wait_until_committed(topics.input, topics.group, within=BACK_SECONDS)
            service.wait_for(lambda: service.lags() == [0, 0, 0, 0])
            assert service.get("/livez") == (200, "ok\n")
            assert service.stop() == 0
        outputs = topics.client.read_all(topics.output)
        assert topics.client.read_all(topics.dead_letters) == []
        assert topics.client.committed_offsets(topics.input, topics.group) == topics.client.end_offsets(topics.input)
    expected = {number: [f"r{each}" for each in range(number, len(records), 4)] for number in range(4)}
    assert first_ids(outputs) == expected


def test_a_broker_that_comes_up_after_the_service_is_found(
    mortal_kafka: ApacheKafka, mlp: Path, features: npt.NDArray[np.float32], tmp_path: Path
):
    with fresh_topics(mortal_kafka) as topics:
        topics.client.write(topics.input, [record(number, features[number]) for number in range(8)])
        mortal_kafka.kill()
        with Service(tmp_path, environment(topics, mlp)) as service:
            service.wait_for(lambda: "no broker answers" in service.log, READY_SECONDS)
            assert service.get("/livez") == (200, "ok\n")
            assert misses_the_broker(service)
            mortal_kafka.restart()
            service.wait_for(lambda: service.get("/readyz") == (200, "ok\n"), BACK_SECONDS)
            topics.client.wait_until_committed(topics.input, topics.group)
            assert service.stop() == 0
            assert "Traceback" not in service.log
        ids = first_ids(topics.client.read_all(topics.output))
    assert ids == {number: [f"r{number}", f"r{number + 4}"] for number in range(4)}
