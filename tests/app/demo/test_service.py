from pathlib import Path

import pytest

from app.demo.failure import DemoFailed
from app.demo.service import Service, settings_for
from config.settings import VARIABLES


def test_a_service_that_refuses_its_settings_is_reported_with_its_own_words(tmp_path):
    service = Service(tmp_path, port=0, settings={"INPUT_TOPIC": "races", "MODEL_PATH": "/nowhere"})
    with pytest.raises(DemoFailed, match=r"ended with status 2(?s:.*)OUTPUT_TOPIC"):
        service.wait_until_ready(lambda _reason: None)


def test_what_the_user_set_for_a_service_of_their_own_does_not_reach_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCH_MAX_SIZE", "not a number")
    monkeypatch.setenv("output_topic", "mine")
    service = Service(tmp_path, port=0, settings={"INPUT_TOPIC": "races", "MODEL_PATH": "/nowhere"})
    with pytest.raises(DemoFailed) as failure:
        service.wait_until_ready(lambda _reason: None)
    assert "OUTPUT_TOPIC" in str(failure.value)
    assert "BATCH_MAX_SIZE" not in str(failure.value)


def test_a_users_files_of_secrets_do_not_reach_it_either(tmp_path, monkeypatch):
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", "/nowhere/password")
    service = Service(tmp_path, port=0, settings={"INPUT_TOPIC": "races", "MODEL_PATH": "/nowhere"})
    with pytest.raises(DemoFailed) as failure:
        service.wait_until_ready(lambda _reason: None)
    assert "OUTPUT_TOPIC" in str(failure.value)
    assert "KAFKA_SASL_PASSWORD" not in str(failure.value)


def test_its_settings_are_all_known():
    assert settings_for("localhost:9092", Path("/models/race")).keys() <= VARIABLES.keys()
