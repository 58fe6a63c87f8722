from pathlib import Path

import pytest

from config.model import missing_paths
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

    assert missing(MODEL_PATH=f"{tmp_path}/file/digits", MODEL_LABELS_PATH=f"{tmp_path}/me\n") == [
        f"MODEL_PATH={tmp_path}/file/digits: Not a directory",
        f"MODEL_LABELS_PATH={tmp_path}/me: No such file or directory",
    ]


@pytest.mark.parametrize("url", ["s3://bucket/model", "https://me:hush@host/model"])
def test_what_lies_elsewhere_is_not_looked_for(url: str) -> None:
    assert missing(MODEL_PATH=url) == []
