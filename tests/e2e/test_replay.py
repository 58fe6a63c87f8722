"""Refused records come back to the service, which ranks them when it can and counts how often it could not."""

import json
import subprocess
import sys
from pathlib import Path

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment


def replay(topics: Topics, folder: Path, *arguments: str) -> int:
    """Run the command as a user of the service does, with the same environment, less the model."""
    variables = environment(topics, "")
    done = subprocess.run(
        [sys.executable, "-m", "app", "dead-letters", "replay", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), **variables, "MODEL_PATH": "", "OUTPUT_TOPIC": ""},
        check=False,
    )
    return done.returncode


def test_each_replay_of_a_record_that_is_refused_again_is_counted(topics: Topics, mlp: Path, tmp_path: Path) -> None:
    own = (("trace", b"t1"), ("error-reason", b"its own"), ("trace", b"again"))
    bad = Record(b'{"id": "r1", "features": [1, 2]}', key=b"k", headers=own, partition=3)
    with Service(tmp_path, environment(topics, mlp)) as service:
        service.wait_until_ready()
        topics.client.write(topics.input, [bad])
        for count in range(1, 4):
            letter = topics.client.read(topics.dead_letters, count)[-1]
            counted = (("replay-count", b"%d" % (count - 1)),) if count > 1 else ()
            assert letter.headers[: len(own) + len(counted) + 1] == (*own, *counted, ("error-stage", b"validate"))
            assert (letter.partition, letter.key, letter.value) == (3, b"k", bad.value)
            assert replay(topics, tmp_path) == 0
        assert len(topics.client.read(topics.dead_letters, 4)) == 4
        assert service.stop() == 0
    came_in = topics.client.read_all(topics.input)
    assert [each.headers for each in came_in[1:]] == [(*own, ("replay-count", b"%d" % count)) for count in (1, 2, 3)]
    assert {(each.partition, each.key, each.value) for each in came_in} == {(3, b"k", bad.value)}


def test_what_was_refused_for_a_setting_is_ranked_once_that_is_mended(
    topics: Topics, mlp: Path, features, tmp_path: Path
) -> None:
    topics.client.write(topics.input, [record(number, row) for number, row in enumerate(features[:200])])
    variables = environment(topics, mlp)
    with Service(tmp_path, variables | {"RECORD_MAX_BYTES": "100"}) as service:
        service.wait_until_ready()
        topics.client.wait_until_committed(topics.input, topics.group)
        assert service.stop() == 0
    assert len(topics.client.read_all(topics.dead_letters)) == 200
    assert replay(topics, tmp_path, "--reason", "invalid_json") == 0
    assert len(topics.client.read_all(topics.input)) == 200
    assert replay(topics, tmp_path, "--reason", "too_large") == 0
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        outputs = topics.client.read(topics.output, 200)
        assert service.stop() == 0
    assert sorted(json.loads(each.value or b"")["id"] for each in outputs) == sorted(f"r{n}" for n in range(200))
    assert {dict(each.headers)["replay-count"] for each in outputs} == {b"1"}
    assert len(topics.client.read_all(topics.dead_letters)) == 200
