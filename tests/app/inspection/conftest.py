"""The fixtures that write models, and one that keeps them."""

from tests.models.conftest import export, tf
from tests.models.test_remote import bucket, s3

__all__ = ["bucket", "export", "s3", "tf"]
