"""What a broker is asked besides its records; asking changes nothing."""

from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DescribeConfigsRequest

from app.kafka.client import Client
from app.kafka.reader import patiently

_POLICY = "cleanup.policy"
_WAY = "questions"
_PATIENCE_SECONDS = 0.5
_KNOWS = {DescribeConfigsRequest.API_KEY: 0}


async def is_compacted(client: Client, topic: str) -> bool | None:
    """Whether the broker may delete records anywhere in *topic*; None when it does not tell."""
    if not await client.knows(client.any_node(), _KNOWS):
        return False
    policy = await cleanup_policy(client, topic)
    return None if policy is None else "compact" in policy


async def cleanup_policy(client: Client, topic: str) -> str | None:
    """What the broker deletes of *topic*: `compact`, `delete`, or both with a comma; None when it does not tell."""
    node = client.any_node()
    if not await client.knows(node, _KNOWS):
        return None
    question = DescribeConfigsRequest([(ConfigResourceType.TOPIC, topic, [_POLICY])])
    try:
        answer = await patiently(lambda: client.request(node, question, way=_WAY), client, _PATIENCE_SECONDS)
    except KafkaError:
        return None  # the embedded broker hangs up
    if any(error_code for error_code, *_ in answer.resources):
        return None
    told = [value for *_, entries in answer.resources for name, value, *_ in entries if name == _POLICY]
    return told[0] if told else ""
