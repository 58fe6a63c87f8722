"""What ends the demo early."""

from app.errors import StreamRankError


class DemoFailed(StreamRankError):
    """The demo cannot go on; the message says what happened and what to do."""
