"""One cluster and one model for all tests of the chaos harness."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.deck import PLACES
from tests.chaos.session import export_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chaos") / "model"
    export_model(path)
    return path


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """For tests marked `needs_apache_kafka`; nobody else uses it, so its broker may be killed."""
    with Cluster(tmp_path_factory.mktemp("chaos-kafka"), PLACES + 1) as cluster:
        yield cluster
