"""What a peer is told: the service's own variables, and what it is tuned for."""

import os
from dataclasses import dataclass
from enum import StrEnum

TUNING_VARIABLE = "PEER_TUNING"
BATCH_SIZE = 512
"""Most records in one batch: the service's default."""


class Tuning(StrEnum):
    """A peer is at its best for one thing at a time; the service has to do with one configuration for both."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Where records come from and go to, and which model ranks them; the fields are named after the variables."""

    bootstrap_servers: str
    input_topic: str
    output_topic: str
    consumer_group: str
    model_path: str
    model_name: str
    model_device: str
    top_k: int
    tuning: Tuning


def from_environment() -> PeerSettings:
    """Return the settings of this process.

    Raises:
        KeyError: a variable is missing.
    """
    return PeerSettings(
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        input_topic=os.environ["INPUT_TOPIC"],
        output_topic=os.environ["OUTPUT_TOPIC"],
        consumer_group=os.environ["CONSUMER_GROUP"],
        model_path=os.environ["MODEL_PATH"],
        model_name=os.environ["MODEL_NAME"],
        model_device=os.environ.get("MODEL_DEVICE", "auto"),
        top_k=int(os.environ["RANK_TOP_K"]),
        tuning=Tuning(os.environ[TUNING_VARIABLE]),
    )
