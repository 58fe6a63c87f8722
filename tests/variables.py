"""The environment variables of a service under test."""

from pathlib import Path

from tests.broker.topics import Topics


def variables_for(topics: Topics, model: Path | str) -> dict[str, str]:
    """What a service is told to work on *topics* with *model*; the broker soon notices its death."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": topics.client.bootstrap_servers,
        "INPUT_TOPIC": topics.input,
        "OUTPUT_TOPIC": topics.output,
        "DEAD_LETTER_TOPIC": topics.dead_letters,
        "CONSUMER_GROUP": topics.group,
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "MODEL_PATH": str(model),
    }
