"""The words for what can go wrong."""

import pytest

from app import errors
from app.errors import Reason, RejectedRecord, Stage


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_belongs_to_a_stage(reason: Reason):
    rejection = RejectedRecord(reason, "why")
    assert rejection.stage in Stage
    assert (rejection.reason, rejection.message, str(rejection)) == (reason, "why", "why")


def test_every_stage_has_a_reason():
    assert {RejectedRecord(reason, "").stage for reason in Reason} == set(Stage)


def test_a_rejected_record_is_not_our_fault_and_a_service_error_is_not_the_records():
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert all(issubclass(each, errors.StreamRankError) for each in kinds)
    assert not issubclass(errors.RejectedRecord, errors.ServiceError)
    stops = {each for each in kinds if issubclass(each, errors.ServiceError)}
    assert stops == set(kinds) - {errors.StreamRankError, errors.RejectedRecord, errors.Expired}
    assert [each.__name__ for each in kinds if each.__name__ not in errors.__doc__] == []
