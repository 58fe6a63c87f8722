from pathlib import Path

import pytest

from benchmarks import latency, load, model, throughput
from benchmarks.answers import AnswerKey
from benchmarks.cluster import Cluster
from benchmarks.contenders import Contender, Stage
from benchmarks.errors import BenchmarkFailed
from benchmarks.reading import seconds_to_read
from tests.broker.session import Broker

# The benchmark measures Apache Kafka only; the embedded broker does not tell end offsets as it does.
pytestmark = pytest.mark.needs_apache_kafka


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AnswerKey]:
    return model.prepare(tmp_path_factory.mktemp("model"), (64, 64))


@pytest.fixture
def stage(kafka: Broker, prepared: tuple[Path, AnswerKey], tmp_path: Path) -> Stage:
    return Stage(Cluster(kafka.bootstrap_servers), prepared[0], tmp_path)


@pytest.mark.parametrize("contender", [Contender.CONFLUENT, Contender.TEXTBOOK, Contender.ECHO])
def test_a_peer_answers_every_record_once_and_rightly_and_commits_them_all(
    stage: Stage, prepared: tuple[Path, AnswerKey], contender: Contender
) -> None:
    # measure() checks keys, headers, scores and labels of every output, and the committed offsets after the stop.
    result = throughput.measure(stage, contender, 3000, prepared[1])
    assert result.records == 3000
    assert result.records_per_second > 0
    assert result.peak_rss_mib > 0


def test_latency_counts_only_records_after_the_warm_up(stage: Stage) -> None:
    result = latency.measure(stage, Contender.ECHO, latency.Pace(rate=200, warm_up_s=0.5, seconds=1))
    assert result.records == 200
    assert 0 < result.p50_ms <= result.p99_ms <= result.highest_ms


def test_merely_reading_ends_once_so_many_records_were_read(stage: Stage) -> None:
    servers = stage.cluster.bootstrap_servers
    with stage.cluster.fresh_topics() as topics:
        load.write_backlog(servers, topics.input, range(3000))
        assert seconds_to_read(servers, topics.input, 3000) > 0
        with pytest.raises(BenchmarkFailed, match="read 3,000 of 3,001 records"):
            seconds_to_read(servers, topics.input, 3001, within_s=2)
