"""The settings of the brokers, the topics and the consumer group."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from config.group import Group
from config.values import INT32_MAX, Count, Servers, Text, Topic


class KafkaSettings(Group):
    """The brokers, the topics and the consumer group."""

    bootstrap_servers: Servers = Field(
        ("localhost:9092",), validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="comma-separated brokers"
    )
    input_topic: Topic = Field(
        validation_alias="INPUT_TOPIC", description="the topic that records come from", examples=["images"]
    )
    output_topic: Topic = Field(
        validation_alias="OUTPUT_TOPIC", description="the topic that predictions go to", examples=["rankings"]
    )
    dead_letter_topic: Topic = Field(
        "",
        validation_alias="DEAD_LETTER_TOPIC",
        description="the topic that refused records go to",
        json_schema_extra={"default_text": "<INPUT_TOPIC>.dead-letters"},
    )
    shadow_topic: Topic | None = Field(
        None,
        validation_alias="SHADOW_TOPIC",
        description="the topic that the rankings of `MODEL_SHADOW_VERSION` go to",
    )
    standings_topic: Topic | None = Field(
        None,
        validation_alias="STANDINGS_TOPIC",
        description="the compacted topic that keeps standings; made when it is not there",
        json_schema_extra={"default_text": "<INPUT_TOPIC>.<CONSUMER_GROUP>.standings"},
    )
    consumer_group: Text = Field(
        "streamrank", validation_alias="CONSUMER_GROUP", description="workers of one group share the partitions"
    )
    auto_offset_reset: Literal["earliest", "latest"] = Field(
        "earliest", validation_alias="AUTO_OFFSET_RESET", description="where a new group starts: `earliest` or `latest`"
    )
    processing_guarantee: Literal["at_least_once", "exactly_once"] = Field(
        "at_least_once",
        validation_alias="PROCESSING_GUARANTEE",
        description="`at_least_once`: after a crash some records may be ranked again, none is lost; `exactly_once`: "
        "none is ranked twice either, for readers with `isolation.level=read_committed`",
    )
    transaction_max_ms: int = Field(
        100,
        ge=0,
        le=5000,
        validation_alias="TRANSACTION_MAX_MS",
        description="with `exactly_once`: how long a transaction may go on while more is ready for it",
    )
    commit_interval_ms: Count = Field(
        100, validation_alias="COMMIT_INTERVAL_MS", description="commits follow confirmations within this"
    )
    session_timeout_ms: int = Field(
        10_000,
        ge=1000,
        le=INT32_MAX,
        validation_alias="KAFKA_SESSION_TIMEOUT_MS",
        description="how long a dead worker keeps its partitions",
    )

    @property
    def exactly_once(self) -> bool:
        """Whether records are read, published and committed in transactions."""
        return self.processing_guarantee == "exactly_once"

    @property
    def state_topic(self) -> str:
        """The topic that keeps standings; each group has its own."""
        return self.standings_topic or f"{self.input_topic}.{self.consumer_group}.standings"

    @field_validator("dead_letter_topic", mode="before")
    @classmethod
    def _name_after_input(cls, name: str, info: ValidationInfo) -> str:
        # A wrong input topic is a mistake of its own and must not show up as a second one here.
        return name or f"{info.data.get('input_topic', '')}.dead-letters"

    @field_validator("output_topic", "dead_letter_topic", "shadow_topic", "standings_topic")
    @classmethod
    def _differ(cls, name: str | None, info: ValidationInfo) -> str | None:
        for other in ("input_topic", "output_topic", "dead_letter_topic"):
            if name is not None and info.data.get(other) == name:
                raise ValueError(f"must differ from {other.upper()}={name}")
        return name
