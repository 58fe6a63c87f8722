"""TensorFlow, for the tests that ask for it."""

from tests.models.conftest import tf

__all__ = ["tf"]
