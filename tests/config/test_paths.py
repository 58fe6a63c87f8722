from pathlib import Path

import pytest

from config.paths import PATHS, missing_paths
from config.settings import VARIABLES, load_settings
from config.sources import Given


def missing(**values: str) -> list[str]:
    return list(missing_paths({name: Given(value, "environment") for name, value in values.items()}))


def test_paths_that_are_there_are_no_mistakes(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.touch()

    assert missing(MODEL_PATH=f" {tmp_path} ", MODEL_LABELS_PATH=str(labels)) == []
    assert missing() == []


def test_each_path_that_is_not_there_is_a_line_with_its_variable_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert missing(
        MODEL_PATH=f"{tmp_path}/file/digits", MODEL_LABELS_PATH=f"{tmp_path}/me\n", KAFKA_SSL_CAFILE=f"{tmp_path}/ca"
    ) == [
        f"MODEL_PATH={tmp_path}/file/digits: Not a directory",
        f"MODEL_LABELS_PATH={tmp_path}/me: No such file or directory",
        f"KAFKA_SSL_CAFILE={tmp_path}/ca: No such file or directory",
    ]


def test_every_setting_that_is_a_path_is_looked_for() -> None:
    defaults = load_settings({"INPUT_TOPIC": "a", "OUTPUT_TOPIC": "b", "MODEL_PATH": "m"}, env_file=None)
    annotations = {
        name: str(type(getattr(defaults, one.group)).model_fields[one.field].annotation)
        for name, one in VARIABLES.items()
    }

    made = {"MODEL_CACHE_PATH"}
    assert {name for name, annotation in annotations.items() if "Path" in annotation} - made == set(PATHS)


@pytest.mark.parametrize("url", ["s3://bucket/model", "https://me:hush@host/model"])
def test_what_lies_elsewhere_is_not_looked_for(url: str) -> None:
    assert missing(MODEL_PATH=url) == []
