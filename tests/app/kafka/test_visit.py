"""What ends a visit, in words that say what to change."""

import asyncio

import pytest
from aiokafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from app.broker import EmbeddedBroker
from app.kafka.visit import NO_SUCH_TOPIC, UNREACHABLE, VisitFailed, visit
from app.ports import LOOPBACK
from tests.app.kafka.links import link, login
from tests.broker.secure_kafka import SecureKafka
from tests.broker.topics import Topics

PLAIN = link({})
NOBODY = f"{LOOPBACK}:1"


async def failure(servers: list[str], topics: list[str], variables: dict[str, str] | None = None) -> VisitFailed:
    with pytest.raises(VisitFailed) as caught:
        async with visit(servers, link(variables or {}), topics):
            pytest.fail("nobody should have let us in")
    return caught.value


async def test_a_visitor_knows_the_topics(topics: Topics) -> None:
    async with visit([topics.client.bootstrap_servers], PLAIN, [topics.input, topics.dead_letters]) as client:
        assert client.partition_count(topics.dead_letters) == 4


async def test_missing_topics_are_named_and_not_made(topics: Topics) -> None:
    ended = await failure([topics.client.bootstrap_servers], [topics.input, "nowhere", "no-way"])

    assert (str(ended), ended.status) == ("there is no topic nowhere and no topic no-way", NO_SUCH_TOPIC)
    assert "nowhere" not in await asyncio.to_thread(topics.client.names)


async def test_where_nobody_answers_the_reason_is_told() -> None:
    ended = await failure([NOBODY], ["in"])

    assert ended.status == UNREACHABLE
    assert str(ended) == f"no broker can be reached: {NOBODY}: Connection refused"


@pytest.mark.needs_apache_kafka
async def test_a_wrong_password_is_told_with_the_variables_to_change(secure_kafka: SecureKafka) -> None:
    variables = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", **login("PLAIN", "mallory", "hush")}
    ended = await failure([secure_kafka.address("SASL")], ["in"], variables)

    assert ended.status == UNREACHABLE
    assert "does not accept KAFKA_SASL_USERNAME=mallory (PLAIN) with this KAFKA_SASL_PASSWORD" in str(ended)


async def test_what_goes_wrong_with_something_else_is_not_the_brokers_fault(tansu: EmbeddedBroker) -> None:
    with pytest.raises(BrokenPipeError):
        async with visit([tansu.bootstrap_servers], PLAIN, []):
            raise BrokenPipeError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TopicAuthorizationFailedError("in"), "the broker denies it to this user: "),
        (KafkaTimeoutError("too long"), "the brokers do not do what is asked: KafkaTimeoutError"),
        (TimeoutError(), "the brokers do not do what is asked: TimeoutError"),
    ],
)
async def test_what_goes_wrong_later_ends_the_visit_in_the_same_way(
    tansu: EmbeddedBroker, error: Exception, message: str
) -> None:
    with pytest.raises(VisitFailed) as caught:
        async with visit([tansu.bootstrap_servers], PLAIN, []):
            raise error
    assert caught.value.status == UNREACHABLE
    assert str(caught.value).startswith(message)
