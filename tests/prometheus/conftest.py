"""Prometheus for the tests, and the small model of the tests of the whole service."""

import pytest

from tests.e2e.conftest import features, mlp
from tests.prometheus.programs import why_no_prometheus

__all__ = ["features", "mlp", "needs_prometheus"]


@pytest.fixture(scope="session")
def needs_prometheus() -> None:
    """For tests that run promtool or Prometheus."""
    if missing := why_no_prometheus():
        pytest.skip(missing)
