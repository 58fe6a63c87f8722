import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from app.demo.endless import LANES, endless
from app.ports import free_ports
from config.settings import VARIABLES

BEGAN = datetime(2026, 11, 26, 12, 30, 15, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def recorded():
    return list(islice(endless(BEGAN), 10_000))


def test_they_come_in_the_order_in_which_they_are_due(recorded):
    times = [one.at_ms for one in recorded]
    assert times == sorted(times)


def test_a_race_is_keyed_by_its_name_and_ends_with_a_tombstone(recorded):
    first = [one.record for one in recorded if one.record.key == b"1126-123015-1"]
    documents = [json.loads(record.value) for record in first[:-1]]
    assert {document["group"] for document in documents} == {"1126-123015-1"}
    moments = [document["moment"] for document in documents]
    assert moments == sorted(moments)
    assert first[-1].value is None


def test_so_many_races_run_side_by_side_for_ever(recorded):
    spans = {}
    for one in recorded:
        begin, _ = spans.get(one.record.key, (one.at_ms, None))
        spans[one.record.key] = (begin, one.at_ms)
    minutes = range(3, 20)  # the first races begin one after the other
    for at in (minute * 60_000 for minute in minutes):
        assert LANES - 4 <= sum(begin <= at <= end for begin, end in spans.values()) <= LANES


def test_their_pace_is_steady(recorded):
    in_minute = Counter(int(one.at_ms // 60_000) for one in recorded)
    whole = [in_minute[minute] for minute in range(3, 20)]
    assert min(whole) > max(whole) / 2.5


def test_no_id_comes_twice(recorded):
    ids = [json.loads(one.record.value)["id"] for one in recorded if one.record.value]
    assert len(set(ids)) == len(ids)


def test_a_stream_that_begins_again_has_other_races_under_other_names(recorded):
    again = list(islice(endless(BEGAN + timedelta(seconds=1)), 1000))
    assert not {one.record.key for one in again} & {one.record.key for one in recorded}
    members = [
        {json.loads(one.record.value)["member"] for one in some[:200] if one.record.value} for some in (again, recorded)
    ]
    assert members[0] != members[1]


def command(tmp_path, servers, topic, *arguments):
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    ours = {"KAFKA_BOOTSTRAP_SERVERS": servers, "INPUT_TOPIC": topic, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "app.demo.endless", *arguments],
        env=inherited | ours,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_they_are_written_to_the_topic_until_a_signal(topics, tmp_path):
    with command(tmp_path, topics.client.bootstrap_servers, topics.input, "--speed", "1000") as streaming:
        deadline = time.monotonic() + 60
        while len(topics.client.read_all(topics.input)) < 1000:
            assert streaming.poll() is None
            assert time.monotonic() < deadline
        streaming.send_signal(signal.SIGTERM)
        _, said = streaming.communicate(timeout=30)
    assert streaming.returncode == 0, said
    found = topics.client.read_all(topics.input)
    begun = f"streamrank: races into {topics.input}, 1000 times as fast as life"
    assert said.splitlines() == [begun, "streamrank: stopped"]
    for key in {one.key for one in found}:
        mine = [one for one in found if one.key == key]
        assert len({one.partition for one in mine}) == 1
        moments = [json.loads(one.value)["moment"] for one in mine if one.value]
        assert moments == sorted(moments)


def test_a_topic_that_is_not_there_is_named(topics, tmp_path):
    with command(tmp_path, topics.client.bootstrap_servers, "nowhere") as streaming:
        _, said = streaming.communicate(timeout=60)
    assert (streaming.returncode, said) == (2, "streamrank: there is no topic nowhere\n")


def test_a_broker_that_cannot_be_reached_ends_it(tmp_path):
    with command(tmp_path, f"127.0.0.1:{free_ports(1)[0]}", "records") as streaming:
        _, said = streaming.communicate(timeout=60)
    assert streaming.returncode == 3
    assert said.startswith("streamrank: no broker can be reached: ")
