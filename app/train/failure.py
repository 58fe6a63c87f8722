"""What ends a training early."""

from app.errors import StreamRankError


class TrainingFailed(StreamRankError):
    """The model could not be trained; the message says what happened.

    Attributes:
        asked_wrongly: whether it was asked for something that cannot be done, such as files that are not there.
    """

    def __init__(self, message: str, *, asked_wrongly: bool = False) -> None:
        super().__init__(message)
        self.asked_wrongly = asked_wrongly
