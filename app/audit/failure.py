"""What ends an audit without a result."""

from app.errors import StreamRankError


class AuditFailed(StreamRankError):
    """What is to be compared could not be read; the message says what and why."""
