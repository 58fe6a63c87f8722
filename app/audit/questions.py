"""What a broker is asked besides its records; asking changes nothing."""

from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError

_POLICY = "cleanup.policy"


async def committed(
    group: str, partitions: Collection[TopicPartition], **connection: Any
) -> dict[TopicPartition, int | None]:
    """Return the offset of each partition up to which *group* has committed; None where it has not.

    The group does not notice: nobody joins it.
    """
    member = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **connection)
    try:
        await member.start()
        member.assign(partitions)
        return {each: await member.committed(each) for each in partitions}
    finally:
        await member.stop()


async def is_compacted(topic: str, **connection: Any) -> bool | None:
    """Whether the broker may delete records anywhere in *topic*; None when it does not tell."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {_POLICY: None})])
    except KafkaConnectionError:
        return False  # the embedded broker knows no such question, nor any compaction
    except KafkaError:
        return None
    finally:
        await admin.close()
    resources = [resource for answer in answers for resource in answer.resources]
    if any(error_code for error_code, *_ in resources):
        return None
    return any(name == _POLICY and "compact" in value for *_, entries in resources for name, value, *_ in entries)
