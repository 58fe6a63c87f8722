import pytest
from confluent_kafka import KafkaException

from tests.broker.apache_kafka import FORGETFUL, ApacheKafka
from tests.broker.records import Record
from tests.broker.topics import TopicClient

pytestmark = pytest.mark.needs_apache_kafka


def test_a_killed_broker_comes_back_with_its_data_its_address_and_the_properties_it_was_given(tmp_path):
    with ApacheKafka(tmp_path, properties={**FORGETFUL, "message.max.bytes": "1000"}) as kafka:
        address = kafka.bootstrap_servers
        client = TopicClient(kafka)
        client.create("survivor", partitions=1)
        client.write("survivor", [Record(b"kept")])
        kafka.kill()
        kafka.restart()
        assert kafka.bootstrap_servers == address
        assert [record.value for record in client.read_all("survivor")] == [b"kept"]
        with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
            client.write("survivor", [Record(b"x" * 2000)])
        client.close()


def test_a_broker_that_cannot_start_shows_its_own_last_words(tmp_path):
    with pytest.raises(RuntimeError, match=r"ended with status 1:(?s:.*)Too small"):
        ApacheKafka(tmp_path, heap="1m").start()
