"""A hand-written loop is replaced as docs/migrating.md says: the service goes on where the loop had committed.

The service is `python -m app`, which is `streamrank serve`.
"""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.docs.pages import ROOT, blocks
from tests.e2e.service import Service, environment

FIRST, SECOND = 50, 50


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the loop expects it."""
    from models.classifier import export_mlp

    folder = tmp_path_factory.mktemp("loop") / "models"
    export_mlp(folder / "digits" / "1", features=4, hidden=(8,), classes=3)
    (folder / "labels.txt").write_text("one\nseven\nnine\n")
    return folder


def loop(topics: Topics, answers: str) -> str:
    """The page's loop, for the topics of this test."""
    (text,) = (block.text for block in blocks(ROOT / "docs" / "migrating.md") if "while True" in block.text)
    for theirs, ours in {
        "localhost:9092": topics.client.bootstrap_servers,
        '"ranker"': f'"{topics.group}"',
        '"auto.offset.reset"': '"session.timeout.ms": 6000, "auto.offset.reset"',
        '"scans"': f'"{topics.input}"',
        '"scans.labels"': f'"{answers}"',
    }.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    return text


def records(numbers: range) -> list[Record]:
    return [
        Record(json.dumps({"id": f"r{n}", "features": [n / 7, 1, n % 3, 0.5]}).encode(), key=b"%d" % n, partition=n % 4)
        for n in numbers
    ]


def wait_until_empty(topics: Topics) -> None:
    """Return when the group has forgotten the loop, which could not say that it leaves."""
    admin = AdminClient({"bootstrap.servers": topics.client.bootstrap_servers})
    deadline = time.monotonic() + 30
    while admin.describe_consumer_groups([topics.group])[topics.group].result().state != ConsumerGroupState.EMPTY:
        assert time.monotonic() < deadline
        time.sleep(0.1)  # Kafka tells nobody


@pytest.mark.needs_apache_kafka
def test_the_service_goes_on_where_the_loop_had_committed_and_names_the_same_labels(
    topics: Topics, models: Path, tmp_path: Path
) -> None:
    answers = f"{topics.output}.labels"
    topics.client.create(answers)
    first, second = records(range(FIRST)), records(range(FIRST, FIRST + SECOND))
    topics.client.write(topics.input, first)
    # Kept away from what the session was told: a real loop is a program of its own.
    before = subprocess.Popen([sys.executable, "-c", loop(topics, answers)], cwd=models.parent)
    try:
        topics.client.wait_until_committed(topics.input, topics.group, within=90)
    finally:
        before.send_signal(signal.SIGKILL)
        before.wait()
    wait_until_empty(topics)
    by_the_loop = topics.client.read(answers, FIRST)
    topics.client.write(topics.input, second)

    variables = environment(topics, models / "digits") | {
        "MODEL_LABELS_PATH": str(models / "labels.txt"),
        "RANK_TOP_K": "1",
    }
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        topics.client.wait_until_committed(topics.input, topics.group, within=60)
        assert service.stop() == 0

    rankings = [json.loads(each.value or b"") for each in topics.client.read(topics.output, SECOND)]
    assert sorted(each["id"] for each in rankings) == sorted(f"r{n}" for n in range(FIRST, FIRST + SECOND))
    assert {each["predictions"][0]["label"] for each in rankings} <= {"one", "seven", "nine"}
    assert len(by_the_loop) == FIRST
    assert all(re.fullmatch("one|seven|nine", json.loads(each.value or b"")["label"]) for each in by_the_loop)
    topics.client.delete(answers)
