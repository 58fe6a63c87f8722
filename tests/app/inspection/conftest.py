"""The fixtures that write models."""

from tests.models.conftest import export, tf

__all__ = ["export", "tf"]
