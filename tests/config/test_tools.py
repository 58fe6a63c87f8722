from pathlib import Path

import pytest

from config.errors import SettingsError
from config.settings import load_settings
from config.tools import load_for_tool


def test_a_tool_gets_the_settings_of_the_service_without_what_it_does_not_need() -> None:
    needed = {"INPUT_TOPIC": "images", "KAFKA_BOOTSTRAP_SERVERS": "broker:9092"}
    settings = load_for_tool(needed, without=("MODEL_PATH", "OUTPUT_TOPIC"), env_file=None)
    whole = load_settings(needed | {"MODEL_PATH": "-", "OUTPUT_TOPIC": "-"}, env_file=None)

    assert settings == whole
    assert settings.kafka.dead_letter_topic == "images.dead-letters"


def test_what_is_given_counts_also_where_it_is_not_needed(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("OUTPUT_TOPIC=rankings\n")
    settings = load_for_tool({"INPUT_TOPIC": "images"}, without=("MODEL_PATH", "OUTPUT_TOPIC"), env_file=env_file)
    assert settings.kafka.output_topic == "rankings"

    with pytest.raises(SettingsError, match="OUTPUT_TOPIC=images: must differ from INPUT_TOPIC=images"):
        load_for_tool({"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "images"}, without=("MODEL_PATH",), env_file=None)


def test_a_file_that_cannot_be_read_is_a_mistake_as_ever(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("INPUT_TOPIC='images\n")
    with pytest.raises(SettingsError, match="line 1 cannot be read"):
        load_for_tool({"INPUT_TOPIC": "in"}, without=("MODEL_PATH", "OUTPUT_TOPIC"), env_file=tmp_path / ".env")


def test_everything_else_is_demanded_and_checked_as_ever() -> None:
    with pytest.raises(SettingsError) as caught:
        load_for_tool({"KAFKA_SECURITY_PROTOCOL": "SASL"}, without=("MODEL_PATH",), env_file=None)
    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == [
        "INPUT_TOPIC is missing",
        "OUTPUT_TOPIC is missing",
        "KAFKA_SECURITY_PROTOCOL=SASL",
    ]
