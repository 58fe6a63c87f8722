import json
import re
import subprocess
from pathlib import Path

import numpy as np

from config.settings import ServiceSettings
from models.example import write_example
from models.loader import load

COMPOSE = (Path(__file__).parents[2] / "docker-compose.yml").read_text()


def found(pattern: str) -> str:
    """What *pattern* finds in the compose file, in the shell's own spelling."""
    match = re.search(pattern, COMPOSE, re.DOTALL)
    assert match is not None
    return match[1].replace("$$", "$")


def test_the_sample_records_fit_the_example_model(tmp_path: Path) -> None:
    write_example(tmp_path)
    model = load(tmp_path)
    script = found(r"(awk -v records=.*?') \| ")

    lines = subprocess.run(
        ["bash", "-c", script], env={"RECORDS": "7"}, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    headers, keys, values = zip(*(line.split("\t") for line in lines), strict=True)
    records = [json.loads(value) for value in values]
    assert set(headers) == {"sent-by:sample"}
    assert list(keys) == [record["id"] for record in records] == [f"r{number}" for number in range(1, 8)]
    features = np.array([record["features"] for record in records], np.float32)
    assert model.predict({"features": features}).scores.shape == (7, 5)


def test_a_worker_is_given_more_time_to_stop_than_it_takes() -> None:
    grace = float(found(r"stop_grace_period: (\d+)s # more than SHUTDOWN_TIMEOUT_SECONDS"))

    assert grace > ServiceSettings.model_fields["shutdown_timeout_seconds"].default
