"""`streamrank audit` beside the real service: what it did is in order, and what it did not do is found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.audit.answers import answer_all
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment


def audit(folder: Path, variables: dict[str, str], *options: str) -> tuple[int, str]:
    """Run the command with the service's settings, less the model; return its exit status and what it printed."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "app", "audit", *options],
        env=inherited | path | {name: value for name, value in variables.items() if name != "MODEL_PATH"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.needs_apache_kafka  # exactly once needs transactions
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_what_the_service_did_is_in_order_and_one_output_too_many_is_found(
    topics: Topics, mlp: Path, features, tmp_path: Path, guarantee: str
):
    variables = environment(topics, mlp) | {"PROCESSING_GUARANTEE": guarantee}
    records = [record(number, features[number]) for number in range(1000)]
    topics.client.write(
        topics.input, [*records[:500], *(Record(b"no JSON", partition=n) for n in range(4)), *records[500:]]
    )
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        topics.client.wait_until_committed(topics.input, topics.group)
        rebalances = service.samples()["streamrank_rebalances_total",]
        status, said = audit(tmp_path, variables, "--guarantee", "exactly_once", "--up-to", "committed")
        assert service.samples()["streamrank_rebalances_total",] == rebalances
        assert (status, said.splitlines()[-1]) == (0, "ok: every record is answered once, in order"), said
        assert service.stop() == 0
    assert audit(tmp_path, variables, "--guarantee", "exactly_once") == (0, said)
    assert said.splitlines()[-3].split() == ["total", "1,004", "1,004", "0", "0", "0", "0"]

    answer_all(topics, topics.output, 2, [100])
    status, said = audit(tmp_path, variables, "--guarantee", "exactly_once")
    assert (status, said.splitlines()[-1]) == (1, "VIOLATED: 1 record answered more than once")
    assert f"\n  {topics.input}[2]: 100\n" in said
    status, said = audit(tmp_path, variables, "--guarantee", "at_least_once")
    assert (status, said.splitlines()[-1][:3]) == (0, "ok:")
    assert audit(tmp_path, variables)[0] == (guarantee == "exactly_once")

    topics.client.write(topics.input, [Record(b"nobody has looked at it", partition=1)])
    assert audit(tmp_path, variables, "--guarantee", "at_least_once", "--up-to", "committed")[0] == 0
    status, said = audit(tmp_path, variables, "--guarantee", "at_least_once")
    assert (status, said.splitlines()[-1]) == (1, "VIOLATED: 1 record without an answer")
    assert f"\n  {topics.input}[1]: 251\n" in said
