"""What can go wrong in the service, grouped by what the caller does next.

StreamRankError
├── RejectedRecord      the record is at fault: dead-letter it, go on
│   └── Expired         it is too old: dead-letter it or leave it, as FRESHNESS_ACTION says
└── ServiceError        we or our surroundings are at fault: acknowledge nothing, stop the worker
    ├── PublishFailed   the broker will not take what we send
    ├── ProducerLost    what became of a transaction is in doubt: open its partition anew, go on from what is committed
    ├── ReadAgain       a record is refused that others were left out for: read its partition again, all of it
    ├── ProducerFenced  another worker has the partition by now: let go, join the group again
    ├── ModelFailed     the model failed again and again, or answers for other rows than it was given
    ├── VersionRefused  a version of the model must not take over from the one that serves: go on with that
    ├── Stuck           something does not come back, or nothing moves any more
    ├── ChunkLost       records left Faust's layers without being processed
    └── StartFailed     the worker cannot begin: the message says what to change
"""

from enum import StrEnum
from typing import Literal


class Stage(StrEnum):
    """Where a record was refused: the dead letter's `error-stage`."""

    DECODE = "decode"
    VALIDATE = "validate"
    PREDICT = "predict"
    ENCODE = "encode"
    EXPIRED = "expired"


class Reason(StrEnum):
    """Why a record was refused: the dead letter's `error-reason`."""

    EMPTY = "empty"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    WRONG_SHAPE = "wrong_shape"
    OUT_OF_RANGE = "out_of_range"
    OUT_OF_ORDER = "out_of_order"
    BAD_ID = "bad_id"
    DUPLICATE_CANDIDATE = "duplicate_candidate"
    MODEL_ERROR = "model_error"
    NON_FINITE_SCORE = "non_finite_score"
    NOT_ENCODABLE = "not_encodable"
    TOO_LARGE_TO_PUBLISH = "too_large_to_publish"
    DEADLINE = "deadline"
    MAX_AGE = "max_age"

    @property
    def stage(self) -> Stage:
        """The stage that refuses for this reason."""
        return _STAGES[self]


_STAGES: dict[Reason, Stage] = {
    Reason.EMPTY: Stage.DECODE,
    Reason.INVALID_UTF8: Stage.DECODE,
    Reason.INVALID_JSON: Stage.DECODE,
    Reason.NOT_AN_OBJECT: Stage.DECODE,
    Reason.TOO_DEEP: Stage.DECODE,
    Reason.TOO_LARGE: Stage.DECODE,
    Reason.MISSING_FIELD: Stage.VALIDATE,
    Reason.WRONG_TYPE: Stage.VALIDATE,
    Reason.WRONG_SHAPE: Stage.VALIDATE,
    Reason.OUT_OF_RANGE: Stage.VALIDATE,
    Reason.OUT_OF_ORDER: Stage.VALIDATE,
    Reason.BAD_ID: Stage.VALIDATE,
    Reason.DUPLICATE_CANDIDATE: Stage.VALIDATE,
    Reason.MODEL_ERROR: Stage.PREDICT,
    Reason.NON_FINITE_SCORE: Stage.PREDICT,
    Reason.NOT_ENCODABLE: Stage.ENCODE,
    Reason.TOO_LARGE_TO_PUBLISH: Stage.ENCODE,
    Reason.DEADLINE: Stage.EXPIRED,
    Reason.MAX_AGE: Stage.EXPIRED,
}


class StreamRankError(Exception):
    """Base of everything the service raises on purpose."""


class RejectedRecord(StreamRankError):
    """The record is at fault; the message names the value, the limit and the way out."""

    skipped = False

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def stage(self) -> Stage:
        """The stage that refuses for this reason."""
        return self.reason.stage


class Expired(RejectedRecord):
    """The record came too late to be worth scoring.

    Attributes:
        skipped: it leaves no dead letter either.
    """

    def __init__(self, reason: Reason, message: str, *, skipped: bool) -> None:
        super().__init__(reason, message)
        self.skipped = skipped


class ServiceError(StreamRankError):
    """We or our surroundings are at fault: nothing may be acknowledged."""


class PublishFailed(ServiceError):
    """The broker will not take what we send, however often we try."""


class ProducerLost(ServiceError):
    """What became of a transaction is in doubt; opening its partition anew settles it."""


class ReadAgain(ServiceError):
    """A record is refused that earlier ones were left out for, so that those count after all.

    Attributes:
        end: the offset before which nothing may be left out.
    """

    def __init__(self, end: int, message: str) -> None:
        super().__init__(message)
        self.end = end


class ProducerFenced(ServiceError):
    """Another worker has opened the partition, or the broker has ended our transaction: it is not ours any more."""


class ModelFailed(ServiceError):
    """The model failed again and again, or answers for other rows than it was given; no record is to blame."""


class VersionRefused(ServiceError):
    """A version of the model must not take over from the one that serves.

    Attributes:
        outcome: `failed`: it cannot be loaded or does not answer; `rejected`: it does not fit what records bring.
    """

    def __init__(self, outcome: Literal["failed", "rejected"], message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Stuck(ServiceError):
    """Something of ours does not come back, or nothing moves any more although something waits."""


class ChunkLost(ServiceError):
    """Fetched records were dropped between Faust's layers."""


class StartFailed(ServiceError):
    """The worker cannot begin; the message says what to change."""
